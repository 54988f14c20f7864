"""Commands that are killed, or whose disk is full or read-only, lose nothing and can be run again.

Each command runs in a process forked from one that has imported everything, and is killed at
moments drawn from fixed seeds, of which --rounds says the number.
"""

import fcntl
import hashlib
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import write_scene
from safetensors.torch import load_file
from small_networks import SIZE

from squeezesam.data.open import open_datasets
from squeezesam.training.optimizer import HybridOptimizer
from squeezesam_export.bundle.verification import Verification

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "squeezesam.commands.training",
        "squeezesam.data.packing",
        "squeezesam_export.bundle.exporting",
    ]
)
SHARES = (0.5, 0, 0.9, 0.1, 0.3, 0.7, 0.2, 0.4, 0.6, 0.8)
"""Of a file that fit on a full disk, by seed."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def command(words, limit=None, environment=None, said=None):
    """What runs in the process: one command line, under a limit on the bytes of each file.

    The server was started with the standard error of some other test, so it goes to pipe `said`.
    """
    import dataclasses

    import torch

    from squeezesam.cli import main
    from squeezesam.training import config

    torch.set_num_threads(1)
    os.setpgid(0, 0)
    if said is not None:
        os.dup2(os.open(said, os.O_WRONLY), 2)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for name, value in (environment or {}).items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    replace = dataclasses.replace

    def often(instance, **changes):
        if isinstance(instance, config.TrainConfig):
            changes["checkpoint_every"] = 2
        return replace(instance, **changes)

    dataclasses.replace = often
    os._exit(main([str(word) for word in words]))


def run(*words, **options) -> int:
    """Exit status of a command in a process of its own."""
    process = SERVER.Process(target=command, args=(words,), kwargs=options)
    process.start()
    process.join(600)
    return process.exitcode


def refused(tmp_path: Path, *words, **options) -> str:
    """The complaint of a command that ends with status 2; progress and runtimes may come before."""
    said = tmp_path / "said"  # a pipe, which takes words where no file takes a byte
    os.mkfifo(said)
    reading = os.open(said, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 1 << 20)
    try:
        assert run(*words, said=said, **options) == 2
        error = os.read(reading, 1 << 20).decode()
    finally:
        os.close(reading)
        said.unlink()
    assert "Traceback" not in error
    (complaint,) = (line for line in error.splitlines() if line.startswith("squeezesam "))
    assert error.endswith(f"{complaint}\n"), error
    return complaint


def run_killed(seconds: float, number: int, *words) -> None:
    """Start a command, and send it a signal after some time."""
    process = SERVER.Process(target=command, args=(words,))
    process.start()
    process.join(seconds)
    if process.is_alive():
        os.kill(process.pid, number)
    process.join(60)


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file by its relative name, hidden ones too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def moment(seed: int, whole: float) -> tuple[float, int]:
    """When and by what a command of `whole` seconds is ended."""
    rng = random.Random(seed)
    return rng.uniform(0.02, 0.98) * whole, SIGNALS[seed % 2]


def room(seed: int, longest: int) -> int:
    """Bytes that fit on a full disk of each file, of which the longest has so many."""
    return int(SHARES[seed % len(SHARES)] * longest)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed in range(6):
        write_scene(folder / "shapes", f"scene{seed}", seed)
    return folder


def training(data, out):
    words = ["train", "--data", data, "--out", out, "--variant", "nano", "--stage", "64:6:2"]
    return [*words, "--workers", "0", "--precision", "fp32"]


def tuning(data, out, weights):
    words = ["qat", "--data", data, "--out", out, "--weights", weights, "--stage", "64:4:2"]
    return [*words, "--workers", "0"]


def timed(*words) -> float:
    began = time.monotonic()
    assert run(*words) == 0
    return time.monotonic() - began


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Folder and seconds of a run that nothing broke."""
    out = tmp_path_factory.mktemp("train") / "run"
    return out, timed(*training(data, out))


@pytest.fixture(scope="module")
def tuned(data, weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("qat") / "run"
    return out, timed(*tuning(data, out, weights))


def check_resumed(words, out: Path, unbroken: Path, seed: int, whole: float) -> None:
    """A run that is killed, and killed again, and then let alone gives the unbroken one's bits."""
    for again in range(2):
        run_killed(*moment(2 * seed + again, whole), *words)
        for path in out.glob("checkpoint-*"):
            assert len(list(path.iterdir())) == 2 + len(HybridOptimizer.MOMENTS)
    assert run(*words) == 0
    assert not [path for path in out.iterdir() if path.name.startswith(".")], "a leftover stays"
    check_same(out, unbroken)


def check_same(out: Path, unbroken: Path) -> None:
    """Equal tensors; the order of a file's metadata may differ."""
    got, right = (load_file(folder / "nano.safetensors") for folder in (out, unbroken))
    assert got.keys() == right.keys()
    assert all(torch.equal(value, right[name]) for name, value in got.items())


@pytest.mark.fuzz
def test_killed_training(data, trained, tmp_path, fuzz_seed):
    unbroken, whole = trained
    out = tmp_path / "run"
    check_resumed(training(data, out), out, unbroken, fuzz_seed, whole)


@pytest.mark.fuzz
def test_killed_tuning(data, weights, tuned, tmp_path, fuzz_seed):
    unbroken, whole = tuned
    out = tmp_path / "run"
    check_resumed(tuning(data, out, weights), out, unbroken, fuzz_seed, whole)


@pytest.mark.fuzz
def test_killed_packing(data, tmp_path, fuzz_seed):
    whole = timed("pack", "--data", data, "--out", tmp_path / "right")
    out = tmp_path / "out"
    run_killed(*moment(fuzz_seed, whole), "pack", "--data", data, "--out", out)
    if not out.exists():
        assert run("pack", "--data", data, "--out", out) == 0
    assert contents(out) == contents(tmp_path / "right")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "right"}


def labelling(teacher, data, out):
    words = ["distill", "--teacher", teacher, "--data", data / "shapes", "--out", out]
    return [*words, "--points-per-side", "4"]


@pytest.mark.fuzz
def test_killed_distilling(teacher, data, tmp_path, fuzz_seed):
    whole = timed(*labelling(teacher, data, tmp_path / "right"))
    out = tmp_path / "out"
    run_killed(*moment(fuzz_seed, whole), *labelling(teacher, data, out))
    assert run(*labelling(teacher, data, out)) == 0
    assert contents(out) == contents(tmp_path / "right")
    assert len(open_datasets(out)[0]) == 6


def exporting(weights, out):
    words = ["export", "--target", "onnx", "--precision", "fp32", "--no-detector"]
    return [*words, "--weights", weights, "--size", SIZE, "--out", out]


@pytest.mark.fuzz
def test_killed_exporting_keeps_the_export_before(weights, tmp_path, fuzz_seed):
    out = tmp_path / "export"
    whole = timed(*exporting(weights, out))
    before = contents(out)
    run_killed(*moment(fuzz_seed, whole), *exporting(weights, out))
    if "manifest.json" in contents(out) and contents(out) != before:
        assert all(
            verdict.broken is None for verdict in Verification(out).verdicts()
        )  # it was quicker
    assert run(*exporting(weights, out)) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert all(verdict.broken is None for verdict in Verification(out).verdicts())


@pytest.mark.long
def test_two_exports_into_one_directory(weights, tmp_path):
    out = tmp_path / "export"
    words = exporting(weights, out)
    processes = [SERVER.Process(target=command, args=(words,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    codes = sorted(process.exitcode for process in processes)
    assert codes in ([0, 2], [0, 0]), "one is refused, or comes after the other"
    assert all(verdict.broken is None for verdict in Verification(out).verdicts())
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


@pytest.mark.fuzz
def test_a_full_disk_in_training(data, trained, tmp_path, fuzz_seed):
    """No file may be longer than a part of the longest one; then there is room again."""
    unbroken, _ = trained
    out = tmp_path / "run"
    longest = max(path.stat().st_size for path in unbroken.rglob("*") if path.is_file())
    error = refused(tmp_path, *training(data, out), limit=room(fuzz_seed, longest))
    beginnings = ("cannot write", "no folder for temporary files")  # the latter if no byte fits
    assert error.startswith(tuple(f"squeezesam train: {words}" for words in beginnings))
    assert not list(out.glob("**/.*.part"))
    assert run(*training(data, out)) == 0
    check_same(out, unbroken)


@pytest.mark.fuzz
@pytest.mark.parametrize("target", ["onnx", "coreml", "executorch"])
def test_a_full_disk_in_exporting(weights, tmp_path, fuzz_seed, target):
    out = tmp_path / "export"
    words = [target if word == "onnx" else word for word in exporting(weights, out)]
    assert run(*words) == 0
    before = contents(out)
    longest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert "cannot write" in refused(tmp_path, *words, limit=room(fuzz_seed, longest))
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


@pytest.fixture
def read_only(tmp_path):
    """A folder that takes no files, even from root."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("root writes everywhere, and may not mount a read-only file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_read_only_folder(teacher, data, weights, read_only, tmp_path):
    out = read_only / "out"
    for words in (
        training(data, out),
        ["pack", "--data", data, "--out", out],
        labelling(teacher, data, out),
        exporting(weights, out),
    ):
        assert "cannot write" in refused(tmp_path, *words)
    assert not list(read_only.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("missing", ["HOME", "TMPDIR"])
@pytest.mark.parametrize("value", [None, "/nowhere"])
def test_exporting_without_a_home_or_a_folder_for_temporary_files(
    weights, tmp_path, missing, value
):
    for target in ("onnx", "coreml", "executorch"):
        words = exporting(weights, tmp_path / target)
        words[2] = target
        assert run(*words, environment={missing: value}) == 0


MEMORY = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from test_training import TINY, train
import dataclasses, os, resource
from squeezesam.training.trainers import ClickTrainer
from squeezesam.training.config import Stage
torch.set_num_threads(1)
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
seen = {}
train_on = ClickTrainer.train_on
def watched(self, raw, step):
    seen[step] = memory()
    return train_on(self, raw, step)
ClickTrainer.train_on = watched
config = dataclasses.replace(TINY, stages=(Stage(64, 400, 2),), checkpoint_every=100)
train(Path(sys.argv[2]), Path(sys.argv[3]), config)
print((seen[399] - seen[99]) / 1e6)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_300_steps_of_training_do_not_grow(data, tmp_path):
    words = [sys.executable, "-c", MEMORY, Path(__file__).parent, data, tmp_path / "run"]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert float(said.splitlines()[-1]) < 50
