"""The picture that explains the automatic answer, panel by panel."""

import numpy as np
import pytest
import torch
from PIL import Image

from squeezesam.inference.explain import (
    HEADER,
    LEAST_SIZE,
    OTHER_BLOB,
    PANEL,
    RAMP,
    blob_panel,
    draw_sections,
    enlarged,
    explain,
    heat_panel,
    shortcomings,
)
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.mask_cleanup import blob_numbers
from squeezesam.inference.overlay import CLICK_COLOURS, TINT
from squeezesam.inference.saliency_predictor import find
from squeezesam.inference.saliency_prompt import ClickSampling
from squeezesam.spec import PointLabel
from squeezesam.vectors.saliency import PICTURED, SMALL, two_blobs

SIZE = 512
WHITE = (255, 255, 255)


def found_on(width, height, logit):
    """A photo with the same heat everywhere, and what is found there."""
    logits = torch.full((1, 1, SIZE // 4, SIZE // 4), float(logit))
    photo = np.full((height, width, 3), 90, np.uint8)
    return photo, find(logits, Letterbox.fit(width, height, SIZE), ClickSampling())


def nearest(pixel, *colours):
    return min(colours, key=lambda colour: float(np.abs(np.subtract(pixel, colour)).sum()))


@pytest.mark.parametrize(
    ("width", "height"),
    [(4032, 3024), (480, 640), (40, 30), (1, 1), (1000, 1), (1, 1000), (3, 2000), (2000, 3)],
)
@pytest.mark.parametrize(("logit", "panels"), [(9.0, 5), (0.5, 4), (-9.0, 4)])
def test_panels_are_bounded(width, height, logit, panels):
    photo, finding = found_on(width, height, logit)
    mask = None if finding.salient is None else np.ones((height, width), bool)
    picture = explain(photo, finding, mask)
    assert picture.mode == "RGB"
    assert panels * LEAST_SIZE[0] <= picture.width <= panels * (PANEL + 8)
    assert HEADER + LEAST_SIZE[1] <= picture.height <= HEADER + PANEL


def test_heat_is_in_the_colours_of_the_ramp_over_a_dark_photo():
    heat = two_blobs(255)
    scene = Image.new("RGB", (480, 400), WHITE)
    picture = np.asarray(heat_panel(scene, heat, (192, 160))).astype(int)
    assert nearest(picture[300, 370], *RAMP) == RAMP[-1]
    assert nearest(picture[160, 150], *RAMP) in RAMP[7:9]  # 245 of 255 lies between these
    assert np.ptp(picture[20, 400]) == 0
    assert picture[20, 400, 0] < 160


def test_the_chosen_blob_has_a_colour_of_its_own():
    heat = two_blobs(255)
    _, finding = found_on(480, 400, 9.0)
    scene = Image.new("RGB", (480, 400), "black")
    numbers = blob_numbers(heat >= 128)
    salient = type(finding.salient)(numbers == 1, finding.salient.clicks)
    picture = np.asarray(blob_panel(scene, numbers, salient, (192, 160))).astype(int)
    assert nearest(picture[160, 150], TINT, OTHER_BLOB, (0, 0, 0)) == TINT
    assert nearest(picture[300, 370], TINT, OTHER_BLOB, (0, 0, 0)) == OTHER_BLOB
    assert nearest(picture[20, 400], TINT, OTHER_BLOB, (0, 0, 0)) == (0, 0, 0)
    none = np.asarray(blob_panel(scene, numbers, None, (192, 160))).astype(int)
    assert nearest(none[160, 150], TINT, OTHER_BLOB, (0, 0, 0)) == OTHER_BLOB


def test_clicks_are_drawn_where_they_are_and_the_cut_lies_behind_the_first():
    _, finding = found_on(480, 400, 9.0)
    picture = Image.new("RGB", (480, 400), (90, 90, 90))
    blob = enlarged(finding.salient.blob, (512, 426), picture.size)
    draw_sections(picture, finding.salient, blob, (480 * 4 / 512, 400 * 4 / 426))
    pixels = np.asarray(picture).astype(int)
    green = CLICK_COLOURS[PointLabel.POSITIVE]
    for x, y in finding.coords.astype(int):
        around = pixels[y - 6 : y + 7, x - 6 : x + 7].reshape(-1, 3)
        assert (np.abs(around - green).max(axis=1) < 8).any()
    whole = finding.salient.clicks[0]
    cut = round((whole.x + 1) * 480 * 4 / 512)
    assert any(tuple(pixels[60, x]) == WHITE for x in (cut - 1, cut, cut + 1))


def test_a_heat_map_that_ends_before_the_photo_is_not_stretched():
    """The photo fills 340 input pixels across, of which the heat map sees 85 times 4."""
    inside = Letterbox.fit(333, 500, 512).inside
    assert inside == (340, 512)
    mask = np.zeros((128, 85), bool)
    mask[:, 42:] = True
    shown = np.asarray(enlarged(mask, (342, 512), (684, 1024)))
    assert (shown[:, :672] > 0).argmax(axis=1).tolist() == [42 * 8] * 1024
    assert (shown[:, 680:] == 255).all()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("all cold", ["no pixel reaches 94%"]),
        ("one below the peak", ["its hottest pixel has 95%, an object 96% or more"]),
        ("just too small", ["the blob covers 0.398%, an object 0.4% or more"]),
        ("all hot", []),
    ],
)
def test_what_is_missing_is_said(name, lines):
    heat = SMALL[name]
    assert (
        shortcomings(heat, blob_numbers(heat >= ClickSampling.threshold), ClickSampling()) == lines
    )


def test_nothing_is_missing_of_an_object():
    for heat in PICTURED.values():
        assert not shortcomings(
            heat, blob_numbers(heat >= ClickSampling.threshold), ClickSampling()
        )
