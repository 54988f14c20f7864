"""Why the salient pipeline answers as it does: photo, heat map, blobs, clicks and mask in a row."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from squeezesam.inference.letterbox import resized
from squeezesam.inference.mask_cleanup import blob_numbers
from squeezesam.inference.overlay import (
    DARK,
    LIGHT,
    TINT,
    Colour,
    draw_overlay,
    draw_path,
    mask_picture,
    numbered_marker,
    outline,
    paste_marker,
    resized_mask,
    side_by_side,
)
from squeezesam.inference.prompts import check_prompts
from squeezesam.inference.saliency_predictor import HEAT_LEVELS, SalientFinding
from squeezesam.inference.saliency_prompt import (
    DEFAULT_SAMPLING,
    ClickSampling,
    Heat,
    Mask,
    SalientObject,
    is_hot_enough,
    is_large_enough,
    most_salient_blob,
)
from squeezesam.spec import SALIENCY_STRIDE

PANEL = 480
"""Long side of the photo in a panel, in pixels as all of these."""

LEAST_SIZE = (380, 60)
"""Width and height of a panel that its text fits in."""

HEADER = 46
MARKER_RADIUS = 11
TITLE_FONT, TEXT_FONT = 17, 14
INK: Colour = (40, 40, 40)
PAPER: Colour = (236, 236, 236)
OTHER_BLOB: Colour = (235, 140, 40)
DIMMED = 0.55
"""Brightness of the grey photo under heat and blobs."""

BLOB_OPACITY = 0.7
HEAT_OPACITY = 0.85
RAMP: tuple[Colour, ...] = (
    (0, 0, 4),
    (33, 12, 74),
    (87, 16, 110),
    (138, 34, 106),
    (188, 55, 84),
    (228, 90, 49),
    (249, 142, 9),
    (249, 203, 53),
    (252, 255, 164),
)
"""Perceptually even steps from cold to hot: matplotlib's `inferno` at every eighth."""


def explain(
    photo: NDArray[np.uint8],
    finding: SalientFinding,
    mask: NDArray[np.bool_] | None,
    sampling: ClickSampling = DEFAULT_SAMPLING,
) -> Image.Image:
    """Draw all steps beside each other.

    Args:
        photo: [H, W, 3] RGB.
        finding: what stands out in it, perhaps nothing.
        mask: [H, W], the automatic answer; None where nothing stands out.
        sampling: the thresholds that the finding was made with.
    """
    height, width = photo.shape[:2]
    inside = finding.letterbox.inside
    shrink = PANEL / max(width, height)
    small = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    scene = Image.fromarray(resized(photo, small))
    heat, salient = finding.heat, finding.salient
    numbers = blob_numbers(heat >= sampling.threshold)
    panels = [
        titled(scene, "photo", f"{width} x {height}"),
        titled(heat_panel(scene, heat, inside), "heat map", f"hottest {percent(heat.max())}"),
        titled(
            blob_panel(scene, numbers, salient, inside),
            "blobs",
            f"{numbers.max() or 'none'} at {percent(sampling.threshold)} or more"
            + ("" if salient is None else ", the chosen one blue"),
        ),
    ]
    if salient is None or mask is None:
        reasons = shortcomings(heat, numbers, sampling)
        panels.append(
            titled(text_panel(small, reasons), "nothing stands out", "no clicks, no mask")
        )
        return side_by_side(panels)
    clicked = scene.copy()
    per_pixel = tuple(
        side * SALIENCY_STRIDE / filled for side, filled in zip(small, inside, strict=True)
    )
    draw_sections(clicked, salient, enlarged(salient.blob, inside, small), per_pixel)
    nothing_asked = check_prompts(None, None, None, width=width, height=height)
    masked = draw_overlay(np.array(scene), resized_mask(mask, small), nothing_asked)
    return side_by_side(
        [
            *panels,
            titled(clicked, "clicks", "1: centre of the whole, 2 to 5: of its sections"),
            titled(masked, "mask", f"{mask.mean():.1%} of the photo"),
        ]
    )


def shortcomings(heat: Heat, numbers: NDArray[np.int32], sampling: ClickSampling) -> list[str]:
    """What the most salient blob of a heat map [h, w] lacks to be an object, in short lines."""
    blob = most_salient_blob(heat, numbers)
    if blob is None:
        return [f"no pixel reaches {percent(sampling.threshold)}"]
    lines = []
    if not is_large_enough(blob, sampling):
        least = sampling.smallest_per_mille / 1000
        lines.append(f"the blob covers {blob.mean():.3%}, an object {least:.1%} or more")
    if not is_hot_enough(heat, blob, sampling):
        hottest, least_hot = percent(heat[blob].max()), percent(sampling.peak)
        lines.append(f"its hottest pixel has {hottest}, an object {least_hot} or more")
    return lines


def heat_panel(scene: Image.Image, heat: Heat, inside: tuple[int, int]) -> Image.Image:
    """A heat map [h, w] in colour over the dimmed photo, which shows where it is cold."""
    levels = np.linspace(0, HEAT_LEVELS, len(RAMP))
    ramp = np.stack(
        [
            np.interp(np.arange(HEAT_LEVELS + 1), levels, channel)
            for channel in zip(*RAMP, strict=True)
        ],
        axis=1,
    ).round()
    shown = stretched(Image.fromarray(heat), inside, scene.size, Image.Resampling.BICUBIC)
    colours = Image.fromarray(ramp.astype(np.uint8)[np.asarray(shown)])
    panel = dimmed(scene)
    # Opacity rises faster than heat, so that lukewarm places show too.
    panel.paste(
        colours,
        mask=shown.point(lambda v: round(HEAT_LEVELS * HEAT_OPACITY * (v / HEAT_LEVELS) ** 0.5)),
    )
    return panel


def blob_panel(
    scene: Image.Image,
    numbers: NDArray[np.int32],
    salient: SalientObject | None,
    inside: tuple[int, int],
) -> Image.Image:
    """All blobs [h, w] over the dimmed photo, the chosen one in another colour and outlined."""
    panel = dimmed(scene)
    others = numbers > 0 if salient is None else (numbers > 0) & ~salient.blob
    panel.paste(OTHER_BLOB, mask=faint(enlarged(others, inside, scene.size)))
    if salient is not None:
        chosen = enlarged(salient.blob, inside, scene.size)
        panel.paste(TINT, mask=faint(chosen))
        draw_outline(panel, chosen)
    return panel


def draw_sections(
    picture: Image.Image,
    salient: SalientObject,
    shape: Image.Image,
    per_pixel: tuple[float, ...],
) -> None:
    """Draw a blob's outline, the lines that cut it and its clicks, numbered, onto a picture.

    Args:
        picture: to draw on.
        salient: blob and clicks in pixels of the heat map.
        shape: the blob at the size of the picture, 255 inside.
        per_pixel: pixels of the picture for one of the heat map, along x and y.
    """
    draw_outline(picture, shape)
    rows, columns = np.nonzero(salient.blob)
    middle = salient.clicks[0]

    def place(x: float, y: float) -> tuple[float, float]:
        return x * per_pixel[0], y * per_pixel[1]

    # The row and column of the first click belong to the upper and the left sections.
    across, down = middle.x + 1, middle.y + 1
    draw_path(picture, [place(columns.min(), down), place(columns.max() + 1, down)], 1)
    draw_path(picture, [place(across, rows.min()), place(across, rows.max() + 1)], 1)
    numbered = list(enumerate(salient.clicks, start=1))
    for number, click in reversed(numbered):
        x, y = place(click.x + 0.5, click.y + 0.5)
        paste_marker(picture, numbered_marker(number, MARKER_RADIUS), (int(x), int(y)))


def draw_outline(picture: Image.Image, shape: Image.Image) -> None:
    """Draw the edge of a shape, of the picture's size, in light on dark."""
    picture.paste(DARK, mask=outline(shape, 2))
    picture.paste(LIGHT, mask=outline(shape, 1))


def enlarged(mask: Mask, inside: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """A mask [h, w] of the heat map at the size of a panel, its pixels as they are."""
    return stretched(mask_picture(mask), inside, size, Image.Resampling.NEAREST)


def stretched(
    picture: Image.Image,
    inside: tuple[int, int],
    size: tuple[int, int],
    resampling: Image.Resampling,
) -> Image.Image:
    """A picture of the heat map's size at that of a panel.

    Its last pixels may end before the photo does, by less than one of them; they are repeated.
    """
    padded = Image.fromarray(np.pad(np.asarray(picture), ((0, 1), (0, 1)), mode="edge"))
    columns, rows = (side / SALIENCY_STRIDE for side in inside)
    return padded.resize(size, resampling, box=(0, 0, columns, rows))


def faint(shape: Image.Image) -> Image.Image:
    """The shape as an opacity that lets the photo through."""
    return shape.point(lambda value: round(value * BLOB_OPACITY))


def dimmed(scene: Image.Image) -> Image.Image:
    """A photo in dark grey, RGB."""
    return ImageOps.grayscale(scene).point(lambda value: round(value * DIMMED)).convert("RGB")


def titled(panel: Image.Image, title: str, text: str) -> Image.Image:
    """A panel under its title and a line of text."""
    width, height = (max(sides) for sides in zip(panel.size, LEAST_SIZE, strict=True))
    picture = Image.new("RGB", (width, HEADER + height), "white")
    canvas = ImageDraw.Draw(picture)
    canvas.text((4, 4), title, INK, ImageFont.load_default(TITLE_FONT))
    canvas.text((4, 25), text, INK, ImageFont.load_default(TEXT_FONT))
    picture.paste(panel, (0, HEADER))
    return picture


def text_panel(size: tuple[int, int], lines: list[str]) -> Image.Image:
    """Lines of text on paper, in a panel of at least this width and height."""
    width, height = (max(sides) for sides in zip(size, LEAST_SIZE, strict=True))
    panel = Image.new("RGB", (width, height), PAPER)
    canvas = ImageDraw.Draw(panel)
    canvas.multiline_text((12, 10), "\n".join(lines), INK, ImageFont.load_default(TEXT_FONT))
    return panel


def percent(level: int | np.uint8) -> str:
    """A byte of the heat map as a share of 255."""
    return f"{int(level) / HEAT_LEVELS:.0%}"
