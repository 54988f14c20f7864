"""A picture of the best, median and worst cases, so that one sees what the figures mean.

Each object that is drawn is asked for once more, which spares keeping thousands of masks.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from squeezesam.data.records import Dataset
from squeezesam.evaluation.protocol import PERCENT, Attempt, EvaluationProtocol
from squeezesam.evaluation.records import ObjectResult
from squeezesam.evaluation.targets import find_targets
from squeezesam.inference.letterbox import resized
from squeezesam.inference.overlay import (
    Colour,
    draw_overlay,
    mask_picture,
    outline,
    resized_mask,
    stacked,
)
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import Prompts

PER_ROW = 5
TILE = 288
GAP = 12
LINE = 28
"""Height of a line of text, in pixels as all of these."""

PAPER: Colour = (250, 250, 250)
INK: Colour = (40, 40, 40)
TARGET: Colour = (255, 170, 0)
LEGEND = "orange line: target; blue with white line: answer; number: IoU in percent"


def contact_sheet(
    predictor: Predictor,
    dataset: Dataset,
    protocol: EvaluationProtocol,
    results: Sequence[ObjectResult],
    title: str,
) -> Image.Image:
    """Draw the sheet.

    Args:
        predictor: the predictor that was evaluated.
        dataset: the data set that was evaluated.
        protocol: the protocol that was used.
        results: at least one.
        title: written on top.
    """
    chosen = best_median_worst(results, protocol)
    rows = [
        draw_row(name, [draw_case(predictor, dataset, protocol, result) for result in row])
        for name, row in chosen.items()
    ]
    return titled_sheet(title, rows)


def titled_sheet(title: str, rows: Sequence[Image.Image]) -> Image.Image:
    """Rows under a title and what the colours mean."""
    header = Image.new("RGB", (rows[0].width, 2 * LINE + GAP), PAPER)
    canvas = ImageDraw.Draw(header)
    canvas.text((GAP, GAP), title, INK, font(19))
    canvas.text((GAP, GAP + LINE), LEGEND, INK, font(14))
    return stacked([header, *rows])


def best_median_worst(
    results: Sequence[ObjectResult], protocol: EvaluationProtocol
) -> dict[str, list[ObjectResult]]:
    """Up to PER_ROW objects for each row, ranked by the IoU of the attempt that is pictured."""
    ranked = sorted(results, key=lambda result: -result.ious[protocol.pictured(result.ious)])
    count = max(1, min(PER_ROW, len(ranked) // 3))
    middle = (len(ranked) - count) // 2
    return {
        "best": ranked[:count],
        "median": ranked[middle : middle + count],
        "worst": ranked[-count:],
    }


def draw_row(name: str, cases: Sequence[Image.Image], columns: int = PER_ROW) -> Image.Image:
    """Cases beside each other under the row's name, each in one of so many columns."""
    height = LINE + max(case.height for case in cases) + GAP
    row = Image.new("RGB", (GAP + columns * (TILE + GAP), height), PAPER)
    ImageDraw.Draw(row).text((GAP, 6), name, INK, font(17))
    for column, case in enumerate(cases):
        row.paste(case, (GAP + column * (TILE + GAP), LINE))
    return row


def draw_case(
    predictor: Predictor,
    dataset: Dataset,
    protocol: EvaluationProtocol,
    result: ObjectResult,
    label: str | None = None,
) -> Image.Image:
    """The photo with target, answer and prompts, its long side TILE pixels, and a caption.

    Args:
        predictor: the predictor that was evaluated.
        dataset: the data set that was evaluated.
        protocol: the protocol that was used.
        result: what came of the object.
        label: stands in the caption beside the IoU; None for the name of the photo.
    """
    image = dataset[result.place]
    pixels = image.pixels()
    predictor.set_image(pixels)
    target = next(one for one in find_targets(image)[0] if one.index == result.index)
    position = protocol.pictured(result.ious)
    attempt = next(islice(protocol.attempts(predictor, target), position, None))
    scale = TILE / max(image.width, image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    photo = resized(pixels, size)
    picture = draw_overlay(photo, resized_mask(attempt.mask, size), scaled(attempt, scale))
    line = outline(mask_picture(resized_mask(target.mask, size)), 1)
    picture.paste(TARGET, mask=line)
    case = Image.new("RGB", (TILE, picture.height + LINE), PAPER)
    case.paste(picture)
    caption = f"{PERCENT * result.ious[position]:.1f}   {label or result.photo}"
    ImageDraw.Draw(case).text((0, picture.height + 4), caption, INK, font(14))
    return case


def scaled(attempt: Attempt, scale: float) -> Prompts:
    """Prompts in the pixels of a resized photo."""
    prompts = attempt.prompts
    box = None if prompts.box is None else prompts.box * np.float32(scale)
    return Prompts((prompts.coords + np.float32(0.5)) * np.float32(scale), prompts.labels, box)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so that nothing has to be installed."""
    return ImageFont.load_default(size)
