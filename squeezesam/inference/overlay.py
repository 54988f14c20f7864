"""Pictures of an answer: the mask over the photo with the prompts drawn in, and the cutout.

Dark under light, so that outline and clicks show on any background. Pictures of the size of a photo
are drawn strip by strip, which bounds the memory for large photos.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from squeezesam.inference.prompts import Prompts
from squeezesam.picture_strips import StripPicture
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
GAP = 8
"""Pixels between pictures in a row."""


def draw_overlay(
    photo: NDArray[np.uint8], mask: NDArray[np.bool_], prompts: Prompts
) -> Image.Image:
    """What `overlay_strips` gives, as one Pillow image."""
    return overlay_strips(photo, mask, prompts).whole()


def overlay_strips(
    photo: NDArray[np.uint8], mask: NDArray[np.bool_], prompts: Prompts
) -> StripPicture:
    """The photo with the mask tinted and outlined, and the prompts drawn in.

    Args:
        photo: [H, W, 3] RGB.
        mask: [H, W].
        prompts: what was asked, in photo pixels.
    """
    height, width = mask.shape
    line = max(1, max(width, height) // 500)
    radius = max(6, max(width, height) // 70)
    markers = {label: click_marker(label, radius) for label in {*prompts.labels.tolist()}}

    def draw(top: int, bottom: int) -> Image.Image:
        picture = Image.fromarray(photo[top:bottom])
        paste_mask(picture, mask, top, line)
        if prompts.box is not None:
            # Whole pixels, since Pillow cuts off fractions, which differs above and below zero.
            above = np.array([0, top, 0, top], np.float32)
            draw_box(picture, np.floor(prompts.box) - above, line)
        for (x, y), label in zip(prompts.coords, prompts.labels, strict=True):
            paste_marker(picture, markers[int(label)], (int(x), int(y) - top))
        return picture

    return StripPicture(width, height, "RGB", draw)


def paste_mask(picture: Image.Image, mask: NDArray[np.bool_], top: int, line: int) -> None:
    """Tint and outline a mask [H, W] on a picture of the rows from `top` on."""
    bottom = top + picture.height
    reach = 2 * line
    start = max(0, top - reach)  # Rows so near to the picture that they matter to its outline.
    near = mask[start : bottom + reach]
    if not near.any():
        return
    shape = mask_picture(near)
    within = (0, top - start, picture.width, bottom - start)
    tint = shape.crop(within).point(lambda value: round(value * TINT_OPACITY))
    picture.paste(TINT, mask=tint)
    if not near.all():
        picture.paste(DARK, mask=outline(shape, reach).crop(within))
        picture.paste(LIGHT, mask=outline(shape, line).crop(within))


def paste_marker(picture: Image.Image, marker: Image.Image, place: tuple[int, int]) -> None:
    """Paste a marker onto the picture, its middle on the pixel (x, y)."""
    corner = (place[0] - marker.width // 2, place[1] - marker.height // 2)
    picture.paste(marker, corner, marker)


def draw_cutout(photo: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Image.Image:
    """What `cutout_strips` gives, as one Pillow image."""
    return cutout_strips(photo, alpha).whole()


def cutout_strips(photo: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> StripPicture:
    """The object alone, RGBA.

    Args:
        photo: [H, W, 3] RGB.
        alpha: [H, W], the opacity; see `Letterbox.photo_alphas`.
    """

    def draw(top: int, bottom: int) -> Image.Image:
        picture = Image.fromarray(photo[top:bottom])
        picture.putalpha(Image.fromarray(alpha[top:bottom]))
        return picture

    height, width = alpha.shape
    return StripPicture(width, height, "RGBA", draw)


def mask_picture(mask: NDArray[np.bool_]) -> Image.Image:
    """A mask [H, W] as 8-bit grey, 255 inside and 0 outside."""
    return Image.fromarray(mask.view(np.uint8) * np.uint8(255))


def outline(shape: Image.Image, reach: int) -> Image.Image:
    """Opacity of a soft line along the edge of a mask, out to `reach` pixels on both sides."""
    blurred = shape.filter(ImageFilter.BoxBlur(reach))
    return blurred.point(lambda value: min(255, 2 * min(value, 255 - value)))


def resized_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask [H, W] at another size (width, height)."""
    return np.asarray(mask_picture(mask).resize(size, Image.Resampling.BILINEAR)) > 127


def draw_box(picture: Image.Image, box: NDArray[np.float32], line: int) -> None:
    """Draw a box (x0, y0, x1, y1), given by its edges, onto the picture."""
    left, top, right, bottom = (float(edge) for edge in box)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    draw_path(picture, corners, line)


def draw_path(picture: Image.Image, corners: Sequence[tuple[float, float]], line: int) -> None:
    """Draw a bordered line of this width through the corners (x, y) onto the picture."""
    canvas = ImageDraw.Draw(picture)
    canvas.line(corners, fill=DARK, width=3 * line, joint="curve")
    canvas.line(corners, fill=LIGHT, width=line, joint="curve")


def click_marker(label: int, radius: int) -> Image.Image:
    """A ringed disc with a plus or a minus, RGBA, 2 * radius + 1 pixels wide."""
    marker = ringed_disc(label, radius)
    canvas = ImageDraw.Draw(marker)
    middle = marker.width / 2
    arm, half_width = middle * 0.42, middle * 0.1
    bars = [(arm, half_width)]
    if label == PointLabel.POSITIVE:
        bars.append((half_width, arm))
    for across, down in bars:
        canvas.rectangle(
            (middle - across, middle - down, middle + across, middle + down), fill=LIGHT
        )
    return marker.reduce(SUPERSAMPLING)


def numbered_marker(number: int, radius: int) -> Image.Image:
    """The disc of a positive click with its number instead of the plus; see `click_marker`."""
    marker = ringed_disc(PointLabel.POSITIVE, radius)
    middle = marker.width / 2
    font = ImageFont.load_default(middle)
    ImageDraw.Draw(marker).text((middle, middle), str(number), LIGHT, font, anchor="mm")
    return marker.reduce(SUPERSAMPLING)


def ringed_disc(label: int, radius: int) -> Image.Image:
    """A marker without its sign, RGBA, SUPERSAMPLING times its size."""
    whole = (2 * radius + 1) * SUPERSAMPLING
    middle = whole / 2
    marker = Image.new("RGBA", (whole, whole))
    canvas = ImageDraw.Draw(marker)
    for share, colour in ((1.0, DARK), (0.88, LIGHT), (0.70, CLICK_COLOURS[label])):
        canvas.circle((middle, middle), middle * share - 1, fill=colour)
    return marker


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in a row, on white."""
    width, height = pictures[0].size
    row = Image.new("RGB", ((width + GAP) * len(pictures) - GAP, height), "white")
    for index, picture in enumerate(pictures):
        row.paste(picture, (index * (width + GAP), 0))
    return row


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one width below each other."""
    sheet = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)))
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    return sheet
