"""`squeezesam coreml-run`: any .mlpackage on any platform, in the reference interpreter."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.errors import ConfigError
from squeezesam.files import whole_file
from squeezesam.image_io import read_photo
from squeezesam.prompt_text import POINT_FORM, click_in_pixels, parse_box, parse_point
from squeezesam.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.runtimes import INTERPRETER_LIMITS
from squeezesam.spec import (
    IMAGE,
    NETWORK_KINDS,
    PROMPT_MAPS,
    PROMPT_TOKENS,
    SEGMENTER,
    NetworkKind,
)
from squeezesam.strict_json import shown
from squeezesam.tables import aligned_table
from squeezesam.transforms import Letterbox
from squeezesam_export.array_files import ArrayFile
from squeezesam_export.coreml_target import picture
from squeezesam_export.mlprogram.features import Array, Other, Picture
from squeezesam_export.mlprogram.model import InterpretedModel

HELP = "run a Core ML package on any platform, operator by operator"
ARRAY_SUFFIX = ".npy"
ARCHIVE_SUFFIX = ".npz"
SHOWN_VALUES = 4
SHOWN_CLASSES = 5
PROMPTS = (PROMPT_MAPS, PROMPT_TOKENS)
"""Inputs of our segmenter that --point and --box give."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("package", type=Path, help="an .mlpackage that holds an ML Program")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help=f"a picture, or numpy's {ARRAY_SUFFIX} for an array, or a golden {ARCHIVE_SUFFIX} of "
        "an export for all inputs; repeat for several inputs, leave all out to see which there are",
    )
    parser.add_argument(
        "--case",
        type=int,
        default=0,
        metavar="ROW",
        help=f"of a golden {ARCHIVE_SUFFIX}, counted from 0 (default 0)",
    )
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        metavar=POINT_FORM,
        help="for a package of 'squeezesam export' and a photo: a click in its pixels, as of "
        "'squeezesam segment'",
    )
    parser.add_argument("--box", metavar="X0,Y0,X1,Y1", help="likewise, a box around the object")
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
    outputs = model.predict(read_inputs(args, model))
    print(outputs_table(outputs))
    print(f"The {INTERPRETER_LIMITS}.")
    if args.out:
        with whole_file(args.out) as partial, partial.open("wb") as file:
            np.savez(file, **as_arrays(outputs))
        print(f"wrote {args.out}")


def read_inputs(args: argparse.Namespace, model: InterpretedModel) -> dict[str, object]:
    """What the options give for each input; optional ones may be absent.

    Raises:
        ArtifactError, ConfigError, DataError, ImageError, PromptError: they do not fit.
    """
    prompted = bool(args.point) or args.box is not None
    if len(args.input) == 1 and args.input[0].endswith(ARCHIVE_SUFFIX):
        if prompted:
            raise ConfigError(
                f"--input {args.input[0]} holds encoded prompts; leave --point and --box out"
            )
        return golden_inputs(Path(args.input[0]), args.case, model)
    ours = our_kind(model)
    if prompted and ours is not SEGMENTER:
        raise ConfigError(
            f"{args.package}: --point and --box are for a {SEGMENTER.title} of 'squeezesam "
            "export'; leave them out"
        )
    files = chosen_inputs(args.input, model, PROMPTS if prompted else ())
    photo = None if ours is None else files.pop(IMAGE)
    features = {one.name: one for one in model.inputs}
    inputs = {name: read_input(features[name], path) for name, path in files.items()}
    return inputs if photo is None else inputs | photo_inputs(photo, args, model)


def our_kind(model: InterpretedModel) -> NetworkKind | None:
    """Which of our networks takes and gives what a package describes; None for all others."""
    names = [one.name for one in model.inputs], [one.name for one in model.outputs]
    for kind in NETWORK_KINDS:
        image = model.inputs[0] if model.inputs else None
        if kind.names() == names and isinstance(image, Picture):
            shapes = [(1, 3, *image.default), *(one.default for one in model.inputs[1:])]
            if kind.shapes(image.default[0])[0] == shapes:
                return kind
    return None


def photo_inputs(
    path: Path, args: argparse.Namespace, model: InterpretedModel
) -> dict[str, object]:
    """A photo, letterboxed as the manifest of an export says, and the prompts on it, if any.

    Raises:
        ImageError, PromptError: the photo cannot be read, or a prompt has no meaning on it.
    """
    photo = read_photo(path)
    height, width = photo.shape[:2]
    letterbox = Letterbox.fit(width, height, model.inputs[0].default[0])
    inputs: dict[str, object] = {IMAGE: picture(letterbox.apply(photo))}
    points = [parse_point(text) for text in args.point]
    box = None if args.box is None else parse_box(args.box).pixels(width, height)
    if not points and box is None:
        return inputs
    places = [click_in_pixels(place, width, height) for place, _ in points]
    labels = [label for _, label in points]
    prompts = check_prompts(places, labels, box, width=width, height=height)
    encoded = encode_prompts(*prompt_slots(prompts, letterbox.scale), None, letterbox.size)
    for name, tensor in zip(PROMPTS, encoded, strict=True):
        inputs[name] = tensor.numpy()
    return inputs


def golden_inputs(path: Path, case: int, model: InterpretedModel) -> dict[str, object]:
    """One case of a golden file of an export, or any archive with an array for each input.

    Args:
        path: of the .npz.
        case: row of those arrays that have more rows than the input.
        model: that takes them.

    Raises:
        ArtifactError, ConfigError, DataError: it is none, or has no such array or row.
    """
    file = ArrayFile(path)
    inputs: dict[str, object] = {}
    for feature in model.inputs:
        if feature.name not in file.forms:
            if isinstance(feature, Array) and feature.fill is not None:
                continue
            raise ConfigError(
                f"{path} has no array {feature.name}; it has {shown(sorted(file.forms))}"
            )
        array = file.read(feature.name)
        if isinstance(feature, Array) and feature.allows((1, *array.shape[1:])):
            if not 0 <= case < len(array):
                raise ConfigError(f"--case {case}: {path} has the rows 0 to {len(array) - 1}")
            array = array[case : case + 1]
        inputs[feature.name] = array if isinstance(feature, Array) else bytes_picture(path, array)
    return inputs


def bytes_picture(path: Path, array: NDArray[Any]) -> Image.Image:
    """The letterboxed bytes of a golden file, uint8 [1, 3, S, S], as a picture.

    Raises:
        ConfigError: it is another array.
    """
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[:2] != (1, 3):
        raise ConfigError(f"{path} holds no picture: {IMAGE} must be uint8 [1, 3, height, width]")
    return Image.fromarray(np.ascontiguousarray(array[0].transpose(1, 2, 0)))


def features_table(model: InterpretedModel) -> str:
    """What the package takes and gives."""
    header = ("", "name", "kind", "shape")
    features: Sequence[tuple[str, Picture | Array | Other]] = [
        *(("input", one) for one in model.inputs),
        *(("output", one) for one in model.outputs),
    ]
    rows = [(way, one.name, one.kind, one.shape_text) for way, one in features]
    return aligned_table(header, rows, set(header))


def chosen_inputs(
    words: Sequence[str], model: InterpretedModel, encoded: Sequence[str]
) -> dict[str, Path]:
    """Files by the name of the input that they are for; one without a name goes to its kind.

    Args:
        words: NAME=FILE or FILE.
        model: that takes them.
        encoded: names of inputs that other options give.

    Raises:
        ConfigError: a name is unknown or repeated, or it is not clear which input is meant.
    """
    names = [one.name for one in model.inputs if one.name not in encoded]
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
    optional = {one.name for one in model.inputs if getattr(one, "fill", None) is not None}
    absent = [name for name in names if name not in files and name not in optional]
    if absent:
        instead = ", or --point or --box" if absent[0] in PROMPTS else ""
        raise ConfigError(f"--input {absent[0]}=FILE is missing; give it{instead}")
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
        ArtifactError: an array of another form.
        ConfigError, DataError: not an array file.
        ImageError: not a picture.
    """
    if isinstance(feature, Array):
        file = ArrayFile(path)
        if file.is_archive:
            raise ConfigError(f"{path} holds several arrays; give it alone, without a name")
        form = file.forms[""]
        feature.check_form(form.dtype, form.shape)
        return file.read()
    photo = Image.fromarray(read_photo(path))
    if feature.allows((photo.height, photo.width)):
        return photo
    height, width = feature.default
    print(
        f"{path}: {photo.width}x{photo.height} resized to {width}x{height}, "
        "bilinear, aspect not kept"
    )
    return photo.resize((width, height), Image.Resampling.BILINEAR)


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
