"""Valid inputs made wrong: bytes anywhere, values and structure of JSON."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", "a" * 5000, "../../etc/passwd", "\x00", "\u2028", "\x1b[2J", "nan", [], {}),
    *(0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.5, 1e308, float("nan"), float("-inf")),
    *([[]], [0] * 3000, {"a": {"b": []}}, "٣", "-0", [None], "photo.jpg/../photo.jpg"),
)
EDGE_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def pick(rng: Rng, things: Any) -> Any:
    """One of a sequence."""
    return things[int(rng.integers(len(things)))]


def mutated_bytes(rng: Rng, content: bytes) -> bytes:
    """A few changes at random places: bytes, runs, cuts, doublings; more often near the start."""
    data = bytearray(content)
    for _ in range(int(rng.geometric(0.5))):
        if not data:
            break
        limit = min(len(data), 512) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(limit))
        length = int(min(rng.geometric(0.1), len(data) - at))
        match int(rng.integers(7)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = pick(rng, EDGE_BYTES)
            case 2:
                data[at : at + length] = rng.bytes(length)
            case 3:
                del data[at : at + length]
            case 4:
                del data[at:]
            case 5:
                data[at:at] = data[at : at + length]
            case 6:
                number = pick(rng, (0, 1, 2**31 - 1, 2**31, 2**32 - 1))
                data[at : at + 4] = number.to_bytes(4, pick(rng, ("little", "big")))
    return bytes(data)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in list(keys):
            found.append((container, key))
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
    return found


def mutated_json(rng: Rng, text: str) -> str:
    """One to three values replaced, dropped or nested, or the text as bytes."""
    if rng.random() < 0.2:
        return mutated_bytes(rng, text.encode()).decode("utf-8", "surrogateescape")
    value = json.loads(text)
    for _ in range(int(rng.integers(1, 4))):
        container, key = pick(rng, places_in(value) or [([value], 0)])
        match int(rng.integers(6)):
            case 0:
                del container[key]
                if not value:
                    break
            case 1:
                container[key] = [container[key]]
            case 2 if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case 3 if isinstance(container[key], int | float):
                container[key] = container[key] * pick(rng, (-1, 2, 0.5, 10**9, 10**20))
            case _:
                container[key] = copy.deepcopy(pick(rng, ODD_VALUES))
    text = json.dumps(value)
    if rng.random() < 0.03:
        depth = int(rng.integers(900, 3000))
        text = text.replace(":", ":" + "[" * depth, 1)
    return text


def mutated_file(rng: Rng, path: Path) -> None:
    """Change a file in place, as JSON or JSON Lines where its suffix says so."""
    if path.suffix == ".json":
        text = mutated_json(rng, path.read_text())
    elif path.suffix == ".jsonl":
        lines = path.read_text().splitlines()
        at = int(rng.integers(len(lines)))
        lines[at] = mutated_json(rng, lines[at])
        text = "\n".join(lines) + "\n"
    else:
        path.write_bytes(mutated_bytes(rng, path.read_bytes()))
        return
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def mutated_copy(rng: Rng, seed: Path, folder: Path) -> Path:
    """A copy of a file or folder under `folder`, one of its files changed."""
    copy = folder / seed.name
    if seed.is_dir():
        shutil.copytree(seed, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
    else:
        shutil.copyfile(seed, copy)
        files = [copy]
    mutated_file(rng, pick(rng, files))
    return copy
