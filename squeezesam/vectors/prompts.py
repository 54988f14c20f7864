"""Golden vectors of encoded prompts, for ports to other languages.

`golden_vectors` gives a list of cases that JSON holds as they are. What a port has to do is written
in the manifest of a bundle, under `prompt_encoding`. An answer may differ from a field that
`tolerance` names by that much.

Kind `prompts`, from prompts on a photo to the inputs of the network:
    photo: width and height.
    input_size: side of the square input of the network.
    coords: [x, y] of each click in photo pixels, oldest first.
    labels: of each click 1 for the object, 0 for the background, -1 for one to ignore.
    box: [x0, y0, x1, y1] in photo pixels; null without one.
    mask_input: input_size / 2 squared logits of an earlier answer, row by row; null without one.
    point_coords, point_labels: places in input pixels and codes of all slots, of which a network
        that draws the points itself is given those that are no padding.
    prompt_maps, prompt_tokens: the inputs of a network that does not, row by row.
    tolerance: by how much each of them may be off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.spec import MAP_STRIDE
from squeezesam.vectors.masks import Case
from squeezesam.vectors.photos import numbers

SIZE = 32
PHOTO = (333, 500)
DIGITS = 7
TOLERANCE = dict.fromkeys(("point_coords", "prompt_maps", "prompt_tokens"), 1e-5)


@dataclass(frozen=True)
class Asked:
    """Prompts on a photo of 333 x 500 pixels.

    Attributes:
        coords: clicks (x, y) in photo pixels.
        labels: of the clicks.
        box: the box; None without one.
        corrects: whether there is an earlier mask.
    """

    coords: Sequence[tuple[float, float]] = ()
    labels: Sequence[int] = ()
    box: tuple[float, float, float, float] | None = None
    corrects: bool = False


ASKED: dict[str, Asked] = {
    "a click": Asked([(155, 200)], [1]),
    "clicks in the corners, and an earlier mask": Asked(
        [(155, 200), (0, 0), (332, 499)], [1, 0, 1], corrects=True
    ),
    "a box": Asked(box=(10.5, 20.25, 200, 333.5)),
    "a click that is taken back, and a box beyond the photo": Asked(
        [(5, 5), (9, 9), (5, 5)], [1, 1, 0], (-20, -20, 900, 40)
    ),
    "more clicks than slots": Asked(
        [(7 * i % 333 + 0.25, 31 * i % 500) for i in range(20)],
        [i % 2 for i in range(20)],
        corrects=True,
    ),
    "a click to ignore, and a box around all": Asked([(1, 1), (2, 2)], [-1, 1], (0, 0, 333, 500)),
}


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    return [prompts_case(name, asked) for name, asked in ASKED.items()]


def prompts_case(name: str, asked: Asked) -> Case:
    """Prompts as the network is given them."""
    width, height = PHOTO
    side = SIZE // MAP_STRIDE
    before = None
    if asked.corrects:
        before = (torch.arange(side**2).reshape(1, 1, side, side) - side**2 // 2) / 32
    prompts = check_prompts(asked.coords, asked.labels, asked.box, width=width, height=height)
    coords, labels = prompt_slots(prompts, Letterbox.fit(width, height, SIZE).scale)
    maps, tokens = encode_prompts(coords, labels, before, SIZE)
    return {
        "kind": "prompts",
        "name": name,
        "photo": list(PHOTO),
        "input_size": SIZE,
        "coords": [list(place) for place in asked.coords],
        "labels": list(asked.labels),
        "box": None if asked.box is None else list(asked.box),
        "mask_input": None if before is None else numbers(before.numpy()),
        "point_coords": numbers(coords.numpy(), DIGITS),
        "point_labels": labels.numpy().astype(np.int64).ravel().tolist(),
        "prompt_maps": numbers(maps.numpy(), DIGITS),
        "prompt_tokens": numbers(tokens.numpy(), DIGITS),
        "tolerance": TOLERANCE,
    }
