"""Photos and mask pictures in two folders."""

import numpy as np
import pytest
from PIL import Image

from squeezesam.data.mask_folder import FOLDER_PAIRS, MaskFolder
from squeezesam.data.open import open_dataset
from squeezesam.errors import DataError
from squeezesam.image_io import read_photo

HEIGHT, WIDTH = 20, 30
LEFT = np.zeros((HEIGHT, WIDTH), np.bool_)
LEFT[:, :10] = True
RIGHT = LEFT[:, ::-1].copy()
MIDDLE = ~(LEFT | RIGHT)


def write(root, photos, masks, photo_name="a.jpg", **mask_pictures):
    """A photo and masks, whose names are given as `a` or `a_1`."""
    for folder in (photos, masks):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "olive").save(root / photos / photo_name)
    for stem, picture in mask_pictures.items():
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        picture.save(root / masks / f"{stem}.png")


def grey(**values):
    """Grey values of the three stripes."""
    stripes = {"left": LEFT, "middle": MIDDLE, "right": RIGHT}
    return sum(stripes[name] * np.uint8(value) for name, value in values.items())


def palette(values):
    picture = Image.fromarray(values).convert("P")
    picture.putdata(values.ravel().tolist())
    picture.putpalette([*range(256)] * 3)
    return picture


def read_masks(root):
    (image,) = open_dataset(root)
    assert {annotation.kind for annotation in image.annotations} <= {"whole"}
    for annotation in image.annotations:
        assert annotation.area == annotation.mask().sum()
    return image, [annotation.mask() for annotation in image.annotations]


@pytest.mark.parametrize("pair", FOLDER_PAIRS)
def test_every_pair_of_folders_is_known(tmp_path, pair):
    write(tmp_path, pair.photos, pair.masks, a=grey(left=255))
    image, masks = read_masks(tmp_path)
    np.testing.assert_array_equal(masks, [LEFT])
    assert image.pixels().shape == (HEIGHT, WIDTH, 3)
    assert image.ignore is None


@pytest.mark.parametrize(
    "picture",
    [
        grey(left=1),
        grey(left=200),
        Image.fromarray(grey(left=255)).convert("1"),
        Image.fromarray(grey(left=255)).convert("RGBA"),
        palette(grey(left=1)),
        palette(grey(left=255)),
    ],
    ids=["one", "200", "bits", "colours", "palette", "palette-255"],
)
def test_one_value_is_one_object(tmp_path, picture):
    write(tmp_path, "images", "masks", a=picture)
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT])


@pytest.mark.parametrize("as_picture", [Image.fromarray, palette], ids=["grey", "palette"])
def test_label_map_gives_an_object_for_each_value(tmp_path, as_picture):
    write(tmp_path, "images", "masks", a=as_picture(grey(left=1, middle=255, right=2)))
    image, masks = read_masks(tmp_path)
    np.testing.assert_array_equal(masks, [LEFT, RIGHT])
    np.testing.assert_array_equal(image.ignore.coverage() == 255, MIDDLE)


def test_soft_matte_keeps_its_coverage(tmp_path):
    matte = grey(left=255, middle=200, right=60)
    write(tmp_path, "images", "masks", a=matte)
    image, masks = read_masks(tmp_path)
    np.testing.assert_array_equal(masks, [LEFT | MIDDLE])
    np.testing.assert_array_equal(image.annotations[0].code.coverage(), matte)


@pytest.mark.parametrize("folders", [("data_GT", "boundary_GT"), ("images", "masks")])
def test_border_of_a_trimap_is_ignored(tmp_path, folders):
    write(tmp_path, *folders, a=grey(left=255, middle=128))
    image, masks = read_masks(tmp_path)
    np.testing.assert_array_equal(masks, [LEFT])
    np.testing.assert_array_equal(image.ignore.coverage() == 255, MIDDLE)


def test_davis_is_one_object_whatever_its_colours(tmp_path):
    colours = np.stack([grey(left=128), grey(right=7), grey(right=90)], axis=2)
    write(tmp_path, "img", "gt", a=colours)
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT | RIGHT])


def test_empty_mask_is_no_object(tmp_path):
    write(tmp_path, "images", "masks", a=grey(left=0))
    assert read_masks(tmp_path)[1] == []


def test_numbered_masks_are_objects_of_one_photo(tmp_path):
    write(tmp_path, "images", "masks", a_10=grey(right=255), a_2=grey(left=255))
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT, RIGHT])


def test_plain_stem_goes_before_numbers(tmp_path):
    write(tmp_path, "images", "masks", a=grey(left=255), a_1=grey(right=255))
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT])
    assert [each.name for each in open_dataset(tmp_path).skipped] == ["a_1.png"]


def test_files_without_a_partner_are_listed(tmp_path):
    write(tmp_path, "images", "masks", a=grey(left=1), c=grey(left=1))
    write(tmp_path, "images", "masks", "b.jpg")
    dataset = open_dataset(tmp_path)
    assert [image.name for image in dataset] == ["a.jpg"]
    assert {(s.name, s.reason) for s in dataset.skipped} == {
        ("b.jpg", "it has no mask"),
        ("c.png", "it has no photo"),
    }


def test_folders_without_a_common_stem_are_refused(tmp_path):
    write(tmp_path, "images", "masks", b=grey(left=1))
    with pytest.raises(DataError, match="same stem"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("picture", "complaint"),
    [
        (np.zeros((WIDTH, HEIGHT), np.uint8), "it is 20x30, its photo 30x20"),
        (np.stack([grey(left=9), grey(right=9), grey(middle=9)], 2), "it has colours"),
        (grey(left=1).astype(np.uint16) * 300 + RIGHT, "outside 0..255"),
    ],
    ids=["size", "colours", "16-bit"],
)
def test_unusable_masks_name_their_file(tmp_path, picture, complaint):
    write(tmp_path, "images", "masks", a=picture)
    with pytest.raises(DataError, match=rf"a\.png cannot be used: .*{complaint}"):
        open_dataset(tmp_path)[0]


@pytest.mark.parametrize("name", ["images/a.jpg", "masks/a.png"])
def test_damaged_files_are_data_errors(tmp_path, name):
    write(tmp_path, "images", "masks", a=grey(left=255, middle=200, right=60))
    dataset = MaskFolder.open(tmp_path)
    image = dataset[0]
    (tmp_path / name).write_bytes(b"\x89PNG what")
    with pytest.raises(DataError, match="cannot be"):
        dataset[0]
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match="cannot be"):
        image.pixels() if "jpg" in name else image.annotations[0].mask()


OPAQUE_LEFT = LEFT * np.uint8(255)


def in_alpha(colour, hidden, alpha=OPAQUE_LEFT):
    """A picture of one visible colour whose shape is held in its opacity."""
    colours = np.where(alpha[..., None] > 0, np.uint8(colour), np.uint8(hidden))
    return np.dstack([np.broadcast_to(colours, (HEIGHT, WIDTH, 3)), alpha])


@pytest.mark.parametrize(
    "folders", [("images", "masks"), ("img", "gt"), ("data_GT", "boundary_GT")]
)
@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
@pytest.mark.parametrize("colour", [0, 1, 255])
@pytest.mark.parametrize("hidden", [0, 255])
def test_shapes_held_in_opacity_are_objects(tmp_path, folders, mode, colour, hidden):
    picture = Image.fromarray(in_alpha(colour, hidden))
    if mode == "P":
        picture = palette(np.where(LEFT, 0, 1).astype(np.uint8))
        picture.putpalette([colour] * 3 + [hidden] * 3)
        picture.info["transparency"] = 1
    write(tmp_path, *folders, a=picture if mode in ("P", "RGBA") else grey_alpha(picture))
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT])


def grey_alpha(picture):
    return picture.convert("LA")


def test_soft_opacity_is_a_matte(tmp_path):
    alpha = grey(left=255, middle=200, right=60)
    write(tmp_path, "images", "masks", a=in_alpha(0, 0, alpha))
    image, masks = read_masks(tmp_path)
    np.testing.assert_array_equal(masks, [LEFT | MIDDLE])
    np.testing.assert_array_equal(image.annotations[0].code.coverage(), alpha)


def test_what_is_transparent_in_a_label_map_is_background(tmp_path):
    values = grey(left=1, middle=2, right=3)
    alpha = grey(left=255, middle=255)
    write(tmp_path, "images", "masks", a=np.dstack([values, values, values, alpha]))
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT, MIDDLE])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("colour", [(255, 255, 255), (1, 1, 1), (200, 0, 0)])
def test_palettes_of_two_colours_are_read_by_colour(tmp_path, order, colour):
    """Tools that reduce colours put them in any order."""
    picture = Image.fromarray(np.where(LEFT, order[1], order[0]).astype(np.uint8)).convert("P")
    picture.putdata(np.where(LEFT, order[1], order[0]).ravel().tolist())
    colours = [(0, 0, 0), colour]
    picture.putpalette([value for index in order for value in colours[order[index]]])
    if order == [1, 0]:
        picture.putpalette([*colour, 0, 0, 0])
        picture.putdata(np.where(LEFT, 0, 1).ravel().tolist())
    write(tmp_path, "images", "masks", a=picture)
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT])


@pytest.mark.parametrize("count", [2, 4, 256])
@pytest.mark.parametrize("shape", [LEFT, ~LEFT, MIDDLE])
def test_quantized_masks_are_the_masks(tmp_path, count, shape):
    picture = Image.fromarray(shape * np.uint8(255)).convert("RGB").quantize(count)
    write(tmp_path, "images", "masks", a=picture)
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [shape])


def test_label_palettes_with_the_background_elsewhere(tmp_path):
    picture = palette(grey(left=0, middle=1, right=2))
    picture.putpalette([200, 0, 0, 0, 0, 0, 0, 200, 0])
    write(tmp_path, "images", "masks", a=picture)
    np.testing.assert_array_equal(read_masks(tmp_path)[1], [LEFT, RIGHT])


def test_palettes_without_a_background_are_refused(tmp_path):
    picture = palette(grey(left=0, middle=1, right=2))
    picture.putpalette([200, 0, 0, 0, 100, 0, 0, 200, 0])
    write(tmp_path, "images", "masks", a=picture)
    with pytest.raises(DataError, match="no black background"):
        open_dataset(tmp_path)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("masks_are_shown", [True, False])
def test_masks_of_turned_photos(tmp_path, orientation, masks_are_shown):
    """Masks belong to the photo as shown, and to that as stored where only its size fits."""
    shown = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shown[LEFT] = (250, 30, 30)
    sideways = orientation >= 5
    exif = Image.Exif()
    exif[0x0112] = orientation
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    stored = np.rot90(shown, 1) if sideways else shown
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "images/a.png", exif=exif)
    seen = read_photo(tmp_path / "images" / "a.png")
    expected = seen if masks_are_shown or not sideways else np.ascontiguousarray(stored)
    mask = (expected[..., 0] > 127) * np.uint8(255)
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    (image,) = open_dataset(tmp_path)
    np.testing.assert_array_equal(image.pixels(), expected)
    assert (image.pixels()[image.annotations[0].mask()] == (250, 30, 30)).all()
