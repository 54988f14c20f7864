"""Profiles of artifacts: traced, placed in the network, and gathered in one document."""

import dataclasses
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from squeezesam.errors import ArtifactError, ConfigError, SqueezeSamError
from squeezesam.inference.load import MANIFEST_NAME
from squeezesam.networks.overview import our_shapes
from squeezesam.networks.weights import network_kind
from squeezesam_benchmarks.host import Host, host_device
from squeezesam_benchmarks.profiling.network import ProfiledNetwork, describe_network
from squeezesam_benchmarks.profiling.profilers import (
    PROFILER_MODULES,
    Event,
    Profiler,
    find_profiler,
)
from squeezesam_benchmarks.profiling.records import (
    SCHEMA_VERSION,
    Ceiling,
    Operator,
    Profile,
    ProfileReport,
)
from squeezesam_benchmarks.profiling.roofline import copy_ceiling, gemm_ceilings
from squeezesam_benchmarks.results.records import TimedFile
from squeezesam_benchmarks.sessions import Input, Session, open_session, random_inputs
from squeezesam_benchmarks.subjects import exported_subjects, listed_subjects
from squeezesam_benchmarks.worker import elapsed_ms, pin
from squeezesam_export.bundle.artifacts import sha256_of, size_of
from squeezesam_export.targets.ort_file import one_line
from squeezesam_export.targets.quiet import quiet

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


VALUE_BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
"""Width of a number, by arithmetic."""


@dataclass(frozen=True)
class ProfileOptions:
    """How to profile.

    Attributes:
        threads: of the runtime, each on a core of its own.
        inferences: that count, after the warm-up.

    Raises:
        ConfigError: nothing would be measured, or not on this machine.
    """

    threads: int = 1
    inferences: int = 20

    def __post_init__(self) -> None:
        if self.inferences < 1:
            raise ConfigError(f"--inferences {self.inferences} measures nothing; give at least 1")
        Host().check_threads([self.threads])


def artifacts_of(directory: Path) -> list[tuple[Path, TimedFile]]:
    """The artifacts of an export directory whose operators can be timed here.

    Raises:
        ArtifactError: no manifest, an altered artifact, or none that can be.
    """
    subjects = [
        subject
        for subject in exported_subjects(directory, Host())
        if subject.path.suffix in PROFILER_MODULES
    ]
    if not subjects:
        raise ArtifactError(f"nothing in {directory} can be profiled; export onnx, executorch")
    return [(subject.path, subject.artifact) for subject in subjects]


def artifact_at(path: Path, variant: str | None) -> tuple[Path, TimedFile]:
    """One artifact, with what a manifest beside it says of it.

    Args:
        path: of the artifact.
        variant: of its network, where no manifest says it; None for a stranger's.

    Raises:
        ArtifactError: missing, of another kind, or altered since its export.
        ConfigError: its manifest says another variant.
    """
    find_profiler(path)
    if not path.is_file():
        raise ArtifactError(f"no artifact {path}; check the name, or export it again")
    if (path.parent / MANIFEST_NAME).is_file():
        for subject in listed_subjects(path.parent):
            if subject.path.name == path.name:
                if variant not in (None, subject.artifact.variant):
                    raise ConfigError(
                        f"{path.name} is {subject.artifact.variant!r} by its manifest, "
                        f"not {variant!r}; leave --variant out"
                    )
                return path, subject.artifact
    return path, TimedFile(path.name, sha256_of(path), size_of(path), variant)


def profile_all(
    artifacts: Sequence[tuple[Path, TimedFile]],
    options: ProfileOptions,
    command: str,
    progress: Callable[[str], None],
) -> ProfileReport:
    """Profile artifacts one after the other, each in a process of its own.

    Args:
        artifacts: with their paths.
        options: how.
        command: what was typed, for the record.
        progress: told of each artifact.

    Raises:
        ArtifactError: one does not run, or takes other inputs than its variant.
        ConfigError: an unknown variant.
        MissingDependencyError: a runtime is not installed.
    """
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    networks: dict[tuple[str, int], ProfiledNetwork] = {}
    profiles = []
    for path, artifact in artifacts:
        progress(f"profiling {path.name}")
        trace = trace_in_fresh_process(path.absolute(), options.threads, options.inferences)
        network = None
        if artifact.variant is not None:
            key = artifact.variant, side_of(path, artifact.variant, trace)
            if key not in networks:
                networks[key] = describe_network(*key)
            network = networks[key]
        profiles.append(assembled(artifact, options.threads, trace, network, find_profiler(path)))
    return ProfileReport(
        schema_version=SCHEMA_VERSION,
        harness_version=version("squeezesam"),
        started_at=started_at,
        command=command,
        device=host_device(),
        profiles=tuple(profiles),
    )


def side_of(path: Path, variant: str, trace: Trace) -> int:
    """Pixels of the square input.

    Raises:
        ArtifactError: the artifact takes other inputs than our networks.
    """
    shapes = [one.shape for one in trace.inputs]
    side = shapes[0][-1] if shapes and shapes[0] else 0
    if shapes != our_shapes(side, network_kind(variant)):
        raise ArtifactError(f"{path.name} takes inputs of {shapes}, not those of {variant!r}")
    return side


def assembled(
    artifact: TimedFile,
    threads: int,
    trace: Trace,
    network: ProfiledNetwork | None,
    profiler: Profiler,
) -> Profile:
    """A trace as a record, its operators placed in the network where it is known."""
    found = profiler.find_blocks(trace.events, network) if network else None
    unknown = None
    if network is None:
        unknown = "no manifest says which network this is; name it with --variant"
    elif found is None:
        unknown = "its operators are not the network's one by one"
    operators = [
        Operator(
            name=event.name,
            kind=event.kind,
            block=block,
            moves_data=event.kind in profiler.DATA_MOVEMENT,
            durations_us=event.durations_us,
        )
        for event, block in zip(trace.events, found or [None] * len(trace.events), strict=True)
    ]
    return Profile(
        artifact=artifact,
        runtime=trace.runtime,
        runtime_version=trace.runtime_version,
        backend=trace.backend,
        arithmetic=trace.arithmetic,
        threads=threads,
        pinned_cores=trace.pinned_cores,
        warm_up_inferences=WARM_UP_INFERENCES,
        wall_us=trace.wall_us,
        profiled_wall_us=trace.profiled_wall_us,
        operators=tuple(operators),
        blocks=network.blocks(VALUE_BYTES[trace.arithmetic]) if network else (),
        blocks_unknown=unknown,
        gemm=trace.gemm,
        copy=trace.copy,
    )


def write_report(report: ProfileReport, path: Path) -> None:
    """Write it as JSON."""
    path.write_text(json.dumps(dataclasses.asdict(report), indent=1) + "\n", encoding="utf-8")
