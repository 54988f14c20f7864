"""Damaged artifacts: whatever their bytes say, this process lives on and tells one error."""

import contextlib
import itertools
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from small_networks import run

from squeezesam.errors import ArtifactError, SqueezeSamError
from squeezesam.examples import EXAMPLES
from squeezesam.inference.load import LoadedNetwork, load
from squeezesam_export.targets import ort_file, trial
from squeezesam_export.targets.ort_file import Node, OnnxFile
from squeezesam_export.targets.trial import check_by_trial

KINDS = {
    "fp32.pte": "nano_executorch_fp32.pte",
    "int8.pte": "nano_executorch_int8.pte",
    "fp32.onnx": "nano_onnx_fp32.onnx",
}
FEW, MANY = 12, 300


@pytest.fixture(scope="module")
def artifacts(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small network in every kind, in a folder where damaged ones may lie beside it."""
    folder = tmp_path_factory.mktemp("artifacts")
    return {name: Path(shutil.copy(exported / file, folder / name)) for name, file in KINDS.items()}


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Single bytes, bits, words, ranges and ends; the head, where structure lies, as often as all.

    One after another in the order of the seed.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        changed = bytearray(content)
        reach = len(content) if number % 2 else min(len(content), 6000)
        at = int(rng.integers(reach))
        match number % 6:
            case 0:
                changed[at] = int(rng.integers(256))
            case 1:
                changed[at] ^= 1 << int(rng.integers(8))
            case 2:
                changed[at : at + 4] = int(rng.choice([0, 2**31 - 1, 2**32 - 1, 2**16])).to_bytes(
                    4, "little"
                )
            case 3:
                changed[at : at + 32] = rng.bytes(32)
            case 4:
                other = int(rng.integers(len(content)))
                changed[at : at + 64] = content[other : other + 64]
            case _:
                del changed[at + 8 :]
        yield bytes(changed)


def used(path: Path) -> None:
    """What every way in does: load, then run twice, on something else than zeros."""
    network = load(path)
    assert isinstance(network, LoadedNetwork)
    inputs = network.kind.inputs(network.size)
    for _ in range(2):
        network.run([torch.rand(spec.shape) - 0.5 for spec in inputs])


ENDS = ("ok", "refused", "untyped")


def end_of(path: Path) -> str:
    """How it ends to use a file in this process, unless it ends the process."""
    try:
        used(path)
    except SqueezeSamError:
        return "refused"
    except BaseException:
        return "untyped"
    return "ok"


def try_from(first: int, original: Path, contents: Iterable[bytes], told: int) -> NoReturn:
    """Be a process that uses a damaged file again and again, and tells each end by one byte."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    damaged = original.with_name(f"damaged_{original.name}")
    for content in itertools.islice(contents, first, None):
        damaged.write_bytes(content)
        os.write(told, bytes([ENDS.index(end_of(damaged))]))
    os._exit(0)


def outcomes(original: Path, count: int, seed: int) -> Counter[str]:
    """How often each end came: one of ENDS, or the signal that ended the process.

    One process goes on until it dies, since a fork for each file would take a third of the time.
    """
    counts: Counter[str] = Counter()
    sys.stdout.flush()
    while (first := counts.total()) < count:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try_from(first, original, mutations(original.read_bytes(), count, seed), writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            counts.update(ENDS[end] for end in pipe.read())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            counts[signal.Signals(-status).name if status < 0 else "untyped"] += 1
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_or_harmless(kind: str, artifacts: dict[str, Path]) -> None:
    used(artifacts[kind])  # Whole, it runs.
    counts = outcomes(artifacts[kind], FEW, seed=1)
    assert {*counts} <= {"ok", "refused"}
    assert counts["refused"]


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_much_damage_is_refused_or_harmless(
    kind: str, artifacts: dict[str, Path], rounds: int
) -> None:
    used(artifacts[kind])  # What is imported here, no child has to import.
    counts = outcomes(artifacts[kind], rounds * MANY, seed=2)
    print(counts)
    assert {*counts} <= {"ok", "refused"}, counts


def dies(_path: Path) -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def hangs(_path: Path) -> None:
    time.sleep(600)


def takes_all_memory(_path: Path) -> None:
    kept = [np.ones(20_000_000) for _ in range(10)]
    assert kept


def works(_path: Path) -> None:
    torch.rand(1000, 1000) @ torch.rand(1000, 1000)
    print("noise of a runtime")


@pytest.fixture(params=["fork", "fresh"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of child."""
    monkeypatch.setattr(trial, "FORKS", request.param == "fork" and trial.FORKS)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("attempt", "message"), [(dies, "Aborted"), (takes_all_memory, "does not run|allocate")]
)
def test_the_end_of_a_child_is_an_error(
    attempt: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    with pytest.raises(ArtifactError, match=message):
        check_by_trial(attempt, path)


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    monkeypatch.setattr(trial, "FORKED_SECONDS", 0.3)
    monkeypatch.setattr(trial, "FRESH_SECONDS", 0.3)
    with pytest.raises(ArtifactError, match="does not answer"):
        check_by_trial(hangs, path)


@pytest.mark.usefixtures("way")
def test_threads_of_the_parent_do_no_harm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    works(path)
    capfd.readouterr()
    try:
        check_by_trial(works, path)
    finally:
        torch.set_num_threads(threads)
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("way")
def test_all_answers_of_an_onnx_file_are_alike(artifacts: dict[str, Path]) -> None:
    """The first is another process's."""
    file = OnnxFile(artifacts["fp32.onnx"])
    rng = np.random.default_rng(0)
    feed = {node.name: rng.random(node.shape, np.float32) for node in file.inputs}
    first, *others = (file.run(None, feed) for _ in range(3))
    for other in others:
        for one, again in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, again)


class Deadly:
    """A session that describes itself well, and ends the process that runs it."""

    def get_inputs(self) -> list[Node]:
        return []

    get_outputs = get_inputs

    def run(self, *_: object) -> list[object]:
        os.abort()


@pytest.mark.skipif(not trial.FORKS, reason="a fresh Python would not see the stand-in")
def test_the_first_answer_can_end_a_child_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"1")
    monkeypatch.setattr(ort_file, "opened", lambda _path, **_options: Deadly())
    file = OnnxFile(path)
    for _ in range(2):  # A file that failed once is not trusted.
        with pytest.raises(ArtifactError, match="Aborted"):
            file.run(None, {})


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_trials_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    children: list[int] = []
    fork = os.fork

    def noted_fork() -> int:
        children.append(child := fork())
        return child

    monkeypatch.setattr(os, "fork", noted_fork)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for attempt in (dies, works):
        with contextlib.suppress(ArtifactError):
            check_by_trial(attempt, path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert len(children) == 2
    for child in children:
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_line_tells_of_damage(
    kind: str, artifacts: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"x.{kind.rpartition('.')[2]}"
    path.write_bytes(artifacts[kind].read_bytes()[:-2000])
    photo = EXAMPLES[0].path
    for option in ("--model", "--detector"):
        prompt = ["--point", "60,80"] if option == "--model" else []
        words = [*prompt, option, path, "--out", tmp_path / "o.png"]
        assert run("segment", photo, *words) == 2
        assert path.name in capsys.readouterr().err
