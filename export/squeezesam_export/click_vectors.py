"""Drawn heat maps with their clicks as a file, for apps to check their own sampling with."""

import json
from pathlib import Path

from squeezesam.errors import ArtifactError
from squeezesam.saliency.vectors import golden_vectors
from squeezesam_export import strict_json
from squeezesam_export.strict_json import JsonError

NAME = "click_sampling.json"


def write_vectors(path: Path) -> None:
    """Write all cases as a JSON list."""
    path.write_text(json.dumps(golden_vectors(), allow_nan=False) + "\n", encoding="utf-8")


def check_vectors(path: Path) -> None:
    """See that this version finds the clicks of a file.

    Raises:
        ArtifactError: it finds others, or the file is no such list.
    """
    try:
        cases = strict_json.parse(path.read_text(encoding="utf-8"))
    except (OSError, JsonError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; export again") from error
    # Through JSON, so that tuples and lists are alike.
    if cases != json.loads(json.dumps(golden_vectors())):
        raise ArtifactError(f"{path} has other clicks than this version finds; export again")
