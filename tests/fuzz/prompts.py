"""Prompts of every type and shape through the predictor, and as text of the command line."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompt_text import click_in_pixels, parse_box, parse_point
from squeezesam.inference.prompts import check_prompts
from tests.fuzz.engine import Target
from tests.fuzz.mutation import Rng, pick

SIZE = 64
NUMBERS = (
    *("0", "1", "-1", "5", "19.5", "29", "40", "-0.0", "1e300", "10**400", "1e-320", "True"),
    *("float('nan')", "float('inf')", "None", "'5'", "'x'", "1j", "[3]", "{}", "object()"),
)
FORMS = (
    *("{}", "tuple({})", "np.array({})", "np.array({}, 'float16')", "np.array({}, 'int8')"),
    *("torch.tensor({})", "torch.tensor({}).bfloat16()", "np.array({}, object)", "iter({})"),
    *("np.array({}).T", "torch.tensor({}).to_sparse()", "np.ma.array({})", "[{}]", "set({})"),
    *("np.asfortranarray({})[::-1]", "np.array({}, 'complex64')", "str({})", "np.array({}, 'U9')"),
)
PIECES = (
    *("5", "20", "-3", "0.5", "50%", "1e3", "nan", "inf", "", " ", ",", ", ", ":", ":neg", ":pos"),
    *("%", "-", "٣", "1_0", "0x5", "\x00", "\n", "1e400", "5" * 400, "--", "neg"),
)


def numbers(rng: Rng, count: int) -> str:
    """`count` numbers, mostly good ones, as the text of a list."""
    good = rng.random() < 0.5
    return "[" + ", ".join(pick(rng, NUMBERS[1:6] if good else NUMBERS) for _ in range(count)) + "]"


def formed(rng: Rng, text: str) -> str:
    """The list as another kind of object, now and then."""
    return pick(rng, FORMS).replace("{}", text) if rng.random() < 0.6 else text


def array_case(rng: Rng, _: list[Path], folder: Path) -> Path:
    """The arguments of a prediction as a Python expression."""
    count = int(rng.integers(0, 20))
    arguments = {
        "point_coords": ", ".join(numbers(rng, int(rng.integers(1, 4))) for _ in range(count)),
        "point_labels": numbers(rng, count)[1:-1],
        "box": numbers(rng, int(rng.integers(3, 6)))[1:-1],
    }
    chosen = {
        name: formed(rng, f"[{text}]") for name, text in arguments.items() if rng.random() < 0.6
    }
    if rng.random() < 0.3:
        shape = pick(
            rng, ("(32, 32)", "(1, 32, 32)", "(3, 32, 32)", "(0,)", "()", "(1, 1, 32, 32)")
        )
        kind = pick(rng, ("'float32'", "'float16'", "'int64'", "bool", "object"))
        chosen["mask_input"] = f"np.full({shape}, {pick(rng, NUMBERS)}, {kind})"
    path = folder / "case.txt"
    path.write_text("dict(" + ", ".join(f"{name}={text}" for name, text in chosen.items()) + ")")
    return path


def text_case(rng: Rng, _: list[Path], folder: Path) -> Path:
    """The text of a click or box."""
    path = folder / "case.txt"
    path.write_text("".join(pick(rng, PIECES) for _ in range(int(rng.integers(1, 9)))))
    return path


@cache
def predictor() -> SamPredictor:
    """One whose network answers at once."""
    answer = torch.zeros(1, 4, SIZE // 2, SIZE // 2), torch.zeros(1, 4)
    made = SamPredictor(lambda *_: answer, SIZE)
    made.set_image(np.zeros((30, 40, 3), np.uint8))
    return made


def check_arrays(path: Path) -> None:
    """Predict; an expression that numpy or torch refuses by itself is no case."""
    try:
        arguments: dict[str, Any] = eval(path.read_text(), {"np": np, "torch": torch})
    except Exception:
        return
    masks = predictor().predict(**arguments)[0]
    assert masks.shape == (3, 30, 40)


def check_text(path: Path) -> None:
    """Read as both kinds of prompt, and put on a photo what is one."""
    for parse in (parse_box, parse_point):
        try:
            parsed = parse(path.read_text())
        except ValueError as error:
            refused = error
            continue
        if isinstance(parsed, tuple):
            coords = [click_in_pixels(parsed[0], 40, 30)]
            check_prompts(coords, [parsed[1]], None, width=40, height=30)
        else:
            check_prompts(None, None, parsed.pixels(40, 30), width=40, height=30)
        return
    raise refused


def prepare_arrays(folder: Path) -> None:
    """One prompt of each kind."""
    (folder / "a.txt").write_text("dict(point_coords=[[5, 5]], point_labels=[1], box=[1, 2, 9, 9])")


def prepare_text(folder: Path) -> None:
    """A click."""
    (folder / "a.txt").write_text("5,6:neg")


TARGETS = (
    Target("prompts", prepare_arrays, check_arrays, array_case),
    Target("prompt-text", prepare_text, check_text, text_case),
)
