"""The docs' picture of click sampling: drawn heat maps with sections and clicks."""

from PIL import Image

from squeezesam.overlay import side_by_side, stacked
from squeezesam.saliency.clicks import Heat, find_salient_object
from squeezesam.saliency.explain import draw_sections, enlarged, heat_panel, titled
from squeezesam.saliency.shapes import PICTURED
from squeezesam.spec import SALIENCY_STRIDE

ZOOM = 8
"""Pixels of the picture for one of a heat map."""

PER_ROW = 4
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
        [side_by_side(panels[at : at + PER_ROW]) for at in range(0, len(panels), PER_ROW)]
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
