"""Data sets of every layout: opened, and every photo and mask of them decoded."""

import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from squeezesam.data.encoded_masks import encode_rle
from squeezesam.data.open import open_dataset
from squeezesam.errors import DataError
from tests.fuzz.engine import Target

WIDTH, HEIGHT = 32, 24
MASK = np.zeros((HEIGHT, WIDTH), np.bool_)
MASK[5:15, 8:20] = True
SEGMENTATIONS = (
    [[8, 5, 20, 5, 20, 15, 8, 15]],
    {"size": [HEIGHT, WIDTH], "counts": encode_rle(MASK).counts},
    {"size": [HEIGHT, WIDTH], "counts": [5 + 24 * 8, 10, 24 * WIDTH - 24 * 8 - 15]},
)


def write_photo(path: Path) -> None:
    """A small JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "teal").save(path)


def annotations(**more: object) -> list[dict[str, object]]:
    """One annotation for each way to write a mask."""
    return [
        {"id": number, "segmentation": one, "area": 120, "bbox": [8, 5, 12, 10], **more}
        for number, one in enumerate(SEGMENTATIONS, 1)
    ]


def prepare_coco(folder: Path, url: bool = False) -> None:
    """COCO's folder, or LVIS's with addresses in the place of names."""
    root = folder / ("lvis" if url else "coco")
    write_photo(root / "val2017" / "000000000001.jpg")
    name = "val2017/000000000001.jpg"
    where = {"coco_url": f"http://x/{name}"} if url else {"file_name": Path(name).name}
    content = {
        "images": [{"id": 1, "width": WIDTH, "height": HEIGHT, **where}],
        "annotations": annotations(image_id=1, category_id=1, iscrowd=0),
        "categories": [{"id": 1, "name": "person"}],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))


def prepare_sa1b(folder: Path) -> None:
    """Pairs of a photo and its JSON."""
    for name in ("a", "b"):
        write_photo(folder / "sa1b" / f"{name}.jpg")
        content = {
            "image": {"file_name": f"{name}.jpg", "width": WIDTH, "height": HEIGHT},
            "annotations": annotations()[1:],
        }
        (folder / "sa1b" / f"{name}.json").write_text(json.dumps(content))


def prepare_tar(folder: Path) -> None:
    """The pairs in a tar."""
    prepare_sa1b(folder)
    pairs = folder / "sa1b"
    with tarfile.open(folder / "sa1b.tar", "w") as tar:
        for path in sorted(pairs.iterdir()):
            tar.add(path, path.name)
    for path in pairs.iterdir():
        path.unlink()
    pairs.rmdir()


def prepare_masks(folder: Path) -> None:
    """A folder of photos and one of masks."""
    for name in ("a", "b"):
        write_photo(folder / "set" / "images" / f"{name}.jpg")
        (folder / "set" / "masks").mkdir(exist_ok=True)
        Image.fromarray(MASK).save(folder / "set" / "masks" / f"{name}.png")


def check(path: Path) -> None:
    """Decode all of a data set; a photo that is damaged leaves the others alone."""
    dataset = open_dataset(path)
    for index in range(len(dataset)):
        try:
            image = dataset[index]
            image.pixels()
            for annotation in image.annotations:
                annotation.mask()
        except DataError:
            continue


TARGETS = (
    Target("coco", prepare_coco, check),
    Target("lvis", lambda folder: prepare_coco(folder, url=True), check),
    Target("sa1b", prepare_sa1b, check),
    Target("sa1b-tar", prepare_tar, check),
    Target("mask-folder", prepare_masks, check),
)
