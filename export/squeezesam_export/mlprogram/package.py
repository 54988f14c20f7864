"""Finding the model and the weights of an .mlpackage, the files that ship."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.blobs import WeightFile
from squeezesam_export.mlprogram.program import Program, read_program
from squeezesam_export.quiet import quiet
from squeezesam_export.target import optional

MANIFEST = "Manifest.json"
DATA = "Data"
MODEL_PATH = "@model_path/"
"""What names of weight files begin with: the folder of the model."""


@dataclass(frozen=True)
class Package:
    """A saved model.

    Attributes:
        path: of the package.
        description: inputs and outputs, a coremltools Model_pb2.ModelDescription or one of a
            function.
        program: the main function.
    """

    path: Path
    description: Any
    program: Program


def read_package(path: Path) -> Package:
    """Read an .mlpackage that holds an ML Program.

    Raises:
        ArtifactError: missing, damaged, or another kind of model.
        MissingDependencyError: coremltools is not installed.
    """
    model = model_file(path)
    with quiet(), optional("coreml"):
        from coremltools.proto import Model_pb2
        from google.protobuf.message import DecodeError

    spec = Model_pb2.Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except (OSError, DecodeError) as error:
        raise ArtifactError(f"{model} is no Core ML model ({error}); convert it again") from error
    kind = spec.WhichOneof("Type")
    if kind != "mlProgram":
        raise ArtifactError(
            f"{path} holds a model of kind {kind}, not an ML Program; "
            "convert it with convert_to='mlprogram'"
        )
    function = spec.description.defaultFunctionName or "main"
    descriptions = {one.name: one for one in spec.description.functions}
    try:
        program = read_program(spec.mlProgram, function, weight_files(model.parent))
    except ArtifactError:
        raise
    except (LookupError, ValueError, TypeError, OverflowError) as error:
        raise ArtifactError(
            f"{path} is damaged ({type(error).__name__}: {error}); convert it again"
        ) from error
    return Package(path, descriptions.get(function, spec.description), program)


def model_file(path: Path) -> Path:
    """The model's file inside of a package.

    Raises:
        ArtifactError: the path is no package.
    """
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise ArtifactError(f"{path} {what}; name an .mlpackage")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        relative = inside(item["path"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ArtifactError(
            f"{path} is no .mlpackage: its {MANIFEST} is missing or damaged; convert it again"
        ) from error
    return path / DATA / relative


def weight_files(folder: Path) -> Callable[[str], WeightFile]:
    """Opens the weight files of a model, each once.

    Args:
        folder: that the model lies in.
    """

    @cache
    def opened(name: str) -> WeightFile:
        return WeightFile(folder / inside(name.removeprefix(MODEL_PATH)))

    return opened


def inside(name: str) -> PurePosixPath:
    """A relative path that stays below its folder.

    Raises:
        ValueError: it leads elsewhere.
    """
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"{name!r} leads out of the package")
    return relative
