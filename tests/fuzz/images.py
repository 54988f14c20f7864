"""Photos in every format and mode that Pillow writes here and `read_photo` reads."""

from pathlib import Path

import numpy as np
from PIL import Image

from squeezesam.errors import ImageError
from squeezesam.image_io import read_photo
from tests.fuzz.engine import Target

MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK")


def prepare(folder: Path) -> None:
    """One small photo of each format and mode."""
    Image.init()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for format_ in Image.SAVE:
        for mode in MODES:
            path = folder / f"{format_}-{mode.replace(';', '')}.{format_.lower()}"
            try:
                image = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
                image = image.convert("I").convert(mode) if mode == "I;16" else image
                image.save(path, format=format_, exif=exif.tobytes())
                read_photo(path)
            except (ImageError, OSError, ValueError, KeyError, SystemError, AttributeError):
                path.unlink(missing_ok=True)


TARGETS = (Target("images", prepare, read_photo),)
