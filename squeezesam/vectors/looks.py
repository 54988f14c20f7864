"""Golden vectors of the closer look, for ports to other languages.

`golden_vectors` gives a list of cases that JSON holds as they are. Every case has `kind` and
`name`; places are [x, y], column before row, and maps are rows from the top. What a port has to do
is written in `squeezesam.inference.looks`. A view comes out the same where whole numbers are used.
Logits are float32, and come out the same in every bit where places are computed in float64 and the
values between two others in float32, down the columns first, in the order of `looks.resampled` and
without fused operations; a port that differs from them by 1e-5 is good enough.

Kind `view`, from a mask and prompts to the view around them:
    photo: width and height.
    input_size: side of the square input of the network.
    mask_size: columns and rows of a mask that lie on the photo.
    mask: its columns * rows bytes, 1 inside and 0 outside, in base64.
    positive, negative: clicks in photo pixels.
    box: [x0, y0, x1, y1] in photo pixels; null without one.
    looking: `surroundings`, `smallest`; see `Looking`.
    view: [left, top, width, height] in photo pixels.
    moved: `positive`, `negative` and `box` as the view has them.

Kind `onto_view`, from a mask of the photo to the previous mask of a view:
    photo, view: as in the list above.
    mask_input_size: side of the input that the mask belongs to.
    logits: mask_input_size / 2 squared numbers, row by row, the padding among them.
    input_size: side of the input that the view is shown in.
    previous: input_size / 2 squared numbers, row by row, the padding among them.

Kind `onto_photo`, from a mask of a view to a mask of the photo:
    photo, view, input_size: as above; both inputs have this size.
    logits: input_size / 2 squared numbers, row by row, the padding among them.
    placed: as many logits, after the move.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.looks import (
    DEFAULT_LOOKING,
    Looking,
    View,
    onto_photo,
    onto_view,
    surroundings,
)
from squeezesam.inference.prompts import Prompts
from squeezesam.spec import MAP_STRIDE, PointLabel
from squeezesam.vectors.masks import Case, encoded
from squeezesam.vectors.saliency import PHOTOS, noise

SIZE, OTHER_SIZE = 32, 48
EIGHTHS = 8
Part = tuple[int, int, int, int]
"""x0, y0, x1 and y1 of a rectangle in eighths of a photo."""

NOWHERE, EVERYWHERE = (0, 0, 0, 0), (0, 0, EIGHTHS, EIGHTHS)
INNER, CORNER = (3, 2, 5, 5), (5, 6, EIGHTHS, EIGHTHS)
Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Found:
    """What a view is around, and how close.

    Attributes:
        photo: width and height.
        mask: the part of the photo that the mask covers.
        positive, negative: clicks in photo pixels.
        box: the box, in the same form; None without one.
        looking: how close.
    """

    photo: tuple[int, int] = (333, 500)
    mask: Part = INNER
    positive: Sequence[Point] = ()
    negative: Sequence[Point] = ()
    box: tuple[float, float, float, float] | None = None
    looking: Looking = DEFAULT_LOOKING


FOUND: dict[str, Found] = {
    "nothing at all": Found(mask=NOWHERE),
    "nothing but a negative click": Found(mask=NOWHERE, negative=[(20, 30)]),
    "nothing but a click": Found(mask=NOWHERE, positive=[(150, 250)]),
    "a click in the first corner": Found(mask=NOWHERE, positive=[(0, 0)]),
    "a click in the last corner": Found(mask=NOWHERE, positive=[(332.75, 499.75)]),
    "a click between two pixels": Found(mask=NOWHERE, positive=[(150.75, 250.25)]),
    "two clicks and no mask": Found(mask=NOWHERE, positive=[(150, 250), (199.5, 90)]),
    "all of the photo": Found(mask=EVERYWHERE),
    "all of a wide photo": Found((500, 333), EVERYWHERE),
    "at the left border": Found(mask=(0, 3, 1, 4)),
    "at the top border": Found(mask=(4, 0, 5, 1)),
    "along the right border": Found(mask=(7, 0, 8, 8)),
    "longer than the short side": Found((900, 100), (2, 3, 5, 6)),
    "longer than the short side, upright": Found((100, 900), (2, 3, 5, 6)),
    "smaller than a mask pixel of the photo": Found(
        (5000, 3000), mask=NOWHERE, positive=[(2500, 1500)]
    ),
    "a click on the mask": Found(positive=[(150, 200)]),
    "a click beside the mask": Found(positive=[(20, 470.5)]),
    "a negative click in the view": Found(positive=[(150, 200)], negative=[(90, 150)]),
    "a negative click beside the view": Found(negative=[(5, 490), (150.5, 220)]),
    "negative clicks on the edges of the view": Found(
        mask=NOWHERE,
        positive=[(150, 250)],
        negative=[(118, 218), (181.75, 281.75), (117.75, 250), (182, 250), (150, 282)],
    ),
    "a box around the mask": Found(box=(100, 100, 230, 330)),
    "a box with edges between pixels": Found(box=(100.25, 99.75, 230.25, 330.75)),
    "a box without a mask": Found(mask=NOWHERE, box=(100.5, 99.25, 101.25, 99.5)),
    "a box beside the mask": Found(box=(280.5, 440.5, 333, 500), negative=[(140, 180)]),
    "a box along the border": Found(mask=NOWHERE, box=(0, 0, 333, 0.5)),
    "of a smallest side": Found(mask=NOWHERE, positive=[(9, 250)], looking=Looking(150, 37)),
    "just above the smallest side": Found(
        mask=NOWHERE, box=(100, 100, 143, 120), looking=Looking(150, 64)
    ),
    "of no smallest side": Found(mask=NOWHERE, positive=[(9, 250)], looking=Looking(100, 1)),
    "smallest beyond the photo": Found((60, 40), NOWHERE, [(9, 25)]),
    "smallest beyond one side of the photo": Found((80, 40), NOWHERE, [(79, 25)]),
    "tight": Found(looking=Looking(100, 1)),
    "a side that is rounded up": Found(box=(100, 100, 201, 330), looking=Looking(101, 1)),
    "wide surroundings": Found(mask=(3, 3, 4, 4), looking=Looking(500, 1)),
    "all kinds of prompts": Found(
        (3024, 4032),
        positive=[(1500, 1700.25), (2011.5, 2500)],
        negative=[(1000, 1000), (10, 10)],
        box=(1100.75, 1000.25, 2000.5, 2400.5),
    ),
}

VIEWS: dict[str, tuple[tuple[int, int], View]] = {
    "one pixel": ((1, 1), View(0, 0, 1, 1)),
    "a column": ((1, 1000), View(0, 437, 1, 64)),
    "a narrow photo": ((3, 2000), View(0, 1700, 3, 300)),
    "a wide view of a small photo": ((40, 30), View(0, 0, 40, 30)),
    "upright": ((333, 500), View(101, 7, 215, 215)),
    "as wide as the photo": ((333, 500), View(0, 131, 333, 369)),
    "odd": ((513, 511), View(77, 444, 67, 67)),
    "edges on the centres of mask pixels": ((320, 160), View(30, 30, 100, 100)),
    "a photo of a camera": ((3024, 4032), View(1391, 968, 1633, 1633)),
    "between the centres of mask pixels": ((12000, 8000), View(11936, 7936, 64, 64)),
}


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    cases = [view_case(name, found) for name, found in FOUND.items()]
    for photo in PHOTOS:
        size = f"{photo[0]} x {photo[1]}"
        cases.append(view_case(f"inside of {size}", Found(photo, INNER)))
        cases.append(view_case(f"in the corner of {size}", Found(photo, CORNER)))
    for seed, (name, (photo, view)) in enumerate(VIEWS.items()):
        cases.append(onto_view_case(name, photo, view, SIZE, seed))
        cases.append(onto_photo_case(name, photo, view, 100 + seed))
    photo, view = VIEWS["upright"]
    cases.append(onto_view_case("from a larger input", photo, view, OTHER_SIZE, 99))
    return cases


def view_case(name: str, found: Found) -> Case:
    """What a mask and prompts are looked at in."""
    letterbox = Letterbox.fit(*found.photo, SIZE)
    mask = rectangle(found.mask, letterbox)
    coords = np.array([*found.positive, *found.negative], np.float32).reshape(-1, 2)
    labels = [PointLabel.POSITIVE] * len(found.positive)
    labels += [PointLabel.NEGATIVE] * len(found.negative)
    box = None if found.box is None else np.array(found.box, np.float32)
    prompts = Prompts(coords, np.array(labels, np.int64), box)
    view = surroundings(mask, prompts, letterbox, found.looking)
    return {
        "kind": "view",
        "name": name,
        "photo": list(found.photo),
        "input_size": SIZE,
        "mask_size": list(letterbox.mask_size),
        "mask": encoded(mask),
        **listed(prompts),
        "looking": dataclasses.asdict(found.looking),
        "view": corner_and_sides(view),
        "moved": listed(view.moved(prompts)),
    }


def onto_view_case(
    name: str, photo: tuple[int, int], view: View, mask_input_size: int, seed: int
) -> Case:
    """A mask of noise, moved onto a view."""
    logits = noise_logits(mask_input_size, seed)
    letterbox = Letterbox.fit(view.width, view.height, SIZE)
    previous = onto_view(logits, Letterbox.fit(*photo, mask_input_size), view, letterbox)
    return {
        "kind": "onto_view",
        "name": name,
        "photo": list(photo),
        "view": corner_and_sides(view),
        "mask_input_size": mask_input_size,
        "logits": logits.ravel().tolist(),
        "input_size": SIZE,
        "previous": previous.ravel().tolist(),
    }


def onto_photo_case(name: str, photo: tuple[int, int], view: View, seed: int) -> Case:
    """A mask of noise, placed into the photo."""
    logits = noise_logits(SIZE, seed)
    letterbox = Letterbox.fit(view.width, view.height, SIZE)
    (placed,) = onto_photo(logits[None], view, letterbox, Letterbox.fit(*photo, SIZE))
    return {
        "kind": "onto_photo",
        "name": name,
        "photo": list(photo),
        "view": corner_and_sides(view),
        "input_size": SIZE,
        "logits": logits.ravel().tolist(),
        "placed": placed.ravel().tolist(),
    }


def rectangle(part: Part, letterbox: Letterbox) -> NDArray[np.bool_]:
    """The mask of a part of a photo, of one pixel at the least unless it is NOWHERE."""
    columns, rows = letterbox.mask_size
    mask = np.zeros((rows, columns), np.bool_)
    x0, y0, x1, y1 = (
        edge * count // EIGHTHS for edge, count in zip(part, (columns, rows) * 2, strict=True)
    )
    if part != NOWHERE:
        mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = True
    return mask


def noise_logits(input_size: int, seed: int) -> NDArray[np.float32]:
    """Logits [size/2, size/2] with few digits."""
    side = input_size // MAP_STRIDE
    return (noise(side, side, seed) // 16 / 2 - 4).astype(np.float32)


def listed(prompts: Prompts) -> Case:
    """Prompts as lists."""
    box = prompts.box
    return {
        "positive": prompts.coords[prompts.labels == PointLabel.POSITIVE].tolist(),
        "negative": prompts.coords[prompts.labels == PointLabel.NEGATIVE].tolist(),
        "box": None if box is None else box.tolist(),
    }


def corner_and_sides(view: View) -> list[int]:
    """A view as [left, top, width, height]."""
    return list(dataclasses.astuple(view))
