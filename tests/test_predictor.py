"""The predictor's API, and its geometry end to end through a network that draws discs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from small_networks import random_network
from torch import Tensor

from squeezesam.errors import ArtifactError, ImageError, PromptError
from squeezesam.image_io import read_photo
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.building import folded
from squeezesam.networks.configs import VARIANTS, SqueezeSamConfig
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.spec import NUM_MASKS, MapChannel

SIZE = 128
SIDE = SIZE // 2
RADIUS = 6.0


def disc_network(image: Tensor, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Mask m is a disc of radius RADIUS + m mask pixels around the middle of the clicks."""
    assert image.shape == (1, 3, SIZE, SIZE)
    assert tokens.shape == (1, 16, 28)
    pixels = torch.arange(SIDE) + 0.5
    drawn = maps[0, MapChannel.POSITIVE]
    x = (drawn.sum(0) * pixels).sum() / drawn.sum()
    y = (drawn.sum(1) * pixels).sum() / drawn.sum()
    distance = torch.hypot(pixels[None] - x, pixels[:, None] - y)
    radii = RADIUS + torch.arange(NUM_MASKS)[:, None, None]
    return (radii - distance)[None], torch.linspace(0.9, 0.6, NUM_MASKS)[None]


def predictor_on(height: int, width: int) -> SamPredictor:
    """It looks once, so that discs are of one size; `test_looks.py` looks closer."""
    predictor = SamPredictor(disc_network, SIZE, looking=None)
    predictor.set_image(np.zeros((height, width, 3), np.uint8))
    return predictor


@pytest.mark.parametrize(
    ("width", "height"), [(800, 600), (341, 512), (128, 128), (1000, 257), (40, 30)]
)
def test_the_mask_lies_around_the_click(width: int, height: int) -> None:
    predictor = predictor_on(height, width)
    radius = RADIUS * 2 * max(width, height) / SIZE
    for share in (0.3, 0.5, 0.7):
        click = np.array([int(width * share), height // 2])
        masks, _, _ = predictor.predict(click[None], [1], multimask_output=False)
        y, x = np.mgrid[:height, :width]
        expected = np.hypot(x - click[0], y - click[1]) < radius
        # The rim may be off by one photo pixel or, on a coarse mask grid, by a tenth of its radius.
        rim = np.abs(np.hypot(x - click[0], y - click[1]) - radius) <= max(1.0, 0.1 * radius)
        assert np.array_equal(masks[0] & ~rim, expected & ~rim)


@pytest.mark.parametrize(("width", "height"), [(900, 1), (1, 900)])
def test_photos_one_pixel_thin(width: int, height: int) -> None:
    click = (width // 2, height // 2)
    masks, _, _ = predictor_on(height, width).predict([click], [1], multimask_output=False)
    assert masks.shape == (1, height, width)
    assert masks[0, click[1], click[0]]
    assert masks.sum() == pytest.approx(2 * RADIUS * 2 * 900 / SIZE, rel=0.15)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3)])
def test_photos_of_a_few_pixels(width: int, height: int) -> None:
    """They are smaller than the mask grid, whose logits are averaged over each photo pixel."""
    logits, _, low_res = predictor_on(height, width).predict([(0, 0)], [1], return_logits=True)
    assert logits.shape == (3, height, width)
    assert (logits >= low_res.min()).all()
    assert (logits <= low_res.max()).all()


def test_three_alternatives_or_the_whole_object() -> None:
    predictor = predictor_on(90, 120)
    masks, ious, low_res = predictor.predict([(60, 45)], [1])
    assert (masks.shape, masks.dtype) == ((3, 90, 120), np.bool_)
    assert ious == pytest.approx([0.8, 0.7, 0.6])
    assert (low_res.shape, low_res.dtype) == ((3, SIDE, SIDE), np.float32)
    whole, iou, low_res_whole = predictor.predict([(60, 45)], [1], multimask_output=False)
    assert whole.shape == (1, 90, 120)
    assert iou == pytest.approx([0.9])
    assert low_res_whole.shape == (1, SIDE, SIDE)
    areas = [int(mask.sum()) for mask in (*whole, *masks)]
    assert areas == sorted(set(areas))


def test_logits_on_request() -> None:
    predictor = predictor_on(90, 120)
    logits, _, _ = predictor.predict([(60, 45)], [1], return_logits=True)
    masks, _, _ = predictor.predict([(60, 45)], [1])
    assert logits.dtype == np.float32
    assert np.array_equal(logits > 0, masks)


def test_image_state() -> None:
    predictor = SamPredictor(disc_network, SIZE)
    assert not predictor.is_image_set
    with pytest.raises(ImageError, match="set_image"):
        predictor.predict([(1, 1)], [1])
    with pytest.raises(ImageError, match="set_image"):
        _ = predictor.original_size
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    assert predictor.is_image_set
    assert predictor.original_size == (30, 40)
    predictor.reset_image()
    assert not predictor.is_image_set


def test_a_photo_that_cannot_be_read_leaves_none_set() -> None:
    predictor = SamPredictor(disc_network, SIZE)
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(ImageError, match="no photo"):
        predictor.set_image("missing.jpg")
    assert not predictor.is_image_set


def test_channel_order() -> None:
    seen = []

    def network(image: Tensor, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(image)
        return disc_network(image, maps, tokens)

    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    predictor = SamPredictor(network, SIZE)
    predictor.set_image(photo)
    predictor.predict([(1, 1)], [1])
    predictor.set_image(np.ascontiguousarray(photo[..., ::-1]), image_format="BGR")
    predictor.predict([(1, 1)], [1])
    assert torch.equal(seen[0], seen[1])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8 array, got float32"),
        (np.zeros((4, 4), np.uint8), "HxWx3, got 4x4"),
        (np.zeros((4, 4, 4), np.uint8), "HxWx3, got 4x4x4"),
        (np.zeros((0, 4, 3), np.uint8), "HxWx3, got 0x4x3"),
        ([[1, 2, 3]], "uint8 array, got list"),
        (np.array(3, np.uint8), "HxWx3, got a single number"),
        (torch.zeros(4, 4, 3), "uint8 array, got float32"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "HxWx3, got 3x4x4"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8, device="meta"), "no array"),
    ],
)
def test_images_that_are_none(image: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        SamPredictor(disc_network, SIZE).set_image(image)


def test_an_unknown_channel_order() -> None:
    with pytest.raises(ImageError, match="'RGB' or 'BGR'"):
        SamPredictor(disc_network, SIZE).set_image(np.zeros((4, 4, 3), np.uint8), "RGBA")


def network_like_photo(image: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    """Masks that show the photo, so that another reading of it shows."""
    masks = image.mean(1, keepdim=True)[..., ::2, ::2].expand(-1, NUM_MASKS, -1, -1)
    return masks.clone(), torch.zeros(1, NUM_MASKS)


def low_res_of(image: object, network: Any = network_like_photo, **options: object) -> np.ndarray:
    predictor = SamPredictor(network, SIZE)
    predictor.set_image(image, **options)
    return predictor.predict([(0, 0)], [1])[2]


def test_pillow_images_and_paths_are_read_as_photos(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgba = Image.fromarray(rng.integers(0, 256, (30, 40, 4), dtype=np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    rgba.save(tmp_path / "photo.png", exif=exif)
    right = low_res_of(read_photo(tmp_path / "photo.png"))
    assert not np.array_equal(right, low_res_of(rgba.convert("RGB")))
    for path in (tmp_path / "photo.png", str(tmp_path / "photo.png")):
        assert np.array_equal(low_res_of(path), right)
    with Image.open(tmp_path / "photo.png") as image:
        assert np.array_equal(low_res_of(image), right)
        assert image.size == (40, 30), "the caller's image stays as it is"
    with pytest.raises(ImageError, match="leave it out"):
        low_res_of(rgba, image_format="BGR")
    with pytest.raises(ImageError, match="float pixels"):
        low_res_of(Image.new("F", (4, 4)))
    with pytest.raises(ImageError, match="no photo"):
        low_res_of("missing.jpg")


def test_a_damaged_pillow_image_is_our_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:3000])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(ImageError, match="decoded"):
        low_res_of(image)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (5, 7)])
@pytest.mark.parametrize("turn", [np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1], np.s_[..., ::-1]])
def test_images_of_any_strides(shape: tuple[int, int], turn: Any) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    photo.flags.writeable = False
    assert np.array_equal(low_res_of(photo[turn]), low_res_of(photo[turn].copy()))
    assert np.array_equal(low_res_of(photo, image_format="BGR"), low_res_of(photo[..., ::-1]))


def test_a_tensor_is_taken_as_an_array_is() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    tensor = torch.from_numpy(photo.copy())
    assert np.array_equal(low_res_of(tensor), low_res_of(photo))
    assert np.array_equal(low_res_of(tensor, image_format="BGR"), low_res_of(photo[..., ::-1]))
    predictor = SamPredictor(network_like_photo, SIZE)
    predictor.set_image(tensor)
    tensor.zero_()
    assert np.array_equal(predictor.pixels, photo), "the caller's values may change later"


def forms(values: list[Any]) -> list[Any]:
    """The same numbers as everything that holds numbers."""
    array = np.array(values)
    doubles = torch.tensor(values, dtype=torch.float64)
    return [
        tuple(values),
        array,
        array.astype(np.float16),
        array.astype(np.int16),
        np.asfortranarray(array)[::-1][::-1],
        doubles,
        doubles.requires_grad_(),
        doubles.to(torch.bfloat16),
        doubles.to(torch.int32),
        list(torch.tensor(values)),
    ]


def test_prompts_in_any_form_of_numbers() -> None:
    predictor = predictor_on(60, 80)
    right = predictor.predict([[20, 30], [40, 30]], [1, 0], [5, 6, 50, 40])[0]
    for coords in [*forms([[20, 30], [40, 30]]), [(20, 30), np.array([40, 30])]]:
        for labels, box in zip(forms([1, 0]), forms([5, 6, 50, 40]), strict=True):
            assert np.array_equal(predictor.predict(coords, labels, box)[0], right)
    for box in forms([[5, 6, 50, 40]]):
        assert np.array_equal(predictor.predict([[20, 30], [40, 30]], [1, 0], box)[0], right)


@pytest.mark.parametrize(
    "coords",
    [
        [[10**400, 0]],
        [[1j, 0]],
        np.array([[1j, 0]]),
        torch.tensor([[1j, 0]]),
        [["a", "b"]],
        [[1, 2], [3]],
        torch.zeros(1, 2).to_sparse(),
        {"x": 1},
        np.array([["1", "2"]], "U1"),
        np.array([[0, 1]], "datetime64[s]"),
        np.ma.array([[1.0, 2.0]], mask=[[False, True]]),
    ],
)
def test_what_is_no_number_is_a_prompt_error(coords: object) -> None:
    with pytest.raises(PromptError, match="point_coords must be numbers"):
        predictor_on(30, 40).predict(coords, [1])


def test_too_large_a_number_is_named_without_a_warning() -> None:
    with pytest.raises(PromptError, match="inf"):
        predictor_on(30, 40).predict(np.array([[1e300, 0]]), [1])


def test_one_of_the_low_res_masks_goes_back_as_it_is() -> None:
    network = folded(SqueezeSam(nano(), SIZE))
    predictor = SamPredictor(network, SIZE)
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    _, ious, low_res = predictor.predict([(20, 10)], [1])
    best = int(ious.argmax())
    right = predictor.predict([(20, 10)], [1], mask_input=low_res[best : best + 1])[2]
    again = predictor.predict([(20, 10)], [1], mask_input=low_res[best])[2]
    assert np.array_equal(again, right)
    assert not np.array_equal(again, low_res)


@pytest.mark.parametrize(
    ("mask_input", "message"),
    [
        (np.zeros((SIDE, SIDE + 1), np.float32), "1x64x64, got 1x64x65"),
        (np.zeros((3, SIDE, SIDE), np.float32), "1x64x64, got 3x64x64"),
        (np.zeros((1, 256, 256), np.float32), "1x64x64, got 1x256x256"),
        ("mask", "mask_input must be numbers"),
    ],
)
def test_mask_inputs_of_another_shape(mask_input: object, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        predictor_on(30, 40).predict([(1, 1)], [1], mask_input=mask_input)


def test_a_mask_input_with_nan_is_refused_in_one_line() -> None:
    with pytest.raises(PromptError, match=r"mask_input\[0, 0, 0\] is nan") as caught:
        predictor_on(30, 40).predict(mask_input=np.full((1, SIDE, SIDE), np.nan))
    assert len(str(caught.value)) < 200


def test_negative_clicks_alone_do_not_say_what_is_meant() -> None:
    predictor = SamPredictor(random_network(0))
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    beside = {"point_coords": [(1, 1), (5, 5)], "point_labels": [0, 0]}
    with pytest.raises(PromptError, match="add a positive click"):
        predictor.predict(**beside)
    with pytest.raises(PromptError, match="add a positive click"):
        predictor.predict(point_coords=[[(1, 1)], [(1, 1)]], point_labels=[[1], [0]])
    predictor.predict(**beside, box=(2, 2, 20, 20))
    *_, earlier = predictor.predict([(20, 20)], [1], multimask_output=False)
    predictor.predict(**beside, mask_input=earlier)


@pytest.mark.parametrize("labels", [None, [], [-1]])
def test_no_prompt_at_all(labels: list[int] | None) -> None:
    coords = None if labels is None else [(1, 1)] * len(labels)
    with pytest.raises(PromptError, match="no prompt"):
        predictor_on(30, 40).predict(coords, labels)


def test_a_box_alone_and_a_mask_alone_are_prompts() -> None:
    network = folded(SqueezeSam(nano(), SIZE))
    predictor = SamPredictor(network, SIZE)
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    box = np.array([5, 5, 20, 20])
    masks, _, low_res = predictor.predict(box=box)
    same, _, _ = predictor.predict(box=box[None])
    assert np.array_equal(masks, same)
    again, _, _ = predictor.predict(mask_input=low_res[:1], multimask_output=False)
    assert again.shape == (1, 30, 40)


def test_a_network_that_answers_nan_is_an_error() -> None:
    def network(image: Tensor, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        masks, ious = disc_network(image, maps, tokens)
        return masks * torch.nan, ious

    predictor = SamPredictor(network, SIZE)
    predictor.set_image(np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(ArtifactError, match="NaN"):
        predictor.predict([(1, 1)], [1])


def test_a_click_changes_what_the_network_says() -> None:
    torch.manual_seed(0)
    predictor = SamPredictor(folded(SqueezeSam(nano(), SIZE)), SIZE)
    predictor.set_image(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8))
    answers = [
        predictor.predict(places, [1, 0][: len(places)])[2]
        for places in ([(20, 20)], [(90, 60)], [(20, 20), (90, 60)])
    ]
    assert not np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def nano() -> SqueezeSamConfig:
    config = VARIANTS["nano"]
    assert isinstance(config, SqueezeSamConfig)
    return config


def test_several_queries_are_answered_as_each_alone() -> None:
    model = SamPredictor(random_network(0))
    side = model.size // 2
    model.set_image(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8))
    boxes = np.array([[5, 5, 40, 40], [60, 20, 120, 90], [0, 0, 128, 96]])
    points = np.array([[[20, 20], [1, 1]], [[90, 50], [70, 30]], [[64, 48], [3, 90]]])
    labels = np.array([[1, 0], [1, 1], [1, -1]])
    _, _, earlier = model.predict(box=boxes, multimask_output=False)
    assert earlier.shape == (3, 1, side, side)
    for together in (
        {"box": boxes},
        {"box": torch.from_numpy(boxes)},
        {"point_coords": points, "point_labels": labels.tolist()},
        {"point_coords": points, "point_labels": labels, "box": boxes, "mask_input": earlier},
    ):
        masks, ious, low_res = model.predict(**together)
        assert (masks.shape, masks.dtype) == ((3, 3, 96, 128), np.bool_)
        assert (ious.shape, low_res.shape) == ((3, 3), (3, 3, side, side))
        for index in range(3):
            alone = model.predict(**{name: value[index] for name, value in together.items()})
            for given, wanted in zip((masks, ious, low_res), alone, strict=True):
                assert np.array_equal(given[index], wanted)
    logits, _, _ = model.predict(box=boxes, return_logits=True)
    assert logits.dtype == np.float32


def test_one_query_in_an_axis_of_its_own_is_one_answer() -> None:
    predictor = predictor_on(90, 120)
    alone, _, _ = predictor.predict([(60, 45)], [1])
    masks, ious, _ = predictor.predict([[(60, 45)]], [[1]])
    assert np.array_equal(masks, alone)
    assert ious.shape == (3,)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (
            {"box": np.ones((3, 4)), "point_coords": [[1, 1]], "point_labels": [1]},
            "point_coords for 1, point_labels for 1, box for 3",
        ),
        ({"box": np.zeros((0, 4))}, "no query in box"),
        ({"box": [[9, 9, 0, 0], [0, 0, 9, 9]]}, "covers nothing"),
        ({"box": [[0, 0, 9, 9], [9, 9]]}, "box must be numbers of shape 4"),
        ({"box": np.ones((2, 5))}, "box must have shape 4, got 5"),
        ({"point_coords": [[[1, 1]], [[500, 1]]], "point_labels": [[1], [1]]}, "outside"),
    ],
)
def test_queries_that_do_not_fit(prompts: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        predictor_on(90, 120).predict(**prompts)
