"""Finding the model and the weights of an .mlpackage, the files that ship."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from squeezesam import strict_json
from squeezesam.errors import ArtifactError
from squeezesam.files import path_below, read_bytes
from squeezesam.strict_json import shown
from squeezesam_export.mlprogram.blobs import WeightFile
from squeezesam_export.mlprogram.features import Array, Other, Picture, read_feature
from squeezesam_export.mlprogram.program import Program, read_program
from squeezesam_export.quiet import quiet
from squeezesam_export.target import optional

MANIFEST = "Manifest.json"
DATA = "Data"
MAX_MANIFEST_BYTES = 1_000_000
MAX_MODEL_BYTES = 100_000_000
"""Of the model's file, in which weights are the exception."""

MOST_SHOWN = 200
DAMAGE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
"""What Python, numpy and PyTorch raise of descriptions that cannot be; RuntimeError holds
RecursionError."""

MODEL_PATH = "@model_path/"
"""What names of weight files begin with: the folder of the model."""


@dataclass(frozen=True)
class Package:
    """A saved model.

    Attributes:
        path: of the package.
        inputs: that the description lists.
        outputs: likewise.
        keeps_state: whether it remembers anything from one run to the next.
        program: the main function.
    """

    path: Path
    inputs: tuple[Picture | Array | Other, ...]
    outputs: tuple[Picture | Array | Other, ...]
    keeps_state: bool
    program: Program


def read_package(path: Path) -> Package:
    """Read an .mlpackage that holds an ML Program.

    Raises:
        ArtifactError: missing, damaged, or another kind of model.
        MissingDependencyError: coremltools is not installed.
    """
    model = model_file(path)
    spec, damage = empty_model()
    try:
        spec.ParseFromString(read_bytes(model, MAX_MODEL_BYTES))
    except (OSError, damage) as error:
        raise ArtifactError(f"{model} is no Core ML model ({error}); convert it again") from error
    kind = spec.WhichOneof("Type")
    if kind != "mlProgram":
        raise ArtifactError(
            f"{path} holds a model of kind {kind}, not an ML Program; "
            "convert it with convert_to='mlprogram'"
        )
    function = spec.description.defaultFunctionName or "main"
    descriptions = {one.name: one for one in spec.description.functions}
    description = descriptions.get(function, spec.description)
    try:
        inputs, outputs = (
            tuple(map(read_feature, some)) for some in (description.input, description.output)
        )
        for some in (inputs, outputs):
            if len({one.name for one in some}) != len(some):
                raise ValueError("two inputs or two outputs have one name")
        return Package(
            path,
            inputs,
            outputs,
            bool(description.state),
            read_program(spec.mlProgram, function, weight_files(path, model.parent)),
        )
    except ArtifactError:
        raise
    except DAMAGE as error:
        reason = str(error).splitlines()[0][:MOST_SHOWN] if str(error) else ""
        raise ArtifactError(
            f"{path} is damaged ({type(error).__name__}: {reason}); convert it again"
        ) from error


def empty_model() -> tuple[Any, type[Exception]]:
    """A coremltools Model_pb2.Model to parse into, and what it raises where it cannot.

    Raises:
        MissingDependencyError: coremltools is not installed.
    """
    with quiet(), optional("coreml"):
        from coremltools.proto import Model_pb2
        from google.protobuf.message import DecodeError

    return Model_pb2.Model(), DecodeError


def model_file(path: Path) -> Path:
    """The model's file inside of a package.

    Raises:
        ArtifactError: the path is no package.
    """
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise ArtifactError(f"{path} {what}; name an .mlpackage")
    try:
        manifest = strict_json.read(path_below(path, MANIFEST), MAX_MANIFEST_BYTES)
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        name = f"{DATA}/{item['path']}"
        try:
            return path_below(path, name)
        except FileNotFoundError:
            return path / name  # whoever reads it says so
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ArtifactError(
            f"{path} is no .mlpackage: its {MANIFEST} is missing or damaged; convert it again"
        ) from error


def weight_files(package: Path, folder: Path) -> Callable[[str], WeightFile]:
    """Opens the weight files of a model, each once.

    Args:
        package: that they must lie in.
        folder: that the model lies in.
    """

    @cache
    def opened(name: str) -> WeightFile:
        return WeightFile(named_file(package, folder / name.removeprefix(MODEL_PATH)))

    return opened


def named_file(package: Path, path: Path) -> Path:
    """A file that a model names.

    Raises:
        ArtifactError: it is missing, no regular file, or outside of the package.
    """
    try:
        return path_below(package, path.relative_to(package).as_posix())
    except OSError as error:
        name = path.name[-MOST_SHOWN:]
        raise ArtifactError(
            f"{package}: {name}: {error.strerror}; convert the package again"
        ) from error
    except ValueError as error:
        raise ArtifactError(
            f"{shown(str(path))} leads out of the package; convert it again"
        ) from error
