"""What `squeezesam segment` does."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam.cli import complain
from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.listing import PHOTO_SUFFIXES, list_files, split_name
from squeezesam.errors import (
    ConfigError,
    DataError,
    NoSalientObjectError,
    OutputError,
    SqueezeSamError,
)
from squeezesam.files import check_name
from squeezesam.image_io import FORMATS, STDOUT, check_format, write_image
from squeezesam.inference.explain import explain
from squeezesam.inference.load import InterpretedNetwork, detector_beside, load
from squeezesam.inference.mask_cleanup import bounding_window
from squeezesam.inference.overlay import cutout_strips, mask_picture, overlay_strips
from squeezesam.inference.predictor import MaskAnswer, SamPredictor
from squeezesam.inference.prompt_text import PhotoPlace, click_in_pixels, parse_box, parse_point
from squeezesam.inference.prompts import Prompts, check_prompts
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.networks.weights import shipped_weights
from squeezesam.picture_strips import StripPicture
from squeezesam.spec import DETECTOR, SEGMENTER, PointLabel

T = TypeVar("T")


def files_of(
    paths: Sequence[Path], suffixes: Collection[str], left_out: tuple[str, ...] = ()
) -> dict[Path, DataError | None]:
    """The files that are named, each once; a folder stands for the files in it, sorted by name.

    A folder without such a file is among them, with what is wrong: the work on it raises that, so
    that it does not stop the work on the others.

    Args:
        paths: of files and folders; what is missing is kept, for its reader to say so.
        suffixes: of the files to take from a folder, in lower case, with the dot.
        left_out: endings of the names of those that are not taken from a folder.

    Raises:
        DataError: all that is named are folders that cannot be listed, or have no such file.
    """
    files: dict[Path, DataError | None] = {}
    for path in paths:
        try:
            inside = files_in(path, suffixes, left_out) if path.is_dir() else [path]
        except DataError as error:
            files[path] = error
        else:
            files |= dict.fromkeys(inside)
    errors = [error for error in files.values() if error is not None]
    if errors and len(errors) == len(files):
        raise errors[0]
    return files


def files_in(folder: Path, suffixes: Collection[str], left_out: tuple[str, ...]) -> list[Path]:
    """The files in a folder, as `files_of` takes them.

    Raises:
        DataError: it cannot be listed, or has no such file.
    """
    inside = [
        folder / name
        for name in list_files(folder)
        if split_name(name)[1] in suffixes and not name.endswith(left_out)
    ]
    if not inside:
        raise DataError(
            f"{folder} has no file that ends in {', '.join(sorted(suffixes))}; name another folder"
        )
    return inside


def for_each(things: Sequence[T], work: Callable[[T], None], tell: Callable[[str], None]) -> None:
    """Work on each thing in turn; an error of one is told, and the others go on.

    Args:
        things: what to work on; their text names them in messages.
        work: is called with each.
        tell: shows the message of an error.

    Raises:
        SqueezeSamError: the one error of a single thing; of several things, an error that counts
            those that failed, with the lowest exit status among theirs.
    """
    if len(things) == 1:
        work(things[0])
        return
    errors = []
    for thing in things:
        try:
            work(thing)
        except SqueezeSamError as error:
            errors.append(error)
            tell(str(error) if str(thing) in str(error) else f"{thing}: {error}")
    if errors:
        gravest = min(errors, key=lambda error: error.exit_status)
        raise type(gravest)(f"{len(errors)} of {len(things)} failed; the reasons are above")


@dataclass(frozen=True)
class Output:
    """A kind of picture.

    Attributes:
        mode: of Pillow.
        ending: of its name after the name of its photo.
    """

    mode: str
    ending: str


OUTPUTS = {
    "out": Output("L", ".mask.png"),
    "overlay": Output("RGB", ".overlay.jpg"),
    "cutout": Output("RGBA", ".cutout.png"),
    "explain": Output("RGB", ".explained.jpg"),
}
"""By the option that names it."""


@dataclass(frozen=True)
class SegmentOptions:
    """What the user asks of every photo.

    Attributes:
        points: places and labels of the clicks.
        box: around the object; None without one.
    """

    points: Sequence[tuple[PhotoPlace, PointLabel]]
    box: PhotoPlace | None

    def __bool__(self) -> bool:
        return bool(self.points) or self.box is not None

    def prompts(self, photo: NDArray[np.uint8]) -> Prompts:
        """The same on a photo [H, W, 3].

        Raises:
            PromptError: it has no meaning there.
        """
        height, width = photo.shape[:2]
        return check_prompts(
            [click_in_pixels(place, width, height) for place, _ in self.points],
            [label for _, label in self.points],
            None if self.box is None else self.box.pixels(width, height),
            width=width,
            height=height,
        )


@dataclass(frozen=True)
class SegmentedPhoto:
    """What was cut out of a photo.

    Attributes:
        mask: [H, W].
        given: the same as the predictor gives it.
        prompts: the user's, or the clicks that were found without one.
    """

    mask: NDArray[np.bool_]
    given: MaskAnswer
    prompts: Prompts

    @property
    def iou(self) -> float:
        """As the network predicts it."""
        return float(self.given.iou_predictions[0])


def segment(args: argparse.Namespace) -> None:
    """Segment each photo and write what was named; an error of one photo stops no other.

    Raises:
        SqueezeSamError: an option is wrong, or a photo has no answer.
    """
    if len(args.box) > 1:
        raise ConfigError("--box takes one box here; ask for each object by a command of its own")
    boxes = [parse_box(text) for text in args.box]
    asked = SegmentOptions([parse_point(text) for text in args.point], boxes[0] if boxes else None)
    if asked:
        check_no_detection(args)
    endings = tuple(output.ending for output in OUTPUTS.values())
    named = files_of(args.photo, PHOTO_SUFFIXES, endings)
    plans = planned_outputs(args, [photo for photo, error in named.items() if error is None])
    predictor = chosen_predictor(args, asked)

    def work(photo: Path) -> None:
        try:
            if (no_photos := named[photo]) is not None:
                raise no_photos
            one_photo(predictor, photo, asked, plans[photo], args.json)
        except SqueezeSamError as error:
            if args.json:
                print(json.dumps({"path": str(photo), "error": str(error)}), flush=True)
            raise

    for_each(list(named), work, lambda message: complain("segment", message))


def one_photo(
    predictor: SamPredictor,
    path: Path,
    asked: SegmentOptions,
    outputs: Mapping[str, Path],
    as_json: bool,
) -> None:
    """Segment a photo, write its pictures and say what was done.

    Raises:
        SqueezeSamError: it has no answer, or a picture cannot be written.
    """
    started = time.perf_counter()
    predictor.set_image(path)  # rather than its pixels, of which the predictor would keep a copy
    photo = predictor.pixels
    read = time.perf_counter()
    if asked:
        answer = prompted(predictor, asked.prompts(photo))
    else:
        assert isinstance(predictor, SaliencyPredictor)
        explained = outputs.get("explain")
        answer = automatic(predictor, photo, explained, sys.stderr if as_json else sys.stdout)
    answered = time.perf_counter()
    for name, place in outputs.items():
        if name != "explain":
            write_image(draw(name, photo, answer), place)
    if as_json:
        times = {"read": read - started, "segment": answered - read}
        networks = (predictor.model, getattr(predictor, "detector", None))
        if any(isinstance(network, InterpretedNetwork) for network in networks):
            del times["segment"]  # The time of the reference interpreter says nothing.
        print(json.dumps(record(path, answer, bool(asked), outputs, times)), flush=True)
        return
    found = "" if asked else "the most prominent object, found without a click: "
    places = list(outputs.values())
    print(
        f"{found}predicted IoU {answer.iou:.2f}, mask {answer.mask.mean():.1%} of the photo, "
        f"wrote {', '.join(map(str, places))}",
        file=sys.stderr if STDOUT in places else sys.stdout,
    )


def record(
    path: Path,
    answer: SegmentedPhoto,
    asked: bool,
    outputs: Mapping[str, Path],
    times: Mapping[str, float],
) -> dict[str, Any]:
    """An answer as JSON holds it; names and forms are those of segment-anything and COCO."""
    window = bounding_window(answer.mask)
    bbox = None
    if window is not None:
        rows, columns = window
        bbox = [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
    prompts = answer.prompts
    return {
        "path": str(path),
        "predicted_iou": answer.iou,
        "area": int(answer.mask.sum()),
        "bbox": bbox,
        "segmentation": {"size": [*answer.mask.shape], "counts": encode_rle(answer.mask).counts},
        "point_coords": prompts.coords.tolist(),
        "point_labels": prompts.labels.tolist(),
        "box": None if prompts.box is None else prompts.box.tolist(),
        "clicks_were_found": not asked,
        "files": {name: str(place) for name, place in outputs.items()},
        "milliseconds": {name: round(1000 * seconds, 1) for name, seconds in times.items()},
    }


def check_no_detection(args: argparse.Namespace) -> None:
    """Refuse the options of the automatic answer beside a prompt.

    Raises:
        ConfigError: one is given.
    """
    for name in ("detector", "explain"):
        if getattr(args, name) is not None:
            raise ConfigError(
                f"--{name} {getattr(args, name)} is about the object that is found by itself; "
                "leave it out, or leave --point and --box out"
            )


def chosen_predictor(args: argparse.Namespace, asked: SegmentOptions) -> SamPredictor:
    """What answers; a detector is loaded only where nothing is asked.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError, WeightsError: it cannot be loaded.
    """
    model = load(model_path(args), kind=SEGMENTER)
    if asked:
        return SamPredictor(model)
    detector = load(args.detector or detector_beside(args.model), kind=DETECTOR)
    return SaliencyPredictor(model, detector)


def prompted(predictor: SamPredictor, prompts: Prompts) -> SegmentedPhoto:
    """What the prompts mean on the photo that is set."""
    answer = predictor.answer(prompts.coords, prompts.labels, prompts.box, multimask_output=False)
    return cut_out(answer, prompts)


def automatic(
    predictor: SaliencyPredictor, photo: NDArray[np.uint8], explained: Path | None, says: Any
) -> SegmentedPhoto:
    """The most prominent object of the photo [H, W, 3] that is set, explained where wanted.

    Args:
        predictor: with the photo.
        photo: its pixels.
        explained: the picture that explains the answer; None for none.
        says: the stream that is told of a picture that explains why there is no answer.

    Raises:
        NoSalientObjectError: nothing stands out; what was seen is explained first.
    """
    finding = predictor.finding
    try:
        answer = predictor.answer(multimask_output=False)
    except NoSalientObjectError:
        if explained is not None:
            write_image(explain(photo, finding, None), explained)
            print(f"wrote {explained}", file=sys.stderr if explained == STDOUT else says)
        raise
    found = cut_out(answer, Prompts(finding.coords, finding.labels, None))
    if explained is not None:
        write_image(explain(photo, finding, found.mask), explained)
    return found


def cut_out(answer: MaskAnswer, prompts: Prompts) -> SegmentedPhoto:
    """The first mask of an answer at the size of its photo."""
    (mask,) = answer.photo_masks()
    return SegmentedPhoto(mask, answer, prompts)


def draw(
    output: str, photo: NDArray[np.uint8], answer: SegmentedPhoto
) -> Image.Image | StripPicture:
    """The picture for one of OUTPUTS other than the explanation."""
    if output == "overlay":
        return overlay_strips(photo, answer.mask, answer.prompts)
    if output == "cutout":
        (alpha,) = answer.given.photo_alphas()
        return cutout_strips(photo, alpha)
    return mask_picture(answer.mask)


def planned_outputs(
    args: argparse.Namespace, photos: Sequence[Path]
) -> dict[Path, dict[str, Path]]:
    """For each photo the pictures to write, by option: those that were named, else the mask.

    Raises:
        OutputError: a suffix does not suit its picture, a picture would replace another or a photo,
            or a file is named where several photos need a folder.
    """
    named = {name: getattr(args, name) for name in OUTPUTS if getattr(args, name) is not None}
    in_folders = list(args.photo) != list(photos) or len(photos) > 1
    if in_folders:
        check_folders(named)
    elif args.json and STDOUT in named.values():
        raise OutputError("--json goes to standard output; name a file instead of -")
    if not named and not args.json:
        named, in_folders = {"out": Path()}, True
    stems = Counter(photo.stem for photo in photos)
    taken = {photo.resolve(): f"the photo {photo}" for photo in photos}
    plans = {}
    for photo in photos:
        title = photo.stem if stems[photo.stem] == 1 else photo.name
        plan = {
            name: place / f"{title}{OUTPUTS[name].ending}" if in_folders else place
            for name, place in named.items()
        }
        for name, path in plan.items():
            check_format(path, OUTPUTS[name].mode)
            check_name(path, OutputError)
            if path.resolve() in taken:
                other = taken[path.resolve()]
                raise OutputError(f"--{name} {path} of {photo} is {other} too; name another file")
            taken[path.resolve()] = f"--{name} of {photo}"
        plans[photo] = plan
    return plans


def check_folders(named: Mapping[str, Path]) -> None:
    """See that the places for the pictures of several photos can be folders.

    Raises:
        OutputError: one is a file, or named like one.
    """
    for name, place in named.items():
        if place == STDOUT or place.suffix.lower() in FORMATS or place.is_file():
            raise OutputError(
                f"--{name} {place} takes one picture; name a folder for those of several photos"
            )


def model_path(args: argparse.Namespace) -> Path:
    """The file or directory to load the network from.

    Raises:
        ConfigError: both a model and a variant are named, or the variant is unknown.
        WeightsError: the variant's weights are not shipped.
    """
    if args.model is None:
        return shipped_weights(args.variant or DEFAULT_VARIANT)
    if args.variant is not None:
        raise ConfigError(f"--model {args.model} settles the variant; leave --variant out")
    model: Path = args.model
    return model
