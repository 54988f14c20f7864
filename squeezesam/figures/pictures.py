"""The pictures of README, docs and model card."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_datasets
from squeezesam.evaluation.contact_sheet import PER_ROW, draw_case, draw_row, titled
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import protocol_of
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo, write_image
from squeezesam.overlay import draw_overlay, side_by_side
from squeezesam.predictor import Predictor, SamPredictor
from squeezesam.prompts import check_prompts
from squeezesam.saliency.explain import explain
from squeezesam.saliency.predictor import SaliencyPredictor
from squeezesam.saliency.sampling_picture import sampling_picture
from squeezesam.spec import PointLabel

PARTS = "parts"

SHOWN = "ccp"
"""The one set whose licence (Apache-2.0) lets its photos be shown; no photo of others is drawn."""


def worst_of_parts(
    evaluations: Sequence[Evaluation], sets: Sequence[Path], predictor: Predictor
) -> Image.Image | None:
    """The people of SHOWN that come worst from a click on one of their parts, in a row.

    Args:
        evaluations: the evaluations of the predictor, one for each set.
        sets: data sets, or folders of them.
        predictor: the predictor that was evaluated.

    Returns:
        None where that set was not measured by clicks on parts.
    """
    for evaluation, path in zip(evaluations, sets, strict=True):
        for data, dataset in zip(evaluation.data, open_datasets(path), strict=True):
            for result in data.protocols:
                if data.name == SHOWN and result.protocol == PARTS:
                    protocol = protocol_of(result)
                    worst = sorted(result.objects, key=lambda one: min(one.ious))[:PER_ROW]
                    cases = [draw_case(predictor, dataset, protocol, one) for one in worst]
                    title = f"{evaluation.subject.label} on {SHOWN}, protocol {PARTS}"
                    return titled(title, [draw_row("worst", cases)])
    return None


def draw_pictures(predictor: SaliencyPredictor, out: Path) -> list[Path]:
    """Write every picture into a folder, and say where they are.

    Raises:
        OutputError: the folder cannot be written.
    """
    pictures = {"clicks.jpg": clicked(predictor), "explained.jpg": explained(predictor)}
    for example in EXAMPLES:
        picture = answer(predictor, example.path, [(example.garment, PointLabel.POSITIVE)])
        pictures[f"{example.path.stem}.jpg"] = picture
    pictures["click_sampling.png"] = sampling_picture()
    for name, picture in pictures.items():
        write_image(picture, out / name)
    return [out / name for name in pictures]


def clicked(predictor: SaliencyPredictor) -> Image.Image:
    """One, two and three clicks on the first photo."""
    first = EXAMPLES[0]
    clicks = [
        (first.garment, PointLabel.POSITIVE),
        (first.legs, PointLabel.POSITIVE),
        (first.background, PointLabel.NEGATIVE),
    ]
    return side_by_side(
        [answer(predictor, first.path, clicks[: count + 1]) for count in range(len(clicks))]
    )


def answer(
    predictor: SamPredictor, path: Path, clicks: list[tuple[tuple[int, int], PointLabel]]
) -> Image.Image:
    """The photo with the whole-object mask of some clicks."""
    photo = read_photo(path)
    height, width = photo.shape[:2]
    coords, labels = [place for place, _ in clicks], [label for _, label in clicks]
    predictor.set_image(photo)
    masks, _, _ = predictor.predict(coords, labels, multimask_output=False)
    prompts = check_prompts(coords, labels, None, width=width, height=height)
    return draw_overlay(photo, masks[0], prompts)


def explained(predictor: SaliencyPredictor) -> Image.Image:
    """The way to the first photo's mask without a click."""
    photo = read_photo(EXAMPLES[0].path)
    predictor.set_image(photo)
    masks, _, _ = predictor.predict(multimask_output=False)
    return explain(photo, predictor.finding, masks[0])
