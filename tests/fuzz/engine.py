"""Cases by number in child processes that are watched: signals, time, memory, foreign errors."""

import contextlib
import io
import json
import multiprocessing
import resource
import shutil
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from squeezesam.errors import SqueezeSamError
from tests.fuzz.mutation import Rng, mutated_copy, pick

FORK = multiprocessing.get_context("fork")
CASE_SECONDS = 20.0
PREPARE_SECONDS = 600.0
EXTRA_MB = 500


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        name: for the command line.
        prepare: writes valid inputs into a folder, each a file or a folder there.
        check: takes one input; a SqueezeSamError is the right answer to a wrong one.
        make: writes a case into a folder, from the valid inputs.
    """

    name: str
    prepare: Callable[[Path], None]
    check: Callable[[Path], object]
    make: Callable[[Rng, list[Path], Path], Path] = lambda rng, seeds, folder: mutated_copy(
        rng, pick(rng, seeds), folder
    )


@dataclass(frozen=True)
class Finding:
    """What should not be.

    Attributes:
        number: of the case.
        what: in one line; equal ones are shown once.
        details: such as a traceback.
    """

    number: int
    what: str
    details: str = ""


def case_of(target: Target, seed: int, number: int, seeds: Path, folder: Path) -> Path:
    """Write case `number` into a folder, always the same."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, zlib.crc32(target.name.encode()), number])
    return target.make(rng, sorted(seeds.iterdir()), folder)


def prepare(target: Target, folder: Path) -> None:
    """Write the valid inputs, and see that they are taken for valid.

    Raises:
        RuntimeError: they are not.
    """
    folder.mkdir(parents=True)
    process = FORK.Process(target=_prepare, args=(target, folder))
    process.start()
    process.join(PREPARE_SECONDS)
    if process.exitcode != 0:
        process.kill()
        raise RuntimeError(f"{target.name}: the valid inputs cannot be made or read")


def _prepare(target: Target, folder: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        target.prepare(folder)
    for seed in sorted(folder.iterdir()):
        target.check(seed)


def fuzz(
    target: Target, seed: int, first: int, seconds: float, seeds: Path, scratch: Path
) -> tuple[int, list[Finding]]:
    """Try cases from number `first` on until the time is over: the next number, and findings."""
    findings: list[Finding] = []
    number, left = first, seconds
    while left > 0:
        number, spent, finding = _stretch(target, seed, number, left, seeds, scratch)
        left -= spent
        findings += [finding] if finding else []
    return number, findings


def _stretch(
    target: Target, seed: int, number: int, seconds: float, seeds: Path, scratch: Path
) -> tuple[int, float, Finding | None]:
    """Cases in one child, until the time is over or one is a finding.

    Returns:
        The next number, the seconds spent on cases, and the finding.
    """
    here, there = FORK.Pipe()
    process = FORK.Process(
        target=_child, args=(target, seed, number, seconds, seeds, scratch, there)
    )
    process.start()
    there.close()
    began = time.monotonic()
    patience = PREPARE_SECONDS  # until it has loaded what it needs
    try:
        while here.poll(patience):
            done, what, details = json.loads(here.recv_bytes())
            if patience != CASE_SECONDS:
                patience, began = CASE_SECONDS, time.monotonic()
                continue
            number = done + 1
            if what:
                return number, time.monotonic() - began, Finding(done, what, details)
        finding = Finding(number, f"takes more than {patience:.0f} s")
    except EOFError:
        process.join()
        if process.exitcode == 0:
            return number, time.monotonic() - began, None
        finding = Finding(number, f"ends the process with {process.exitcode}")
    finally:
        process.kill()
        process.join()
    return number + 1, time.monotonic() - began, finding


def _child(
    target: Target,
    seed: int,
    number: int,
    seconds: float,
    seeds: Path,
    scratch: Path,
    parent: Connection,
) -> None:
    warnings.simplefilter("ignore")
    target.check(sorted(seeds.iterdir())[0])  # what is loaded once counts as no time and memory
    before, ends = _peak_mb(), time.monotonic() + seconds
    parent.send_bytes(json.dumps([number, "", ""]).encode())
    while time.monotonic() < ends:
        case = case_of(target, seed, number, seeds, scratch)
        what = details = ""
        try:
            target.check(case)
        except SqueezeSamError:
            pass
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)
            ours = [
                one for one in last if "/squeezesam" in one.filename and "site-" not in one.filename
            ]
            where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "outside"
            what, details = f"{type(error).__name__} at {where}", traceback.format_exc()
        if not what and _peak_mb() - before > EXTRA_MB:
            what = f"takes more than {EXTRA_MB} MB"
        parent.send_bytes(json.dumps([number, what, details]).encode())
        if what:
            return
        number += 1


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
