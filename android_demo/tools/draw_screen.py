"""Draws the main screen from the measures of its layout. Android's own code is not run.

    python android_demo/tools/draw_screen.py --photo photo.jpg --mask mask.png --out screen.png

Heights, weights, paddings, texts and colours are those of `res/layout/main.xml` and `res/values`.
The font, the bars of the system and the look of a button are not Android's.
"""

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.Image import Image as Picture

RESOURCES = Path(__file__).parents[1] / "app" / "src" / "main" / "res"
ANDROID = "{http://schemas.android.com/apk/res/android}"
SCALE = 2
"""Pixels of the picture for each dp."""

WIDTH, HEIGHT = 360, 720
STATUS_BAR, ACTION_BAR, NAVIGATION_BAR = 24, 56, 48
BUTTON = 48
"""`minHeight` of the style Tool."""

TEXT = 14
DASH = 6
"""As in `PhotoView`."""

FONT = "DejaVuSans.ttf"


def values(kind: str, night: bool) -> dict[str, str]:
    """Strings or colours by their names."""
    found: dict[str, str] = {}
    for folder in ("values", "values-night") if night else ("values",):
        path = RESOURCES / folder / f"{kind}.xml"
        if path.exists():
            root = ElementTree.parse(path).getroot()
            found |= {one.get("name", ""): one.text or "" for one in root}
    return found


def height_of(element: ElementTree.Element) -> float:
    """Height of a row of the layout in dp; 0 where it takes what is left."""
    given = element.get(f"{ANDROID}layout_height", "")
    if given.endswith("dp"):
        return float(given.removesuffix("dp"))
    least = element.get(f"{ANDROID}minHeight")
    return float(least.removesuffix("dp")) if least else BUTTON


def outlined(photo: Picture, mask: Picture, width: int) -> Picture:
    """The photo with its selection as `PhotoView` draws it, in one frame of the animation."""
    size = (width, round(width * photo.height / photo.width))
    shown = photo.convert("RGB").resize(size)
    inside = mask.convert("L").resize(size).point(lambda level: 255 * (level > 127))
    tint = Image.composite(Image.new("RGB", size, (11, 110, 79)), shown, inside)
    shown = Image.blend(shown, tint, 70 / 255)
    wide, narrow = inside.filter(ImageFilter.MaxFilter(7)), inside.filter(ImageFilter.MinFilter(3))
    edge = np.asarray(wide) != np.asarray(narrow)
    down, across = np.indices(edge.shape)
    light = (down + across) // (DASH * SCALE) % 2 == 0
    pixels = np.array(shown)
    pixels[edge] = np.where(light[edge][:, None], 255, 0)
    return Image.fromarray(pixels)


def screen(photo: Picture, mask: Picture, night: bool = False) -> Picture:
    """The main screen once something stands out in a photo.

    Args:
        photo: upright.
        mask: of the size of the photo, bright where selected.
        night: the dark theme.
    """
    texts, colours = values("strings", night), values("colors", night)
    ground, ink = ("#303030", "#FFFFFF") if night else ("#FAFAFA", "#212121")
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), ground)
    draw = ImageDraw.Draw(picture)
    font, title = (ImageFont.truetype(FONT, size * SCALE) for size in (TEXT, 20))

    def box(top: float, height: float, left: float = 0, width: float = WIDTH) -> list[float]:
        return [SCALE * side for side in (left, top, left + width, top + height)]

    draw.rectangle(box(0, STATUS_BAR), fill=colours["primary_dark"])
    draw.rectangle(box(STATUS_BAR, ACTION_BAR), fill=colours["primary"])
    middle = (STATUS_BAR + ACTION_BAR / 2) * SCALE
    draw.text((16 * SCALE, middle), texts["app_name"], "#FFFFFF", title, anchor="lm")
    draw.text(((WIDTH - 16) * SCALE, middle), "\u22ee", "#FFFFFF", title, anchor="rm")
    draw.rectangle(box(HEIGHT - NAVIGATION_BAR, NAVIGATION_BAR), fill="#000000")

    rows = list(ElementTree.parse(RESOURCES / "layout" / "main.xml").getroot())
    top = STATUS_BAR + ACTION_BAR
    left_over = HEIGHT - NAVIGATION_BAR - top - sum(height_of(row) for row in rows)
    for row in rows:
        height = height_of(row) or left_over
        if row.tag.endswith("PhotoView"):
            draw.rectangle(box(top, height), fill=colours["ground"])
            scale = min(WIDTH / photo.width, height / photo.height)
            shown = outlined(photo, mask, round(photo.width * scale * SCALE))
            place = [(WIDTH * SCALE - shown.width) // 2]
            picture.paste(shown, (*place, round(top * SCALE + (height * SCALE - shown.height) / 2)))
        elif row.tag == "TextView":
            middle = (top + height / 2) * SCALE
            draw.text((16 * SCALE, middle), folded(texts["found"]), ink, font, anchor="lm")
        for i, button in enumerate(row.findall("Button")):
            name = button.get(f"{ANDROID}text", "").removeprefix("@string/")
            centre = WIDTH * (i + 0.5) / len(row.findall("Button"))
            place = (centre * SCALE, (top + height / 2) * SCALE)
            draw.text(
                place, folded(texts[name], 10), colours["accent"], font, anchor="mm", align="center"
            )
        top += height
    return picture


def folded(text: str, width: int = 44) -> str:
    """A text in lines of at most so many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def main() -> None:
    """Draw the light and the dark theme side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--mask", type=Path, required=True, help="what 'squeezesam segment' wrote")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photo, mask = Image.open(args.photo), Image.open(args.mask)
    both = Image.new("RGB", ((2 * WIDTH + 16) * SCALE, HEIGHT * SCALE), "#FFFFFF")
    for i, night in enumerate((False, True)):
        both.paste(screen(photo, mask, night), (i * (WIDTH + 16) * SCALE, 0))
    both.quantize(128).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
