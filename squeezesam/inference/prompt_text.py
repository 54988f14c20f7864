"""Clicks and boxes as they are written on a command line, in pixels or in parts of the photo."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import PromptError
from squeezesam.spec import PointLabel

POINT_FORM = "X,Y[:neg]"
POINT_NAMES = ("x", "y")
POINT_SIGNS = {"": PointLabel.POSITIVE, "neg": PointLabel.NEGATIVE}
BOX_NAMES = ("x0", "y0", "x1", "y1")
SHARE_SIGN = "%"


@dataclass(frozen=True)
class PhotoPlace:
    """Numbers along x and y in turn, each in pixels or in percent of the photo.

    Attributes:
        values: the numbers as they were written, without the percent sign.
        shares: which of them are percent.
    """

    values: tuple[float, ...]
    shares: tuple[bool, ...]

    def pixels(self, width: float, height: float) -> list[float]:
        """The same in pixels, where 100 % along x is `width` and along y is `height`."""
        return [
            value / 100 * (width, height)[number % 2] if share else value
            for number, (value, share) in enumerate(zip(self.values, self.shares, strict=True))
        ]


def parse_point(text: str) -> tuple[PhotoPlace, PointLabel]:
    """A click, such as `155,200`, `50%,40%` or `5,6:neg`: its place and label.

    Raises:
        PromptError: it is not written in this way, or looks like fractions of the photo.
    """
    place, _, sign = text.partition(":")
    if sign.strip() not in POINT_SIGNS:
        raise PromptError(f"--point {text!r} ends in {sign!r}; end in :neg for background")
    return _parse_place("--point", place, POINT_NAMES), POINT_SIGNS[sign.strip()]


def parse_box(text: str) -> PhotoPlace:
    """A box, such as `10,20,155,200` or `10%,20%,60%,90%`.

    Raises:
        PromptError: it is not written in this way, or looks like fractions of the photo.
    """
    return _parse_place("--box", text, BOX_NAMES)


def click_in_pixels(place: PhotoPlace, width: int, height: int) -> list[float]:
    """The pixel (x, y) of a click; 0 % is the first pixel of a photo, 100 % its last one."""
    return place.pixels(width - 1, height - 1)


def _parse_place(option: str, text: str, names: Sequence[str]) -> PhotoPlace:
    """Numbers with commas or spaces between them, one for each name.

    Raises:
        PromptError: another count, not numbers, or fractions.
    """
    parts = re.split(r"\s*,\s*|\s+", text.strip())
    try:
        values = tuple(float(part.removesuffix(SHARE_SIGN)) for part in parts)
    except ValueError:
        values = ()
    shares = tuple(part.endswith(SHARE_SIGN) for part in parts)
    if len(values) != len(names):
        raise PromptError(
            f"{option} {text!r} must be {','.join(names)} in photo pixels, or "
            f"{','.join(f'{name}%' for name in names)} in parts of the photo"
        )
    if not any(shares) and any(0 < value < 1 for value in values) and max(values) <= 1:
        meant = ",".join(f"{100 * value:g}%" for value in values)
        raise PromptError(
            f"{option} {text!r} lies within one pixel of the photo's corner; write {meant} for "
            "parts of the photo, or whole pixels"
        )
    return PhotoPlace(values, shares)
