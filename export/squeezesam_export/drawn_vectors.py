"""Drawn inputs with their answers as files, for apps to check their own code with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from squeezesam import look_vectors, mask_vectors, strict_json
from squeezesam.errors import ArtifactError
from squeezesam.saliency import vectors as click_vectors
from squeezesam.strict_json import JsonError
from squeezesam_export.artifacts import sha256_of
from squeezesam_export.golden import FOLDER
from squeezesam_export.manifest import HashedFile, Manifest

CLICK_SAMPLING = "click_sampling.json"
MASK_CLEANING = "mask_cleaning.json"
LOOKS = "looks.json"
VECTORS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    CLICK_SAMPLING: click_vectors.golden_vectors,
    MASK_CLEANING: mask_vectors.golden_vectors,
    LOOKS: look_vectors.golden_vectors,
}
"""Cases by the name of their file."""


def write_vectors(name: str, directory: Path) -> HashedFile:
    """Write all cases of a name in VECTORS as a JSON list into an export directory."""
    relative = f"{FOLDER}/{name}"
    path = directory / relative
    path.write_text(json.dumps(VECTORS[name](), allow_nan=False) + "\n", encoding="utf-8")
    return HashedFile(relative, sha256_of(path))


def check_vectors(directory: Path, manifest: Manifest) -> None:
    """See that this version gives the answers of the files in an export directory.

    Raises:
        ArtifactError: it gives others, or a file is unknown or no such list.
    """
    for vectors in manifest.vectors:
        path = directory / vectors.file
        try:
            cases = strict_json.read(path)
        except (OSError, JsonError) as error:
            raise ArtifactError(f"{path} is damaged: {error}; export again") from error
        wanted = VECTORS.get(path.name)
        # Through JSON, so that tuples and lists are alike.
        if wanted is None or cases != json.loads(json.dumps(wanted())):
            raise ArtifactError(f"{path} has other answers than this version; export again")
