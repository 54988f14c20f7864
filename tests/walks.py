"""How many files of the project run code on the way of a piece of work.

`python -m tests.walks --data DATA/train --results benchmarks/schemes_2026-11-26.jsonl` prints the
table of docs/architecture.md. A file counts if one of its functions is called; importing it does
not. With PYTHONPATH set to the three roots of another checkout it counts that one.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGES = ("squeezesam", "squeezesam_export", "squeezesam_benchmarks")


def roots() -> tuple[str, ...]:
    """Folders of the packages under test."""
    found = [find_spec(name) for name in PACKAGES]
    return tuple(str(Path(spec.origin).parent) for spec in found if spec and spec.origin)


@contextlib.contextmanager
def files_that_run(seen: set[str]) -> Iterator[None]:
    """Add the files of the packages in which functions are called meanwhile."""
    homes = roots()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and code.co_filename.startswith(homes):
            seen.add(code.co_filename)

    sys.setprofile(note)
    threading.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def command(*words: object) -> None:
    """Run a command of ours in this process.

    Raises:
        SystemExit: it failed.
    """
    from squeezesam import cli

    if status := cli.main([str(word) for word in words]):
        raise SystemExit(status)


def mask_of_a_photo() -> None:
    """Three lines of Python: a photo, a click, a mask."""
    import squeezesam

    photo = Path(squeezesam.__file__).parent / "zoo" / "photos" / "street_1.jpg"
    predictor = squeezesam.SamPredictor(squeezesam.load("base"))
    predictor.set_image(photo)
    predictor.predict([[155, 200]], [1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="sets of photos with masks")
    parser.add_argument("--results", type=Path, required=True, help="a file of `bench run`")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bundle, run = Path(name) / "bundle", Path(name) / "run"
        with contextlib.redirect_stdout(io.StringIO()):
            command("export", "--target", "onnx", "--precision", "fp32", "--out", bundle)
        training = ("train", "--data", args.data, "--variant", "nano", "--workers", 0)
        walks: dict[str, Callable[[], None]] = {
            "photo -> mask, in Python": mask_of_a_photo,
            "artifact -> verdict, `verify`": lambda: command("verify", bundle),
            "sample -> loss, `train`": lambda: command(
                *training, "--stage", "64:1:2", "--out", run
            ),
            "timing -> table, `bench report`": lambda: command("bench", "report", args.results),
        }
        print("| walk | files |\n|---|---|")
        for title, walk in walks.items():
            seen: set[str] = set()
            with contextlib.redirect_stdout(io.StringIO()), files_that_run(seen):
                walk()
            print(f"| {title} | {len(seen)} |", flush=True)


if __name__ == "__main__":
    main()
