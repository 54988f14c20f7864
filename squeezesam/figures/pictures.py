"""The pictures of README, docs and model card."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_datasets
from squeezesam.evaluation.contact_sheet import PER_ROW, draw_case, draw_row, titled_sheet
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import protocol_of
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo, write_image
from squeezesam.inference.explain import draw_sections, enlarged, explain, heat_panel, titled
from squeezesam.inference.overlay import draw_overlay, side_by_side, stacked
from squeezesam.inference.predictor import Predictor, SamPredictor
from squeezesam.inference.prompts import check_prompts
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.inference.saliency_prompt import Heat, find_salient_object
from squeezesam.spec import SALIENCY_STRIDE, PointLabel
from squeezesam.vectors.saliency import PICTURED

ZOOM = 8
"""Pixels of the picture for one of a heat map."""

MAPS_PER_ROW = 4
CAPTIONS = {
    "disc": "a click on the centre of each section",
    "ring": "the centre is in the hole: the nearest pixel",
    "L": "nothing is upper right: 3 is 1 again",
    "U": "one blob, and click 1 is on its bar",
    "crescent": "cut behind the row and column of click 1",
    "person": "cut off by the border of the photo",
    "corner to corner": "one blob, since corners touch",
    "two blobs": "the larger sum of heat, not the hotter one",
}


def sampling_picture() -> Image.Image:
    """All of PICTURED in rows."""
    panels = [titled(sampled(heat), name, CAPTIONS[name]) for name, heat in PICTURED.items()]
    return stacked(
        [side_by_side(panels[at : at + MAPS_PER_ROW]) for at in range(0, len(panels), MAPS_PER_ROW)]
    )


def sampled(heat: Heat) -> Image.Image:
    """A heat map [h, w] that shows an object, with its sections and clicks."""
    height, width = heat.shape
    inside = width * SALIENCY_STRIDE, height * SALIENCY_STRIDE
    size = width * ZOOM, height * ZOOM
    picture = heat_panel(Image.new("RGB", size, "white"), heat, inside)
    found = find_salient_object(heat)
    if found is not None:
        draw_sections(picture, found, enlarged(found.blob, inside, size), (ZOOM, ZOOM))
    return picture


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
                    return titled_sheet(title, [draw_row("worst", cases)])
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
