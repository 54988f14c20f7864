"""The predictor that needs no click, through a detector and a network that draw discs."""

import numpy as np
import pytest
import torch
from test_predictor import SIDE, SIZE, disc_network, nano
from torch import Tensor

from squeezesam.errors import (
    ArtifactError,
    ConfigError,
    ImageError,
    NoSalientObjectError,
    PromptError,
)
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompts import check_prompts, prompt_slots
from squeezesam.inference.saliency_predictor import SaliencyPredictor, heat_bytes
from squeezesam.inference.saliency_prompt import ClickSampling
from squeezesam.networks.configs import DETECTORS
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.spec import MAP_STRIDE, SALIENCY_STRIDE

HEAT_SIDE = SIZE // SALIENCY_STRIDE
THIN = [(1000, 1), (1, 1000), (1, 1), (2, 3), (3, 2000), (2000, 3), (5, 400)]
PHOTOS = [*THIN, (128, 128), (800, 600), (341, 512), (1000, 257), (513, 511), (4032, 3024)]


class DiscDetector:
    """Hot within a disc, in pixels of the heat map; counts its runs and keeps its inputs."""

    def __init__(self, x: float = 16.0, y: float = 12.0, radius: float = 6.0) -> None:
        self.x, self.y, self.radius = x, y, radius
        self.images: list[Tensor] = []

    def __call__(self, image: Tensor) -> Tensor:
        assert image.shape == (1, 3, SIZE, SIZE)
        self.images.append(image)
        places = torch.arange(HEAT_SIDE) + 0.5
        distance = torch.hypot(places[None] - self.x, places[:, None] - self.y)
        return (2 * (self.radius - distance))[None, None]


def level_detector(logit: float):
    """The same everywhere."""
    return lambda image: torch.full_like(image[:, :1, :HEAT_SIDE, :HEAT_SIDE], logit)


def salient_on(width, height, detector, network=disc_network, **options):
    predictor = SaliencyPredictor(network, detector, SIZE, SIZE, **{"looking": None, **options})
    predictor.set_image(np.zeros((height, width, 3), np.uint8))
    return predictor


def test_without_prompts_the_five_clicks_are_asked():
    predictor = salient_on(800, 600, DiscDetector())
    finding = predictor.finding
    assert finding.coords.shape == (5, 2)
    assert finding.labels.tolist() == [1] * 5
    assert finding.heat.shape == (24, 32)
    # A pixel of the heat map is 25 of the photo: the disc has its centre at (400, 300).
    assert np.abs(finding.coords[0] - (400, 300)).max() <= 25
    expected = SamPredictor(disc_network, SIZE, looking=None)
    expected.set_image(np.zeros((600, 800, 3), np.uint8))
    for options in ({}, {"multimask_output": False}, {"return_logits": True}):
        answers = predictor.predict(**options)
        asked = expected.predict(finding.coords, finding.labels, **options)
        assert all(map(np.array_equal, answers, asked))


def test_fewer_clicks_on_request():
    predictor = salient_on(800, 600, DiscDetector(), sampling=ClickSampling(clicks=1))
    assert predictor.finding.coords.shape == (1, 2)


def test_the_detector_sees_each_photo_once():
    detector = DiscDetector()
    seen = []

    def network(image, maps, tokens):
        seen.append(image)
        return disc_network(image, maps, tokens)

    predictor = salient_on(40, 30, detector, network)
    assert not detector.images
    predictor.predict()
    predictor.predict()
    predictor.edit([(1, 1)], [0], None)
    assert len(detector.images) == 1
    assert torch.equal(detector.images[0], seen[0])
    first = predictor.finding
    predictor.set_image(np.full((30, 40, 3), 255, np.uint8))
    assert predictor.finding is not first
    assert len(detector.images) == 2
    assert not torch.equal(*detector.images)


@pytest.mark.parametrize(
    "prompt",
    [
        {"point_coords": [(3, 3)], "point_labels": [1]},
        {"point_coords": [(3, 3)], "point_labels": [1], "box": (0, 0, 20, 20)},
        {"point_coords": [(9, 9)], "point_labels": [1], "mask_input": np.zeros((1, SIDE, SIDE))},
    ],
)
def test_with_prompts_it_answers_as_ever_and_runs_no_detector(prompt):
    detector = DiscDetector()
    predictor = salient_on(40, 30, detector)
    plain = SamPredictor(disc_network, SIZE, looking=None)
    plain.set_image(np.zeros((30, 40, 3), np.uint8))
    assert all(map(np.array_equal, predictor.predict(**prompt), plain.predict(**prompt)))
    assert not detector.images


def test_an_empty_list_of_clicks_is_no_wish_for_the_automatic_mask():
    detector = DiscDetector()
    with pytest.raises(PromptError, match="no prompt"):
        salient_on(40, 30, detector).predict([], [])
    assert not detector.images


@pytest.mark.parametrize("logit", [-9.0, 0.5, -1e30])
def test_nothing_stands_out(logit):
    """Cold everywhere, or lukewarm: hot enough for a blob, not for an object."""
    predictor = salient_on(40, 30, level_detector(logit))
    with pytest.raises(NoSalientObjectError, match="nothing in this photo stands out"):
        predictor.predict()
    assert predictor.finding.salient is None
    assert predictor.finding.coords.shape == (0, 2)
    assert predictor.finding.labels.shape == (0,)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("logit", [9.0, 1e30])
def test_all_hot_is_an_object_that_fills_the_photo(logit):
    predictor = salient_on(40, 30, level_detector(logit))
    assert predictor.finding.salient.blob.all()
    assert predictor.predict()[0].any()


def test_heat_on_the_padding_is_nothing():
    """The photo is wide; the disc lies below it."""
    predictor = salient_on(800, 200, DiscDetector(x=16, y=25))
    with pytest.raises(NoSalientObjectError):
        predictor.predict()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_detector_that_answers_no_number_is_an_error(value):
    predictor = salient_on(40, 30, lambda image: DiscDetector()(image) * value)
    with pytest.raises(ArtifactError, match="detector answers NaN or infinity"):
        predictor.predict()


def test_a_network_that_answers_nan_is_an_error_without_clicks_too():
    def network(image, maps, tokens):
        masks, ious = disc_network(image, maps, tokens)
        return masks * torch.nan, ious

    with pytest.raises(ArtifactError, match="network answers NaN"):
        salient_on(40, 30, DiscDetector(), network).predict()


def test_edits_are_the_automatic_clicks_then_the_users():
    predictor = salient_on(800, 600, DiscDetector())
    _, _, low_res_masks = predictor.predict(multimask_output=False)
    plain = SamPredictor(disc_network, SIZE, looking=None)
    plain.set_image(np.zeros((600, 800, 3), np.uint8))
    edited = predictor.edit([(20, 20), (700, 30)], [0, 1], low_res_masks)
    finding = predictor.finding
    expected = plain.predict(
        np.concatenate([finding.coords, [(20, 20), (700, 30)]]),
        [1] * 5 + [0, 1],
        mask_input=low_res_masks,
        multimask_output=False,
    )
    assert all(map(np.array_equal, edited, expected))


def test_edits_where_nothing_stands_out_are_the_users_clicks_alone():
    predictor = salient_on(40, 30, level_detector(-9.0))
    plain = SamPredictor(disc_network, SIZE, looking=None)
    plain.set_image(np.zeros((30, 40, 3), np.uint8))
    edited = predictor.edit([(20, 20)], [1], None)
    assert all(map(np.array_equal, edited, plain.predict([(20, 20)], [1], multimask_output=False)))


def test_a_users_click_on_an_automatic_one_overrules_it():
    """A network that is asked shows what it was asked: the label of that place is the user's."""
    asked = []

    def network(image, maps, tokens):
        asked.append(maps[0, :2].flatten(1).amax(dim=1))
        return disc_network(image, maps + 1e-3, tokens)

    predictor = salient_on(800, 600, DiscDetector(), network, sampling=ClickSampling(clicks=1))
    predictor.edit(predictor.finding.coords, [0], np.zeros((1, SIDE, SIDE)))
    positive, negative = asked[0]
    assert (positive, negative) == (0, 1)


@pytest.mark.parametrize(
    ("coords", "labels", "message"),
    [
        ([(900, 5)], [1], "outside the 800x600 image"),
        ((5, 5), [1], "point_coords must have shape Nx2, got 2"),
        ([(5, 5)], [1, 0], "point_labels must have shape 1, got 2"),
        ([(5, 5)], [7], "unknown point label 7"),
        ([(5, float("nan"))], [1], "is nan"),
        ("here", [1], "point_coords must be numbers"),
    ],
)
def test_edits_by_bad_clicks_name_them(coords, labels, message):
    with pytest.raises(PromptError, match=message):
        salient_on(800, 600, DiscDetector()).edit(coords, labels, None)


def test_without_a_photo():
    predictor = SaliencyPredictor(disc_network, DiscDetector(), SIZE, SIZE)
    for ask in (predictor.predict, lambda: predictor.finding, lambda: predictor.edit([], [], None)):
        with pytest.raises(ImageError, match="set_image"):
            ask()
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    predictor.predict()
    predictor.reset_image()
    with pytest.raises(ImageError, match="set_image"):
        predictor.predict()


def test_networks_that_do_not_go_together_are_refused():
    segmenter = SqueezeSam(nano(), SIZE).eval()
    detector = SaliencyDetector(DETECTORS["saliency"], SIZE).eval()
    assert SaliencyPredictor(segmenter, detector).size == SIZE
    with pytest.raises(ConfigError, match="the model is a salient-object detector; give a prompt"):
        SaliencyPredictor(detector, segmenter)
    with pytest.raises(ConfigError, match="the detector is a promptable network; give a salient"):
        SaliencyPredictor(segmenter, segmenter)


def test_the_detector_has_a_size_of_its_own():
    """Its heat map lies at the same place of the photo in the frame of the masks."""
    detector = DiscDetector()
    predictor = SaliencyPredictor(disc_network, detector, 2 * SIZE, SIZE)
    predictor.set_image(np.zeros((600, 800, 3), np.uint8))
    finding = predictor.finding
    (mask,) = finding.mask_input(Letterbox.fit(800, 600, 2 * SIZE)) > 0
    assert mask.shape == (SIZE, SIZE)
    y, x = np.nonzero(mask)
    stride = 2 * SALIENCY_STRIDE / MAP_STRIDE  # mask pixels a pixel of the heat map
    assert x.mean() + 0.5 == pytest.approx(stride * detector.x, abs=0.5)
    assert y.mean() + 0.5 == pytest.approx(stride * detector.y, abs=0.5)
    assert mask.sum() == pytest.approx(np.pi * (stride * detector.radius) ** 2, rel=0.05)


def test_channel_order():
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    detector = DiscDetector()
    predictor = SaliencyPredictor(disc_network, detector, SIZE, SIZE)
    predictor.set_image(photo)
    predictor.predict()
    predictor.set_image(np.ascontiguousarray(photo[..., ::-1]), image_format="BGR")
    predictor.predict()
    assert torch.equal(*detector.images)


@pytest.mark.parametrize(("width", "height"), PHOTOS)
def test_clicks_are_on_the_photo_whatever_its_shape(width, height):
    predictor = salient_on(width, height, level_detector(9.0))
    coords = predictor.finding.coords
    assert len(check_prompts(coords, [1] * 5, None, width=width, height=height).coords) >= 1
    assert (coords == coords.round()).all()
    assert predictor.predict()[0].shape == (3, height, width)


@pytest.mark.parametrize("size", [64, 128, 512])
@pytest.mark.parametrize(("width", "height"), PHOTOS)
def test_a_click_on_a_heat_pixel_is_a_click_inside_of_it(width, height, size):
    """Where photo pixels are larger than those of the heat map, they hold its centre instead."""
    letterbox = Letterbox.fit(width, height, size)
    columns, rows = letterbox.heat_size
    for x in {0, 1, columns // 3, columns - 1} & set(range(columns)):
        for y in {0, 1, rows // 2, rows - 1} & set(range(rows)):
            place = letterbox.photo_pixel(x, y)
            assert 0 <= place[0] < width
            assert 0 <= place[1] < height
            prompts = check_prompts([place], [1], None, width=width, height=height)
            coords, _ = prompt_slots(prompts, letterbox.scale)
            click = coords[0, 13].tolist()
            for at, clicked, scale in zip((x, y), click, letterbox.scale, strict=True):
                reach = max(SALIENCY_STRIDE, scale) / 2
                centre = (at + 0.5) * SALIENCY_STRIDE
                assert abs(clicked - centre) <= reach + 1e-3


@pytest.mark.parametrize(("width", "height"), PHOTOS)
def test_the_heat_map_is_the_part_of_it_whose_centres_lie_on_the_photo(width, height):
    letterbox = Letterbox.fit(width, height, SIZE)
    logits = np.random.default_rng(0).normal(0, 3, (HEAT_SIDE, HEAT_SIDE)).astype(np.float32)
    heat = heat_bytes(logits, letterbox)
    rows, columns = heat.shape
    for count, inside in zip((columns, rows), letterbox.inside, strict=True):
        centres = (np.arange(HEAT_SIDE) + 0.5) * SALIENCY_STRIDE
        assert count == max(1, np.count_nonzero(centres < inside))
    expected = 255 / (1 + np.exp(-logits[:rows, :columns].astype(np.float64)))
    assert np.abs(heat - expected).max() <= 0.5 + 1e-9
