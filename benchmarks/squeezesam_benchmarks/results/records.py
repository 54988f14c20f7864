"""Results of timing: one line of JSON for each artifact and process, raw samples, no statistic.

Units are in the names; unknown is null, never a guess. A new nullable field with a default keeps
`SCHEMA_VERSION`; any other change raises it.
"""

import dataclasses
import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from squeezesam import strict_json
from squeezesam.errors import DataError, OutputError
from squeezesam.files import PathLike, check_place, read_bytes, whole_file
from squeezesam_benchmarks.protocol import Protocol

Record = TypeVar("Record")


def record_from_json(kind: type[Record], data: object) -> Record:
    """Build dataclass `kind` from what `strict_json.parse` gave for it; defaults may be left out.

    Raises:
        ValueError: a field is missing, unknown or of another type; says which.
    """
    return strict_json.decode(kind, data, kind.__name__.lower(), defaults=True)


SHORT_RUN = 2
"""Inferences of the run whose count is taken off: loading, and what the first inference adds."""

METHOD = (
    "Guest instructions that QEMU's user emulation executes, counted by a TCG plugin that adds the "
    "length of each translated block when it starts; one thread of the runtime, on one core, "
    "without address randomization. Per inference: the count of the short run, which loads the "
    "artifact and infers {short} times, is taken off that of the long run, which infers the "
    "compared golden cases besides, and the rest is divided by the number of these cases ({more}). "
    "A count, not a time: instructions differ in what they cost."
)
"""With the numbers of inferences of the short run and of those that the long run has more."""


SCHEMA_VERSION = 2


@dataclass(frozen=True)
class DeviceFacts:
    """The machine that ran the inferences.

    Attributes:
        place: `host`, `android`, `ios`, `web` or `arm64-emulated`, as `bench run --on` says it.
        model: product name of the machine or phone.
        soc: name of the chip.
        cpu: model name of the processor.
        cores: logical cores of the whole machine.
        os: operating system with its version.
        browser: name and version, with all that it says of itself; None outside of browsers.
    """

    place: str
    model: str | None
    soc: str | None
    cpu: str | None
    cores: int | None
    os: str | None
    browser: str | None = None


@dataclass(frozen=True)
class Condition:
    """What may slow a device, at one moment.

    Attributes:
        thermal_state: in the system's own words: Android's `none`, `light`, `moderate`, `severe`,
            `critical`, `emergency`, `shutdown`; iOS' `nominal`, `fair`, `serious`, `critical`.
        temperature_celsius: the hottest sensor of the processor, or the device's skin.
        battery_percent: charge.
        charging: whether it is on external power.
        power_mode: `normal` or `low_power` on a phone; the CPU governor on Linux.
    """

    thermal_state: str | None = None
    temperature_celsius: float | None = None
    battery_percent: float | None = None
    charging: bool | None = None
    power_mode: str | None = None


@dataclass(frozen=True)
class ManifestReference:
    """The export that an artifact came from.

    Attributes:
        sha256: of its manifest.json.
        weights_sha256: of the weights that were exported.
    """

    sha256: str
    weights_sha256: str


@dataclass(frozen=True)
class TimedFile:
    """The file that was timed and what its maker said about it.

    Attributes:
        name: file name.
        sha256: of the file, in hexadecimal; of a directory as `artifacts.sha256_of` defines it.
        size_bytes: of the file.
        variant: `base`, `nano`, ...
        precision: `fp32`, `fp16`, ...
        ops_outside_delegate: number of nodes by operator name; None where the format has no
            delegate or nobody counted.
        manifest: None where no export directory holds the file.
    """

    name: str
    sha256: str
    size_bytes: int
    variant: str | None = None
    precision: str | None = None
    ops_outside_delegate: dict[str, int] | None = None
    manifest: ManifestReference | None = None


@dataclass(frozen=True)
class PipelineSample:
    """One mask of one photo at its size: of a click on its decoded pixels, or automatic.

    Attributes:
        preprocess_ms: letterboxing, and encoding the click where there is one; of two looks, all
            that comes before the first inference and between the two.
        model_ms: the network, with what its runtime copies in and out; of two looks, both.
        postprocess_ms: upsampling and thresholding the mask.
        decode_ms: from the file to pixels; this and all that follows: None but for automatic masks.
        detector_ms: the salient-object detector, with what its runtime copies in and out.
        clicks_ms: from its heat map to encoded clicks on a letterboxed view.
        model_alone_ms: no part of the mask: the network on prepared inputs, warm, right after it.
        later_click_ms: no part of it either: a click that then corrects it, up to a mask of the
            photo's size; None where none was timed.
    """

    preprocess_ms: float
    model_ms: float
    postprocess_ms: float
    decode_ms: float | None = None
    detector_ms: float | None = None
    clicks_ms: float | None = None
    model_alone_ms: float | None = None
    later_click_ms: float | None = None

    def __post_init__(self) -> None:
        parts = (self.decode_ms, self.detector_ms, self.clicks_ms, self.model_alone_ms)
        if len({part is None for part in parts}) > 1:
            raise ValueError("a pipeline sample has some times of an automatic mask, not all")


@dataclass(frozen=True)
class Emulation:
    """What an emulated processor tells: counts and answers, never times.

    Attributes:
        cpu: emulated.
        emulator: with its version.
        short_run_inferences: of the run whose count is taken off.
        short_run_instructions: of that whole process.
        long_run_inferences: of the run that it is taken off from.
        long_run_instructions: likewise.
        identical: whether every bit of the answers is this machine's.
        max_difference: largest absolute one of an output.
        min_mask_iou: smallest between the masks of the two processors.
    """

    cpu: str
    emulator: str
    short_run_inferences: int
    short_run_instructions: int
    long_run_inferences: int
    long_run_instructions: int
    identical: bool
    max_difference: float
    min_mask_iou: float

    @property
    def instructions_per_inference(self) -> float:
        """Slope between the two runs, free of what loading costs."""
        more = self.long_run_instructions - self.short_run_instructions
        return more / (self.long_run_inferences - self.short_run_inferences)


@dataclass(frozen=True)
class Measurement:
    """What one fresh process measured; the only thing a runner has to report.

    Attributes:
        runtime: `onnxruntime`, `onnxruntime-web`, `executorch`, `coreml` or `torch`.
        runtime_version: of that package.
        backend: execution provider, delegate or compute unit.
        threads: given to the runtime; None where it takes no such number.
        pinned_cores: cores the process was confined to; None where the OS cannot.
        load_ms: from the file to a session ready to run, cold: in a fresh process, the file out of
            the page cache where the OS can do that. The runtime's library is already loaded.
        first_inference_ms: the first inference after loading.
        warm_samples_ms: every timed inference after the warm-up, in order; network only, without
            preprocessing and postprocessing.
        pipeline_samples: every timed run of the whole pipeline, in order.
        sustained_samples_ms: every inference of sustained mode, in order and without pauses.
        peak_memory_bytes: of the whole process, runtime and interpreter included, in its life.
        memory_kind: of that peak: `rss`, `pss` or `phys_footprint`.
        before: the device before the process.
        after: likewise after it.
        emulation: where the processor was emulated; all times are then None or empty.

    Raises:
        ValueError: a time is negative.
    """

    runtime: str
    runtime_version: str | None
    backend: str
    threads: int | None
    pinned_cores: tuple[int, ...] | None
    load_ms: float | None
    first_inference_ms: float | None
    warm_samples_ms: tuple[float, ...]
    pipeline_samples: tuple[PipelineSample, ...]
    sustained_samples_ms: tuple[float, ...]
    peak_memory_bytes: int | None
    memory_kind: str | None
    before: Condition = Condition()
    after: Condition = Condition()
    emulation: Emulation | None = None

    def __post_init__(self) -> None:
        parts = (dataclasses.astuple(sample) for sample in self.pipeline_samples)
        times = (*self.warm_samples_ms, *self.sustained_samples_ms, *chain.from_iterable(parts))
        if min(time or 0 for time in (0, *times, self.load_ms, self.first_inference_ms)) < 0:
            raise ValueError("a time below 0 ms")


@dataclass(frozen=True)
class Result:
    """One line of a results file.

    Attributes:
        run_id: shared by all results that were interleaved with one another.
        round_index: from 0; results of one run and round were taken close in time.
        started_at: UTC, ISO 8601.
        command: what was typed.
        detector: that was timed with the artifact, on automatic masks.
    """

    schema_version: int
    harness_version: str
    run_id: str
    round_index: int
    started_at: str
    command: str
    protocol: Protocol
    device: DeviceFacts
    artifact: TimedFile
    measurement: Measurement
    detector: TimedFile | None = None


def read_results(path: PathLike) -> list[Result]:
    """All results of a file, in order.

    Raises:
        DataError: no such file, one that is too large, or a line that is not a result of this
            schema version.
    """
    try:
        text = read_bytes(Path(path), strict_json.MAX_FILE_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no text, or a name that no file can have.
        raise DataError(f"cannot read results file {path}: {error}") from error
    results = []
    # JSON Lines ends lines at \n alone; splitlines() would cut texts at U+2028 and others too.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                results.append(_parse(line))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} line {number}: {error}; mend or delete it") from error
    return results


def _parse(line: str) -> Result:
    data = strict_json.parse(line)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(f"not a result of schema version {SCHEMA_VERSION}")
    return record_from_json(Result, data)


class ResultsFile:
    """A file that results are added to; it is whole at any moment at which a run may be cut off.

    A bad place shows when it is opened, before minutes of measuring.

    Raises:
        DataError: the file exists and is not a results file.
        OutputError: the place cannot be written to.
    """

    def __init__(self, path: PathLike) -> None:
        path = Path(path)
        if path.is_dir():
            raise OutputError(f"{path} is a directory; name a file")
        check_place(path.parent, ("*",))
        self.path = path
        self.lines = [_line(result) for result in read_results(path)] if path.is_file() else []

    def add(self, result: Result) -> None:
        """Keep one more.

        Raises:
            OutputError: the place can no longer be written to.
        """
        self.lines.append(_line(result))
        with whole_file(self.path) as partial:
            partial.write_text("".join(self.lines), encoding="utf-8")


def _line(result: Result) -> str:
    return f"{json.dumps(dataclasses.asdict(result))}\n"
