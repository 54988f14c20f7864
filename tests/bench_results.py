"""Synthetic results for tests of reports: nothing in them was measured."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import (
    SCHEMA_VERSION,
    DeviceFacts,
    Emulation,
    Measurement,
    PipelineSample,
    Result,
    TimedFile,
)

HOST = DeviceFacts("host", "synthetic machine", None, "synthetic CPU", 4, "synthetic OS")
PHONE = DeviceFacts("android", "synthetic phone", "synthetic chip", None, 8, "synthetic OS")
EMULATED = DeviceFacts("arm64-emulated", None, None, "synthetic core", 1, None)
EMULATION = Emulation("synthetic core", "synthetic emulator", 2, 3_000, 12, 13_000, True, 0.0, 1.0)


def measured(warm_ms: Sequence[float], **changes) -> Measurement:
    """A process whose warm inferences took so long."""
    plain = Measurement(
        runtime="onnxruntime",
        runtime_version="1.0",
        backend="CPU",
        threads=1,
        pinned_cores=None,
        load_ms=20.0,
        first_inference_ms=12.0,
        warm_samples_ms=tuple(warm_ms),
        pipeline_samples=(),
        sustained_samples_ms=(),
        peak_memory_bytes=200_000_000,
        memory_kind="rss",
    )
    return dataclasses.replace(plain, **changes)


def run_of(
    measurements: Iterable[Measurement],
    name: str = "base_onnx_fp32.onnx",
    run_id: str = "run",
    device: DeviceFacts = HOST,
    precision: str = "fp32",
    sha256: str = "00",
) -> list[Result]:
    """One row of a run: the measurements are its rounds."""
    return [
        Result(
            schema_version=SCHEMA_VERSION,
            harness_version="0.0",
            run_id=run_id,
            round_index=index,
            started_at="2026-01-01T00:00:00+00:00",
            command="synthetic",
            protocol=Protocol(),
            device=device,
            artifact=TimedFile(name, sha256, 4_000_000, "base", precision, {"aten.cat": 2}),
            measurement=measurement,
        )
        for index, measurement in enumerate(measurements)
    ]


def steady(medians_ms: Iterable[float], **changes) -> list[Measurement]:
    """A process for each median, with three samples around it."""
    return [measured((one * 0.99, one, one * 1.02), **changes) for one in medians_ms]


def pipeline(preprocess_ms: float, model_ms: float, postprocess_ms: float, runs: int = 3):
    """Samples of the whole pipeline, all alike."""
    return (PipelineSample(preprocess_ms, model_ms, postprocess_ms),) * runs


def write_results(path: Path, results: Iterable[Result]) -> Path:
    """A results file, written as its format says and not by our own writer."""
    lines = (json.dumps(dataclasses.asdict(result)) for result in results)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
