import numpy as np
import pytest
import torch
from conftest import write_scene

from squeezesam.data.rle import RleMask, decode_counts, encode_rle
from squeezesam.data.sa1b import Sa1bFolder
from squeezesam.data.sampling import AugmentConfig, ClickSamples
from squeezesam.errors import DataError


def test_compressed_counts_follow_the_coco_code():
    # Worked by hand from the COCO API's encoder: 6 is '6'; 1 is '1'; 40 is 'X1' (8 with a
    # continuation, then 1); the fourth run stores 4 - 1 = 3 and the fifth 30 - 40 = -10 ('F').
    assert decode_counts("61X13F") == [6, 1, 40, 4, 30]


def test_run_lengths_are_column_major():
    mask = np.random.default_rng(0).random((5, 7)) > 0.5
    np.testing.assert_array_equal(encode_rle(mask).coverage() == 255, mask)


def test_runs_of_another_size_are_refused():
    with pytest.raises(DataError, match="not to 4x4"):
        RleMask(4, 4, (3, 3)).coverage()


def test_folder_is_read_with_its_masks(tmp_path):
    mask = write_scene(tmp_path, "a", 1)
    (image,) = Sa1bFolder.open(tmp_path)
    np.testing.assert_array_equal(image.annotations[0].mask(), mask)
    assert image.pixels().shape == (72, 96, 3)


@pytest.mark.parametrize("text", ["{", "{}", '{"image": {}, "annotations": []}', "[]"])
def test_damaged_annotation_names_its_file(tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(DataError, match=r"bad\.json"):
        Sa1bFolder.open(tmp_path)[0]


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="SA-1B layout"):
        Sa1bFolder.open(tmp_path)


def test_samples_depend_on_seed_and_index_alone(scenes):
    def draw(seed, index):
        return ClickSamples(scenes, 64, seed, AugmentConfig())[index]

    for a, b in zip(draw(3, 11), draw(3, 11), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(draw(3, 11)[0], draw(3, 12)[0])
    assert not torch.equal(draw(3, 11)[0], draw(4, 11)[0])


def test_samples_keep_photo_and_mask_together(scenes):
    # The object is bright and the ground dark in every scene, whatever crop, flip and paste did.
    plain = AugmentConfig(jitter=0, grey=0)
    samples = ClickSamples(scenes, 64, 0, plain)
    for index in range(20):
        image, target, is_whole = samples[index]
        assert image.shape == (3, 64, 64)
        assert target.shape == (1, 32, 32)
        assert is_whole == 1
        red = torch.nn.functional.avg_pool2d(image[:1], 2)
        assert red[target > 0.99].min() > red[target > 0.99].mean() - 1.0
        assert red[target > 0.99].mean() > 0.3


def test_padding_is_exactly_zero(scenes):
    whole = AugmentConfig(crop=0, paste=0)
    image, target, _ = ClickSamples(scenes, 64, 0, whole)[0]
    assert (image[:, 48:] == 0).all()
    assert (target[:, 24:] == 0).all()
    assert image[:, :48].abs().mean() > 0.1
