"""The result of timing one artifact in one process: one line of JSON, raw samples, no statistics.

Units are in the names; unknown is null, never a guess. A new nullable field with a default keeps
`SCHEMA_VERSION`; any other change raises it.
"""

from dataclasses import dataclass

from squeezesam_benchmarks.protocol import Protocol

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Device:
    """The machine that ran the inferences.

    Attributes:
        model: product name of the machine or phone.
        cpu: model name of the processor.
        cores: logical cores of the whole machine.
        os: operating system with its version.
    """

    model: str | None
    cpu: str | None
    cores: int | None
    os: str


@dataclass(frozen=True)
class Artifact:
    """The file that was timed and what its maker said about it.

    Attributes:
        name: file name.
        sha256: of the file, in hexadecimal.
        size_bytes: of the file.
        variant: `base`, `nano`, ...
        precision: `fp32`, `fp16`, ...
        ops_outside_delegate: number of nodes by operator name; None where the format has no
            delegate or nobody counted.
    """

    name: str
    sha256: str
    size_bytes: int
    variant: str | None = None
    precision: str | None = None
    ops_outside_delegate: dict[str, int] | None = None


@dataclass(frozen=True)
class Measurement:
    """What one fresh process measured; the only thing a runner has to report.

    Attributes:
        runtime: `onnxruntime`, `executorch` or `torch`.
        runtime_version: of that package.
        backend: execution provider, delegate or compute unit.
        threads: given to the runtime.
        pinned_cores: cores the process was confined to; None where the OS cannot.
        load_ms: from the file to a session ready to run. The runtime is already imported and the
            file may be in the page cache.
        first_inference_ms: the first inference after loading.
        warm_samples_ms: every timed inference after the warm-up, in order; network only, without
            preprocessing and postprocessing.
        peak_rss_bytes: of the whole process, runtime and interpreter included.
    """

    runtime: str
    runtime_version: str
    backend: str
    threads: int
    pinned_cores: tuple[int, ...] | None
    load_ms: float
    first_inference_ms: float
    warm_samples_ms: tuple[float, ...]
    peak_rss_bytes: int | None


@dataclass(frozen=True)
class Result:
    """One line of a results file.

    Attributes:
        run_id: shared by all results that were interleaved with one another.
        round_index: from 0; results of one run and round were taken close in time.
        started_at: UTC, ISO 8601.
        command: what was typed.
    """

    schema_version: int
    harness_version: str
    run_id: str
    round_index: int
    started_at: str
    command: str
    protocol: Protocol
    device: Device
    artifact: Artifact
    measurement: Measurement
