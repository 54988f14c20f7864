"""Golden vectors of the salient pipeline from logits to clicks, for ports to other languages.

`golden_vectors` gives a list of cases that JSON holds as they are. Every case has `kind` and
`name`; places are [x, y], column before row, and maps are rows from the top. What a port has to do
is written in docs/salient.md; a port that gives the same numbers does it.

Kind `heat`, from the detector's answer to the bytes of the heat map:
    logits: numbers, none of them near the limit of two bytes.
    bytes: the byte of each logit.

Kind `clicks`, from a heat map to its blob and clicks:
    width, height: size of the heat map.
    heat: its width * height bytes, in base64.
    sampling: `threshold`, `peak`, `smallest_per_mille`, `clicks`; see `ClickSampling`.
    blob_area: pixels of the salient object; 0 where nothing stands out.
    clicks: pixels of the heat map, in their order; empty where nothing stands out.

Kind `places`, from pixels of the heat map to pixels of the photo:
    photo: width and height.
    input_size: side of the square input of the network.
    inside: width and height that the photo takes up in it.
    heat_size: columns and rows of the heat map that lie on the photo.
    heat_pixels: some places in it.
    photo_pixels: the photo's pixel for each of them.
"""

import base64
import dataclasses
from typing import Any

import numpy as np

from squeezesam.saliency.clicks import DEFAULT_SAMPLING, ClickSampling, Heat, find_salient_object
from squeezesam.saliency.predictor import HEAT_LEVELS, as_bytes, chances
from squeezesam.saliency.shapes import PICTURED, SMALL, noise, soft_disc, two_blobs
from squeezesam.spec import DETECTOR_SIZE, INPUT_SIZE
from squeezesam.transforms import Letterbox

Case = dict[str, Any]

NETWORK_MAPS: dict[str, Heat] = {
    "a heat map of the network's size": soft_disc(128, 96, (83, 40), 47),
    "the larger of two blobs": two_blobs(244),
    "noise": noise(23, 17, seed=1),
}

OTHER_SAMPLINGS: dict[str, ClickSampling] = {
    "another threshold": ClickSampling(threshold=200, peak=210, smallest_per_mille=0),
    "many small blobs": ClickSampling(threshold=240, peak=250, smallest_per_mille=0),
    "one click": ClickSampling(threshold=160, peak=178, clicks=1),
    "three clicks": ClickSampling(threshold=160, peak=178, clicks=3),
    "out of reach": ClickSampling(smallest_per_mille=1000),
}
"""Each tried on noise."""

PHOTOS = (
    (1, 1),
    (1, 1000),
    (1000, 1),
    (3, 2000),
    (2000, 3),
    (40, 30),
    (333, 500),
    (513, 511),
    (640, 427),
    (1024, 682),  # 170.5 mask rows: the half goes to the even neighbour, 170
    (1024, 686),  # 171.5: up to 172
    (3024, 4032),
    (12000, 8000),
)
SIZES = (64, INPUT_SIZE, DETECTOR_SIZE, 768)


def golden_vectors() -> list[Case]:
    """All cases; see the module."""
    return [
        heat_case(),
        *(
            click_case(name, heat, DEFAULT_SAMPLING)
            for name, heat in {**PICTURED, **SMALL, **NETWORK_MAPS}.items()
        ),
        *(
            click_case(f"noise, {name}", noise(29, 31, seed), sampling)
            for seed, (name, sampling) in enumerate(OTHER_SAMPLINGS.items())
        ),
        *(places_case(photo, size) for photo in PHOTOS for size in SIZES),
    ]


def heat_case() -> Case:
    """Every byte once, and logits beyond all bounds."""
    inner = np.arange(1, HEAT_LEVELS)
    middle = np.log(inner / (HEAT_LEVELS - inner)).round(3)
    logits = np.array([-1e30, -800, *middle, 800, 1e30], np.float32)
    shown = [float(str(logit)) for logit in logits]
    return {
        "kind": "heat",
        "name": "every byte",
        "logits": shown,
        "bytes": as_bytes(chances(logits)).tolist(),
    }


def click_case(name: str, heat: Heat, sampling: ClickSampling) -> Case:
    """What is found in a heat map [h, w]."""
    height, width = heat.shape
    found = find_salient_object(heat, sampling)
    return {
        "kind": "clicks",
        "name": name,
        "width": width,
        "height": height,
        "heat": base64.b64encode(heat.tobytes()).decode(),
        "sampling": dataclasses.asdict(sampling),
        "blob_area": 0 if found is None else int(found.blob.sum()),
        "clicks": [] if found is None else [list(click) for click in found.clicks],
    }


def places_case(photo: tuple[int, int], size: int) -> Case:
    """The corners and the middle of a photo's heat map."""
    letterbox = Letterbox.fit(*photo, size)
    columns, rows = letterbox.heat_size
    places = sorted({(0, 0), (columns - 1, 0), (columns // 2, rows // 2), (columns - 1, rows - 1)})
    return {
        "kind": "places",
        "name": f"{photo[0]} x {photo[1]} in {size}",
        "photo": list(photo),
        "input_size": size,
        "inside": list(letterbox.inside),
        "heat_size": [columns, rows],
        "heat_pixels": [list(place) for place in places],
        "photo_pixels": [list(letterbox.photo_pixel(*place)) for place in places],
    }
