"""What the tests of one run share is made once, by whoever asks first."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sharing import Shared


def test_equal_requests_get_what_the_first_one_made(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        assert not list(folder.iterdir())
        made.append(folder)
        time.sleep(0.05)
        (folder / "content").write_text("whole")

    def ask(_: int) -> str:
        # As in another process: every request opens the folder and its locks anew.
        return (Shared(tmp_path / "shared").made(make, "a", 1) / "content").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == ["whole"] * 4
    assert len(made) == 1


def test_a_key_is_told_by_all_its_parts_and_by_the_content_of_files(tmp_path: Path) -> None:
    shared = Shared(tmp_path / "shared")
    places = {shared.made(lambda _: None, *key) for key in (["a", 1], ["a", "1"], ["a1"], [1, "a"])}
    assert len(places) == 4
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for path, content in ((one, "x"), (same, "x"), (other, "y")):
        path.write_text(content)
    first, second, third = (shared.made(lambda _: None, path) for path in (one, same, other))
    assert first == second != third


def test_what_failed_is_made_again_from_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ZeroDivisionError

    shared = Shared(tmp_path / "shared")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared.made(fail, "a")
    assert not list(shared.made(lambda _: None, "a").iterdir())
