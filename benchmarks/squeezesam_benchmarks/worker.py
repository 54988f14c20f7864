"""One artifact in one fresh process: a JSON job on stdin, a JSON measurement on stdout.

Run as `python -m squeezesam_benchmarks.worker`.
"""

import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from squeezesam.errors import MissingDependencyError, SqueezeSamError
from squeezesam_benchmarks.pipelines import SalientFiles, pipeline_samples, salient_samples
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Measurement, PipelineSample, record_from_json
from squeezesam_benchmarks.sessions import Session, open_session, random_inputs

MISSING_DEPENDENCY_STATUS = 3


@dataclass(frozen=True)
class TimingJob:
    """What the host asks of a worker; an automatic mask is timed where it has `salient`."""

    artifact: str
    threads: int
    protocol: Protocol
    pipeline: str | None = None
    salient: SalientFiles | None = None


def measure(job: TimingJob) -> Measurement:
    """Time one artifact in this process; call it once, at the start of a process.

    Raises:
        ArtifactError: no runtime here takes this kind of file.
        MissingDependencyError: the runtime is not installed.
    """
    pinned_cores = pin(job.threads)  # before the runtime starts its threads
    # PyTorch prepares and finishes: threads of its own would wait for cores on which those of the
    # runtime still spin. Where it is the runtime, its session takes all threads.
    torch.set_num_threads(1)
    path, protocol = Path(job.artifact), job.protocol
    session = open_session(path, job.threads)
    # Opening sets up the runtime's threads, which must stand when the first artifact is loaded.
    detector = open_session(Path(job.salient.detector), job.threads) if job.salient else None
    drop_from_page_cache(path)
    load_ms = elapsed_ms(lambda: session.load(path))
    prepared = session.prepare(random_inputs(session))

    def infer() -> None:
        session.infer(prepared)

    first_inference_ms = elapsed_ms(infer)
    for _ in range(protocol.warm_up_inferences):
        infer()
    warm = samples_ms(infer, protocol.timed_inferences, protocol.time_budget_s)
    return Measurement(
        runtime=session.runtime,
        runtime_version=session.version,
        backend=session.backend,
        threads=job.threads,
        pinned_cores=pinned_cores,
        load_ms=load_ms,
        first_inference_ms=first_inference_ms,
        warm_samples_ms=warm,
        pipeline_samples=samples_of_pipeline(job, session, detector),
        sustained_samples_ms=samples_ms(infer, 0, protocol.sustained_s),
        peak_memory_bytes=peak_rss_bytes(),
        memory_kind="rss",
    )


def samples_of_pipeline(
    job: TimingJob, session: Session, detector: Session | None
) -> tuple[PipelineSample, ...]:
    """The pipeline that the job names, if it names one.

    Args:
        job: of this process.
        session: loaded.
        detector: opened and not loaded; None where the job has none.
    """
    if not job.protocol.pipeline_runs:
        return ()
    if job.salient is not None and detector is not None:
        detector.load(Path(job.salient.detector))
        return salient_samples(session, detector, Path(job.salient.photo), job.protocol)
    if job.pipeline is not None:
        return pipeline_samples(session, job.pipeline, job.protocol)
    return ()


def samples_ms(infer: Callable[[], None], at_least: int, budget_s: float) -> tuple[float, ...]:
    """Time one inference after another: `at_least` so many, and on until the budget is spent."""
    samples: list[float] = []
    deadline = time.perf_counter() + budget_s
    while len(samples) < at_least or time.perf_counter() < deadline:
        samples.append(elapsed_ms(infer))
    return tuple(samples)


def drop_from_page_cache(path: Path) -> None:
    """Make the next reading of a file cold, where the OS can do that."""
    if hasattr(os, "posix_fadvise") and path.is_file():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def pin(threads: int) -> tuple[int, ...] | None:
    """Confine this process to as many cores as threads; None where the OS cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = tuple(sorted(os.sched_getaffinity(0))[:threads])
    os.sched_setaffinity(0, cores)
    return cores


def elapsed_ms(action: Callable[[], None]) -> float:
    """Wall time of one call in milliseconds."""
    started = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - started) / 1e6


def peak_rss_bytes() -> int | None:
    """Peak resident memory of this process; None where the OS does not say.

    Not `getrusage`: its maximum survives fork and exec, so a big parent would show in the child.
    """
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return int(peak[1]) * 1024 if peak else None


def answer_stdin(work: Callable[[Any], Any]) -> int:
    """Do the job on stdin and print the answer; the exit status that `host.worker_answer` knows.

    Args:
        work: takes a job as JSON, and gives a dataclass.
    """
    try:
        answer = work(json.load(sys.stdin))
    except SqueezeSamError as error:
        print(error, file=sys.stderr)
        if isinstance(error, MissingDependencyError):
            return MISSING_DEPENDENCY_STATUS
        return error.exit_status
    print(json.dumps(dataclasses.asdict(answer)))
    return 0


if __name__ == "__main__":
    sys.exit(answer_stdin(lambda job: measure(record_from_json(TimingJob, job))))
