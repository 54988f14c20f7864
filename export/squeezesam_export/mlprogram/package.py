"""Finding the model and the weights of an .mlpackage, the files that ship."""

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam_export.mlprogram.features import Array, Other, Picture, read_feature
from squeezesam_export.mlprogram.program import Program, WeightFile, read_program

MANIFEST = "Manifest.json"
DATA = "Data"
MAX_MANIFEST_BYTES = 1_000_000
MAX_MODEL_BYTES = 100_000_000
"""Of the model's file, in which weights are the exception."""

MAX_WEIGHT_BYTES = 2**32

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
        spec.ParseFromString(read_file(path, model, MAX_MODEL_BYTES))
    except (OSError, ValueError, damage) as error:
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
    try:
        from google.protobuf.message import DecodeError

        model = import_module(f"{message_package()}.Model_pb2").Model()
    except ImportError as error:
        raise MissingDependencyError(
            f"reading an .mlpackage needs {error.name or error}; pip install coremltools"
        ) from error
    return model, DecodeError


@cache
def message_package() -> str:
    """Name of a package of coremltools' messages alone.

    `coremltools.proto` cannot be imported without all of coremltools, which takes seconds, imports
    PyTorch and torchao, and has notes on versions to print. The messages need protobuf only.

    Raises:
        ImportError: coremltools is not installed.
    """
    coremltools = find_spec("coremltools")
    if coremltools is None or coremltools.origin is None:
        raise ImportError(name="coremltools")
    folder = Path(coremltools.origin).parent / "proto"
    spec = spec_from_file_location(
        "coremltools_messages", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(name="coremltools.proto")
    sys.modules[spec.name] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    return spec.name


def model_file(path: Path) -> Path:
    """The model's file inside of a package.

    Raises:
        ArtifactError: the path is no package.
    """
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise ArtifactError(f"{path} {what}; name an .mlpackage")
    try:
        manifest = json.loads(read_file(path, path / MANIFEST, MAX_MANIFEST_BYTES))
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        model = path / DATA / item["path"]
        check_inside(path, model)
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ArtifactError(
            f"{path} is no .mlpackage: its {MANIFEST} is missing or damaged; convert it again"
        ) from error
    return model


def weight_files(package: Path, folder: Path) -> Callable[[str], WeightFile]:
    """Opens the weight files of a model, each once.

    Args:
        package: that they must lie in.
        folder: that the model lies in.
    """

    @cache
    def opened(name: str) -> WeightFile:
        path = folder / name.removeprefix(MODEL_PATH)
        try:
            return WeightFile(path, read_file(package, path, MAX_WEIGHT_BYTES))
        except ArtifactError:
            raise
        except OSError as error:
            raise ArtifactError(
                f"{package}: {path.name[-MOST_SHOWN:]}: {error.strerror}; convert the package again"
            ) from error
        except ValueError as error:
            raise ArtifactError(
                f"{shown(str(path))} leads out of the package; convert it again"
            ) from error

    return opened


def read_file(package: Path, path: Path, limit: int) -> bytes:
    """Content of a file of a package, whose name a stranger wrote.

    Args:
        package: that the file must lie in.
        path: of the file.
        limit: bytes that it may have.

    Raises:
        OSError: it is missing, no regular file, or larger.
        ValueError: it lies outside of the package, by its name or by a link.
    """
    check_inside(package, path)
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if state.st_size > limit:
        raise OSError(errno.EFBIG, f"it has {state.st_size} bytes, more than {limit}")
    return path.read_bytes()


def check_inside(package: Path, path: Path) -> None:
    """See that a path lies in a package, whether or not there is anything.

    Raises:
        ValueError: it does not, or cannot be a path.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(package)):
        raise ValueError(f"{shown(str(path))} leads out of {package}")
