"""One artifact traced in a process of its own, and the ceilings of the cores that it ran on."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import torch

from squeezesam.errors import ArtifactError, SqueezeSamError
from squeezesam_benchmarks.profiling.ceilings import copy_ceiling, gemm_ceilings
from squeezesam_benchmarks.profiling.profilers import Event, find_profiler
from squeezesam_benchmarks.profiling.records import Ceiling
from squeezesam_benchmarks.sessions import Input, Session, open_session, random_inputs
from squeezesam_benchmarks.worker import elapsed_ms, pin
from squeezesam_export.ort_file import one_line
from squeezesam_export.quiet import quiet

WARM_UP_INFERENCES = 3
US_PER_MS = 1e3


@dataclass(frozen=True)
class Trace:
    """What one process measured; see `records.Profile` for the fields of the same names.

    Attributes:
        inputs: shapes and element types that the artifact takes.
        events: without the warm-up.
    """

    runtime: str
    runtime_version: str
    backend: str
    arithmetic: str
    pinned_cores: tuple[int, ...] | None
    inputs: tuple[Input, ...]
    wall_us: tuple[float, ...]
    profiled_wall_us: tuple[float, ...]
    events: tuple[Event, ...]
    gemm: tuple[Ceiling, ...]
    copy: Ceiling


def trace_in_fresh_process(path: Path, threads: int, inferences: int) -> Trace:
    """Trace one artifact on so many pinned cores.

    Raises:
        ArtifactError: it does not load or run, or its process crashed.
        MissingDependencyError: its runtime is not installed.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        try:
            return pool.submit(trace_quietly, path, threads, inferences).result()
        except BrokenProcessPool as error:
            raise ArtifactError(
                f"the process that profiled {path.name} crashed; try `squeezesam verify` on it"
            ) from error


def trace_quietly(path: Path, threads: int, inferences: int) -> Trace:
    """In the fresh process: trace, and turn what a runtime throws into an error of ours."""
    with quiet():
        try:
            return trace(path, threads, inferences)
        except SqueezeSamError:
            raise
        except Exception as error:  # runtimes share no base of their errors, and some do not pickle
            raise ArtifactError(
                f"{path.name} does not run ({one_line(error)}); "
                "try `squeezesam verify` on it or export it again"
            ) from None


def trace(path: Path, threads: int, inferences: int) -> Trace:
    """Time inferences with and without the profiler, in turn; once in a process, at its start."""
    pinned_cores = pin(threads)  # before the runtime starts its threads
    torch.set_num_threads(threads)
    profiler = find_profiler(path)
    session = open_session(path, threads)
    session.load(path)
    with profiler.traced(path, threads) as tracer:
        walls = alternate((session, tracer.session), WARM_UP_INFERENCES + inferences)
        wall_us, profiled_wall_us = (samples[WARM_UP_INFERENCES:] for samples in walls)
        events = tracer.events(WARM_UP_INFERENCES)
    arithmetic = profiler.arithmetic(events)
    return Trace(
        runtime=session.runtime,
        runtime_version=session.version,
        backend=session.backend,
        arithmetic=arithmetic,
        pinned_cores=pinned_cores,
        inputs=tuple(session.inputs()),
        wall_us=wall_us,
        profiled_wall_us=profiled_wall_us,
        events=events,
        gemm=gemm_ceilings(arithmetic),
        copy=copy_ceiling(),
    )


def alternate(sessions: Sequence[Session], inferences: int) -> list[tuple[float, ...]]:
    """Microseconds of each inference of each session, the sessions taking turns."""
    prepared = [session.prepare(random_inputs(session)) for session in sessions]
    samples: list[list[float]] = [[] for _ in sessions]
    for _ in range(inferences):
        for session, inputs, own in zip(sessions, prepared, samples, strict=True):

            def infer(session: Session = session, inputs: object = inputs) -> None:
                session.infer(inputs)

            own.append(US_PER_MS * elapsed_ms(infer))
    return [tuple(own) for own in samples]
