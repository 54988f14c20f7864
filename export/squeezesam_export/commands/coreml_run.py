"""`squeezesam coreml-run`: any .mlpackage on any platform, in the reference interpreter."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from squeezesam.errors import ConfigError
from squeezesam.files import whole_file
from squeezesam.image_io import read_photo
from squeezesam.runtimes import INTERPRETER_LIMITS
from squeezesam.tables import aligned_table
from squeezesam_export.mlprogram.features import Array, Other, Picture
from squeezesam_export.mlprogram.model import InterpretedModel

HELP = "run a Core ML package on any platform, operator by operator"
ARRAY_SUFFIX = ".npy"
ARCHIVE_SUFFIX = ".npz"
SHOWN_VALUES = 4
SHOWN_CLASSES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("package", type=Path, help="an .mlpackage that holds an ML Program")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help=f"a picture, or numpy's {ARRAY_SUFFIX} for an array; repeat for several inputs, leave "
        "all out to see which there are",
    )
    parser.add_argument(
        "--out", type=Path, metavar=f"FILE{ARCHIVE_SUFFIX}", help="write all outputs as arrays"
    )


def run(args: argparse.Namespace) -> None:
    """Run the package and print what it answers."""
    if args.out and args.out.suffix != ARCHIVE_SUFFIX:
        raise ConfigError(f"--out {args.out} must end in {ARCHIVE_SUFFIX}")
    model = InterpretedModel(args.package)
    if not args.input:
        print(features_table(model))
        return
    files = chosen_inputs(args.input, model)
    outputs = model.predict({one.name: read_input(one, files[one.name]) for one in model.inputs})
    print(outputs_table(outputs))
    print(f"The {INTERPRETER_LIMITS}.")
    if args.out:
        with whole_file(args.out) as partial, partial.open("wb") as file:
            np.savez(file, **as_arrays(outputs))
        print(f"wrote {args.out}")


def features_table(model: InterpretedModel) -> str:
    """What the package takes and gives."""
    header = ("", "name", "kind", "shape")
    features: Sequence[tuple[str, Picture | Array | Other]] = [
        *(("input", one) for one in model.inputs),
        *(("output", one) for one in model.outputs),
    ]
    rows = [(way, one.name, one.kind, one.shape_text) for way, one in features]
    return aligned_table(header, rows, set(header))


def chosen_inputs(words: Sequence[str], model: InterpretedModel) -> dict[str, Path]:
    """Files by the name of the input that they are for; one without a name goes to its kind.

    Raises:
        ConfigError: a name is unknown or repeated, or it is not clear which input is meant.
    """
    names = [one.name for one in model.inputs]
    files: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals:
            name, path = only_input(word, model), word
        if name not in names:
            raise ConfigError(f"--input {word}: no input {name!r}; there are {', '.join(names)}")
        if name in files:
            raise ConfigError(f"--input {word}: {name} is given already; name another input")
        files[name] = Path(path)
    absent = [name for name in names if name not in files]
    if absent:
        raise ConfigError(f"--input {absent[0]}=FILE is missing; give it")
    return files


def only_input(path: str, model: InterpretedModel) -> str:
    """Name of the one input that a file's kind suits.

    Raises:
        ConfigError: there is none, or several.
    """
    kind = Array if path.endswith(ARRAY_SUFFIX) else Picture
    names = [one.name for one in model.inputs if isinstance(one, kind)]
    if len(names) != 1:
        raise ConfigError(
            f"--input {path}: which input? name it as NAME={path}; "
            f"inputs are {', '.join(f'{one.name} ({one.kind})' for one in model.inputs)}"
        )
    return names[0]


def read_input(feature: Picture | Array, path: Path) -> object:
    """A file as an input takes it; a picture of another size is stretched, which is said.

    Raises:
        ConfigError: not an array file.
        ImageError: not a picture.
    """
    if isinstance(feature, Array):
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ConfigError(
                f"{path} is no array ({error}); give {feature.name} a {ARRAY_SUFFIX} file"
            ) from error
    picture = Image.fromarray(read_photo(path))
    if feature.allows((picture.height, picture.width)):
        return picture
    height, width = feature.default
    print(
        f"{path}: {picture.width}x{picture.height} resized to {width}x{height}, "
        "bilinear, aspect not kept"
    )
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def outputs_table(outputs: Mapping[str, Any]) -> str:
    """One row for each output."""
    header = ("output", "type", "smallest", "mean", "largest", "values")
    rows = [output_row(name, value) for name, value in outputs.items()]
    return aligned_table(header, rows, {"output", "type", "values"})


def output_row(name: str, value: Any) -> tuple[str, ...]:
    """Type, range and first values of an array; the likeliest classes of a classifier."""
    if isinstance(value, dict):
        best = sorted(value.items(), key=lambda item: -item[1])[:SHOWN_CLASSES]
        words = ", ".join(f"{label}: {share:.4f}" for label, share in best)
        return name, f"{len(value)} classes", "", "", "", words
    if not isinstance(value, np.ndarray | Image.Image):
        return name, type(value).__name__, "", "", "", str(value)
    array = np.asarray(value)
    kind = f"{array.dtype} {'x'.join(map(str, array.shape))}"
    first = ", ".join(f"{one:.6g}" for one in array.flat[:SHOWN_VALUES])
    more = ", ..." if array.size > SHOWN_VALUES else ""
    if not array.size:
        return name, kind, "", "", "", "empty"
    numbers = (array.min(), array.mean(dtype=np.float64), array.max())
    return (name, kind, *(f"{one:.6g}" for one in numbers), first + more)


def as_arrays(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs for an archive; a dictionary as NAME.keys and NAME.values."""
    arrays: dict[str, Any] = {}
    for name, value in outputs.items():
        if isinstance(value, dict):
            arrays |= {f"{name}.keys": list(value), f"{name}.values": list(value.values())}
        else:
            arrays[name] = np.asarray(value)
    return arrays
