"""ONNX pairs of the SAM family, through stand-ins with the public names and shapes."""

from pathlib import Path

import numpy as np
import pytest
import stand_in_sam
from PIL import Image

from squeezesam.errors import ArtifactError, ConfigError, ImageError, PromptError
from squeezesam.evaluation.models import load_baseline
from squeezesam.spec import PointLabel
from squeezesam_export.sam_onnx import SamOnnx, normalised_square

PAIRS = {
    "segment-anything": ("sam", "sam"),
    "single mask": ("sam", "sam_single"),
    "osam": ("osam", "sam"),
    "preprocessing inside": ("sam_hwc", "sam"),
    "EfficientSAM": ("efficientsam", "efficientsam"),
}
WIDE, TALL = (90, 152), (151, 88)  # height, width


def pair(stand_ins: Path, name: str) -> SamOnnx:
    encoder, decoder = PAIRS[name]
    return SamOnnx(stand_ins / f"{encoder}.encoder.onnx", stand_ins / f"{decoder}.decoder.onnx")


def ellipse(height: int, width: int, cx: float, cy: float) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((x + 0.5 - cx) / 18) ** 2 + ((y + 0.5 - cy) / 11) ** 2 < 1


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo with two ellipses of one colour on a dark ground, and their masks.

    Their centres are (0.75 W, 0.25 H) and (0.3 W, 0.7 H).
    """
    first = ellipse(height, width, 0.75 * width, 0.25 * height)
    second = ellipse(height, width, 0.3 * width, 0.7 * height)
    photo = np.where((first | second)[..., None], (230, 190, 40), (30, 60, 90)).astype(np.uint8)
    return photo, first, second


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("size", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_click_gives_what_lies_under_it(
    stand_ins: Path, name: str, size: tuple[int, int]
) -> None:
    height, width = size
    photo, first, second = scene(height, width)
    # With one object only, a swapped axis or a wrong scale clicks on the ground.
    photo[second] = (30, 60, 90)
    predictor = pair(stand_ins, name)
    predictor.set_image(photo)
    point = [[0.75 * width, 0.25 * height]]
    masks, ious, low_res = predictor.predict(point, [1], multimask_output=False)
    assert masks.shape == (1, height, width)
    assert masks.dtype == np.bool_
    assert low_res.shape == (1, 256, 256)
    assert ious == pytest.approx([0.95])
    assert iou(masks[0], first) > 0.97


@pytest.mark.parametrize("name", PAIRS)
def test_a_click_near_the_far_corner_needs_the_scale_of_both_axes(
    stand_ins: Path, name: str
) -> None:
    photo = np.full((90, 152, 3), 40, np.uint8)
    photo[82:, 140:] = 220
    predictor = pair(stand_ins, name)
    predictor.set_image(photo)
    masks, _, _ = predictor.predict([[146, 86]], [1], multimask_output=False)
    assert masks[0, 84:, 142:].all()
    assert not masks[0, :80].any()
    assert not masks[0, :, :138].any()


@pytest.mark.parametrize("name", PAIRS)
def test_boxes_and_negative_clicks(stand_ins: Path, name: str) -> None:
    height, width = WIDE
    photo, first, _ = scene(height, width)
    predictor = pair(stand_ins, name)
    predictor.set_image(photo)
    click = [0.75 * width, 0.25 * height]
    (both,) = predictor.predict([click], [1], multimask_output=False)[0]
    assert iou(both, first) < 0.6
    box = [0.75 * width - 22, 0, 0.75 * width + 22, 0.25 * height + 16]
    (boxed,) = predictor.predict([click], [1], box, multimask_output=False)[0]
    assert iou(boxed, first) > 0.9
    (box_only,) = predictor.predict(box=box, multimask_output=False)[0]
    inside = np.zeros_like(first)
    inside[: round(box[3]), round(box[0]) : round(box[2])] = True
    assert iou(box_only, inside) > 0.9
    (without_ground,) = predictor.predict([click, [2, 2]], [1, 0], multimask_output=False)[0]
    assert iou(without_ground, both) > 0.9
    other = [0.3 * width, 0.7 * height]
    (nothing,) = predictor.predict([click, other], [1, 0], multimask_output=False)[0]
    assert not nothing.any()


def test_a_clear_prompt_gives_the_first_mask_and_an_ambiguous_one_the_best(stand_ins: Path) -> None:
    photo, _, _ = scene(*WIDE)
    predictor = pair(stand_ins, "segment-anything")
    predictor.set_image(photo)
    clicks = [[114, 22], [110, 22], [113, 20]]

    def answer(count: int, **prompts: object) -> float:
        ious = predictor.predict(clicks[:count], [1] * count, multimask_output=False, **prompts)[1]
        return float(ious[0])

    clear, best = stand_in_sam.IOUS[0], stand_in_sam.IOUS[2]
    assert answer(1) == pytest.approx(best)
    assert answer(2) == pytest.approx(clear)
    assert answer(1, box=[90, 5, 140, 40]) == pytest.approx(clear)
    masks, ious, low_res = predictor.predict(clicks, [1, 1, 1])
    assert ious == pytest.approx(stand_in_sam.IOUS[1:])
    assert len(masks) == len(low_res) == 3


def test_the_earlier_mask_is_passed_on(stand_ins: Path) -> None:
    photo, _, _ = scene(*WIDE)
    predictor = pair(stand_ins, "segment-anything")
    predictor.set_image(photo)
    everywhere = np.full((1, 256, 256), 99.0, np.float32)
    masks, _, _ = predictor.predict([[114, 22]], [1], mask_input=everywhere, multimask_output=False)
    assert masks.all()
    with pytest.raises(PromptError, match="1x256x256"):
        predictor.predict([[114, 22]], [1], mask_input=everywhere[0, 0])
    efficient = pair(stand_ins, "EfficientSAM")
    efficient.set_image(photo)
    ignored = efficient.predict([[114, 22]], [1], mask_input=everywhere, multimask_output=False)
    assert not ignored[0].all()


def test_efficientsam_keeps_the_latest_of_many_clicks(stand_ins: Path) -> None:
    photo, first, _ = scene(*WIDE)
    predictor = pair(stand_ins, "EfficientSAM")
    predictor.set_image(photo)
    clicks = [[x, 22] for x in range(110, 117)]
    # All on one object; what the first, a negative one, would take away stays.
    (mask,) = predictor.predict(clicks, [0] + [1] * 6, multimask_output=False)[0]
    assert mask[first].mean() > 0.9
    (mask,) = predictor.predict(clicks[:6], [0] + [1] * 5, multimask_output=False)[0]
    assert not mask.any()


def test_the_normalised_square_is_padded_after_normalising() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (512, 1024, 3), dtype=np.uint8)
    square = normalised_square(photo)
    assert square.shape == (1, 3, 1024, 1024)
    assert square.dtype == np.float32
    assert not square[:, :, 512:].any()
    red = (photo[7, 9, 0] - 123.675) / 58.395
    assert square[0, 0, 7, 9] == pytest.approx(red, abs=1e-5)


def test_what_is_no_pair(stand_ins: Path, tmp_path: Path) -> None:
    sam = [stand_ins / "sam.encoder.onnx", stand_ins / "sam.decoder.onnx"]
    with pytest.raises(ArtifactError, match="give a pair"):
        SamOnnx(sam[0], stand_ins / "efficientsam.decoder.onnx")
    with pytest.raises(ArtifactError, match="no ONNX file"):
        SamOnnx(sam[0], tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ArtifactError, match="ONNX Runtime refuses"):
        SamOnnx(tmp_path / "text.onnx", sam[1])
    # Found and known names are told, for the encoder and for the decoder.
    with pytest.raises(ArtifactError, match=r"point_labels.*no known encoder.*batched_images"):
        SamOnnx(sam[1], sam[1])
    with pytest.raises(ArtifactError, match=r"input_image \[1, 3.*no known decoder.*mask_input"):
        SamOnnx(sam[0], sam[0])


def test_an_encoder_of_another_size_is_not_guessed(tmp_path: Path, stand_ins: Path) -> None:
    module, _, _ = stand_in_sam.ENCODERS["sam"]
    path = tmp_path / "small.onnx"
    small = {"input_image": stand_in_sam.torch.zeros(1, 3, 512, 512)}
    stand_in_sam.export(module, small, {}, ["image_embeddings"], path)
    with pytest.raises(ArtifactError, match=r"input_image \[1, 3, 512, 512\]"):
        SamOnnx(path, stand_ins / "sam.decoder.onnx")


def test_prompts_are_needed_and_checked(stand_ins: Path) -> None:
    predictor = pair(stand_ins, "segment-anything")
    with pytest.raises(ImageError, match="no photo is set"):
        predictor.predict([[1, 1]], [1])
    predictor.set_image(np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(PromptError, match="no prompt"):
        predictor.predict()
    with pytest.raises(PromptError, match="outside"):
        predictor.predict([[30, 1]], [1])


def test_it_is_a_baseline_by_name(stand_ins: Path) -> None:
    files = f"{stand_ins / 'sam.encoder.onnx'},{stand_ins / 'sam.decoder.onnx'}"
    assert isinstance(load_baseline(f"sam-onnx={files}"), SamOnnx)
    for argument in ("sam-onnx", "sam-onnx=one.onnx", "sam-onnx=one.onnx,"):
        with pytest.raises(ConfigError, match=r"ENCODER\.onnx,DECODER\.onnx"):
            load_baseline(argument)


def test_a_large_photo_is_shrunk_as_pillow_shrinks(stand_ins: Path) -> None:
    photo, first, second = scene(*WIDE)
    size = (WIDE[1] * 14, WIDE[0] * 14)
    large = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.NEAREST))
    predictor = pair(stand_ins, "segment-anything")
    predictor.set_image(large)
    (mask,) = predictor.predict([[114 * 14, 22 * 14]], [1], multimask_output=False)[0]
    expected = np.asarray(Image.fromarray(first | second).resize(size, Image.Resampling.NEAREST))
    assert iou(mask, expected) > 0.97


@pytest.mark.parametrize(("name", "count"), [("segment-anything", 2), ("EfficientSAM", 1)])
def test_only_labels_that_the_network_was_trained_with_are_named(
    stand_ins: Path, name: str, count: int
) -> None:
    labels = pair(stand_ins, name).labels
    assert PointLabel.POSITIVE in labels
    assert len(labels) == count
