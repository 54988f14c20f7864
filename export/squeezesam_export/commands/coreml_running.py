"""What `squeezesam coreml-run` does."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.cli import complain
from squeezesam.commands.segmenting import files_of, for_each
from squeezesam.data.listing import PHOTO_SUFFIXES
from squeezesam.errors import ConfigError
from squeezesam.files import whole_file
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import INTERPRETER_LIMITS
from squeezesam.inference.prompt_text import click_in_pixels, parse_box, parse_point
from squeezesam.inference.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.spec import (
    IMAGE,
    PROMPT_MAPS,
    PROMPT_TOKENS,
    SEGMENTER,
    NetworkKind,
)
from squeezesam.strict_json import shown
from squeezesam.terminal import aligned_table
from squeezesam_export.bundle.array_files import ArrayFile
from squeezesam_export.commands.coreml_run import ARCHIVE_SUFFIX, ARRAY_SUFFIX
from squeezesam_export.mlprogram.comparing import PackageComparison, compare
from squeezesam_export.mlprogram.features import Array, Other, Picture
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.targets.coreml_target import picture
from squeezesam_export.targets.target import graph_kinds

SHOWN_VALUES = 4
SHOWN_CLASSES = 5
PROMPTS = (PROMPT_MAPS, PROMPT_TOKENS)
"""Inputs of our segmenter that --point and --box give."""


def run_package(args: argparse.Namespace) -> None:
    """Run the package on each set of inputs and print what it answers.

    Raises:
        SqueezeSamError: the package cannot be run, or inputs do not suit it.
    """
    model = InterpretedModel(args.package)
    if not args.input:
        print(features_table(model))
        return
    if not math.isfinite(args.bound):
        raise ConfigError(f"--bound {args.bound} must be a number of decibels")
    runs = input_sets(args.input)
    several = any(place_of(word).is_dir() for word in args.input)
    check_out(args, several)
    reference = None if args.against is None else InterpretedModel(args.against)
    compared: list[tuple[Path, PackageComparison]] = []
    done = []

    def work(source: Path) -> None:
        inputs = read_inputs(args, runs[source], model)
        if reference is not None:
            compared.append((source, compare(model, reference, inputs, args.bound)))
            done.append(source)
            return
        outputs = model.predict(inputs)
        done.append(source)
        if several:
            print(f"{source}:")
        print(outputs_table(outputs))
        if args.out:
            path = args.out / f"{source.name}{ARCHIVE_SUFFIX}" if several else args.out
            with whole_file(path) as partial, partial.open("wb") as file:
                np.savez(file, **as_arrays(outputs))
            print(f"wrote {path}")

    try:
        for_each(list(runs), work, lambda message: complain("coreml-run", message))
    finally:
        if compared:
            print(comparison_report(compared, args.bound))
        if done:
            print(f"The {INTERPRETER_LIMITS}.")


def input_sets(words: Sequence[str]) -> dict[Path, list[str]]:
    """Values of --input for each run, by the file that tells the runs apart.

    Args:
        words: NAME=FILE or FILE; one file may be a folder, which stands for each file in it.

    Raises:
        ConfigError: several are folders.
        DataError: a folder has no file of a known kind.
    """
    folders = [word for word in words if place_of(word).is_dir()]
    if not folders:
        return {place_of(words[0]): list(words)}
    if len(folders) > 1:
        raise ConfigError(f"--input {folders[1]} is a second folder; give one, and files beside it")
    (folder,) = folders
    name = folder.removesuffix(str(place_of(folder)))
    files = files_of([place_of(folder)], PHOTO_SUFFIXES | {ARRAY_SUFFIX, ARCHIVE_SUFFIX})
    return {file: [f"{name}{file}" if word == folder else word for word in words] for file in files}


def place_of(word: str) -> Path:
    """The path of NAME=FILE or FILE."""
    name, equals, path = word.partition("=")
    return Path(path if equals else name)


def check_out(args: argparse.Namespace, several: bool) -> None:
    """Refuse a place for outputs that is none.

    Raises:
        ConfigError: it is not an archive, or not a folder where there are several runs, or a
            comparison writes nothing.
    """
    if args.out is None:
        return
    if args.against is not None:
        raise ConfigError(f"--out {args.out}: --against compares outputs and writes none; leave it")
    if several and args.out.suffix:
        raise ConfigError(f"--out {args.out} takes one file; name a folder for several inputs")
    if not several and args.out.suffix != ARCHIVE_SUFFIX:
        raise ConfigError(f"--out {args.out} must end in {ARCHIVE_SUFFIX}")


def comparison_report(compared: Sequence[tuple[Path, PackageComparison]], bound_db: float) -> str:
    """What two packages differ in, over one or several sets of inputs.

    Args:
        compared: the comparison of each set of inputs, and the file that tells it apart.
        bound_db: that operators were held to.
    """
    header = ("output", "max error", "largest in", "SQNR dB", "lowest in")
    rows = []
    for index, output in enumerate(compared[0][1].outputs):
        differences = [(source, one.outputs[index]) for source, one in compared]
        largest = max(differences, key=lambda pair: pair[1].max_error)
        lowest = min(differences, key=lambda pair: pair[1].sqnr_db)
        rows.append(
            (
                output.name,
                f"{largest[1].max_error:.3g}",
                largest[0].name,
                decibels_text(lowest[1].sqnr_db),
                lowest[0].name,
            )
        )
    lines = [aligned_table(header, rows, {"output", "largest in", "lowest in"})]
    _, last = compared[-1]
    lines.append(
        f"{last.compared} of {last.operators} operators were compared: both packages have results "
        "of their name and shape."
    )
    beyond = [(source, one.first) for source, one in compared if one.first is not None]
    if not beyond:
        lines.append(f"None of them is below {bound_db:g} dB.")
    for source, first in beyond:
        lines.append(
            f"{source.name}: the first below {bound_db:g} dB is {first.name}: max error "
            f"{first.max_error:.3g}, SQNR {decibels_text(first.sqnr_db)} dB"
        )
    return "\n".join(lines)


def decibels_text(sqnr_db: float) -> str:
    """A number for a table."""
    return "exact" if sqnr_db == math.inf else f"{sqnr_db:.1f}"


def read_inputs(
    args: argparse.Namespace, words: Sequence[str], model: InterpretedModel
) -> dict[str, object]:
    """What the options give for each input; optional ones may be absent.

    Args:
        args: the options.
        words: those of --input for this run.
        model: that takes them.

    Raises:
        ArtifactError, ConfigError, DataError, ImageError, PromptError: they do not fit.
    """
    prompted = bool(args.point) or args.box is not None
    if len(words) == 1 and words[0].endswith(ARCHIVE_SUFFIX):
        if prompted:
            raise ConfigError(
                f"--input {words[0]} holds encoded prompts; leave --point and --box out"
            )
        return golden_inputs(Path(words[0]), args.case, model)
    ours = our_kind(model)
    if prompted and ours is not SEGMENTER:
        raise ConfigError(
            f"{args.package}: --point and --box are for a {SEGMENTER.title} of 'squeezesam "
            "export'; leave them out"
        )
    files = chosen_inputs(words, model, PROMPTS if prompted else ())
    photo = None if ours is None else files.pop(IMAGE)
    features = {one.name: one for one in model.inputs}
    inputs = {name: read_input(features[name], path) for name, path in files.items()}
    return inputs if photo is None else inputs | photo_inputs(photo, args, model)


def our_kind(model: InterpretedModel) -> NetworkKind | None:
    """Which of our networks takes and gives what a package describes; None for all others."""
    names = [one.name for one in model.inputs], [one.name for one in model.outputs]
    for kind in graph_kinds():
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
