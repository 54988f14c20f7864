"""Pictures of an answer: the mask over the photo with the prompts drawn in, and the cutout.

Dark under light, so that outline and clicks show on any background. Everything is pasted in place
onto one copy of the photo, which bounds the memory for large photos.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from squeezesam.prompts import Prompts
from squeezesam.spec import PointLabel

Colour = tuple[int, int, int]
TINT: Colour = (40, 120, 255)
TINT_OPACITY = 0.45
LIGHT: Colour = (255, 255, 255)
DARK: Colour = (0, 0, 0)
CLICK_COLOURS: dict[int, Colour] = {
    PointLabel.POSITIVE: (0, 158, 80),
    PointLabel.NEGATIVE: (220, 40, 30),
}
SUPERSAMPLING = 4


def draw_overlay(
    photo: NDArray[np.uint8], mask: NDArray[np.bool_], prompts: Prompts
) -> Image.Image:
    """The photo with the mask tinted and outlined, and the prompts drawn in.

    Args:
        photo: [H, W, 3] RGB.
        mask: [H, W].
        prompts: what was asked, in photo pixels.
    """
    picture = Image.fromarray(photo)
    shape = mask_picture(mask)
    line = max(1, max(picture.size) // 500)
    picture.paste(TINT, mask=shape.point(lambda value: round(value * TINT_OPACITY)))
    picture.paste(DARK, mask=outline(shape, 2 * line))
    picture.paste(LIGHT, mask=outline(shape, line))
    if prompts.box is not None:
        draw_box(picture, prompts.box, line)
    radius = max(6, max(picture.size) // 70)
    for (x, y), label in zip(prompts.coords, prompts.labels, strict=True):
        marker = click_marker(int(label), radius)
        corner = (int(x) - marker.width // 2, int(y) - marker.height // 2)
        picture.paste(marker, corner, marker)
    return picture


def draw_cutout(photo: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Image.Image:
    """The object alone, RGBA; transparency fades over one pixel on either side of its edge."""
    picture = Image.fromarray(photo)
    picture.putalpha(mask_picture(mask).filter(ImageFilter.BoxBlur(1)))
    return picture


def mask_picture(mask: NDArray[np.bool_]) -> Image.Image:
    """A mask [H, W] as 8-bit grey, 255 inside and 0 outside."""
    return Image.fromarray(mask.view(np.uint8) * np.uint8(255))


def outline(shape: Image.Image, reach: int) -> Image.Image:
    """Opacity of a soft line along the edge of a mask, out to `reach` pixels on both sides."""
    blurred = shape.filter(ImageFilter.BoxBlur(reach))
    return blurred.point(lambda value: min(255, 2 * min(value, 255 - value)))


def draw_box(picture: Image.Image, box: NDArray[np.float32], line: int) -> None:
    """Draw a box (x0, y0, x1, y1), given by its edges, onto the picture."""
    left, top, right, bottom = (float(edge) for edge in box)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    canvas = ImageDraw.Draw(picture)
    canvas.line(corners, fill=DARK, width=3 * line, joint="curve")
    canvas.line(corners, fill=LIGHT, width=line, joint="curve")


def click_marker(label: int, radius: int) -> Image.Image:
    """A ringed disc with a plus or a minus, RGBA, 2 * radius + 1 pixels wide."""
    side = 2 * radius + 1
    whole = side * SUPERSAMPLING
    middle = whole / 2
    marker = Image.new("RGBA", (whole, whole))
    canvas = ImageDraw.Draw(marker)
    for share, colour in ((1.0, DARK), (0.88, LIGHT), (0.70, CLICK_COLOURS[label])):
        canvas.circle((middle, middle), middle * share - 1, fill=colour)
    arm, half_width = middle * 0.42, middle * 0.1
    bars = [(arm, half_width)]
    if label == PointLabel.POSITIVE:
        bars.append((half_width, arm))
    for across, down in bars:
        canvas.rectangle(
            (middle - across, middle - down, middle + across, middle + down), fill=LIGHT
        )
    return marker.resize((side, side), Image.Resampling.BOX)
