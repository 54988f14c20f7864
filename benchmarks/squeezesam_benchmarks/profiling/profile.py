"""Profiles of artifacts: traced, placed in the network, and gathered in one document."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from squeezesam.counting import our_shapes
from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.runtimes import MANIFEST_NAME
from squeezesam.weights import network_kind
from squeezesam_benchmarks.device import host_device
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.profiling.network import Network, describe_network
from squeezesam_benchmarks.profiling.profilers import (
    PROFILER_MODULES,
    Profiler,
    find_profiler,
)
from squeezesam_benchmarks.profiling.records import (
    SCHEMA_VERSION,
    Operator,
    Profile,
    ProfileReport,
)
from squeezesam_benchmarks.profiling.tracing import (
    WARM_UP_INFERENCES,
    Trace,
    trace_in_fresh_process,
)
from squeezesam_benchmarks.schema import Artifact
from squeezesam_benchmarks.subjects import exported_subjects, listed_subjects
from squeezesam_export.artifacts import sha256_of, size_of

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


def artifacts_of(directory: Path) -> list[tuple[Path, Artifact]]:
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


def artifact_at(path: Path, variant: str | None) -> tuple[Path, Artifact]:
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
    return path, Artifact(path.name, sha256_of(path), size_of(path), variant)


def profile_all(
    artifacts: Sequence[tuple[Path, Artifact]],
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
    networks: dict[tuple[str, int], Network] = {}
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
    artifact: Artifact,
    threads: int,
    trace: Trace,
    network: Network | None,
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
