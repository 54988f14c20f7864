"""What two sets of results can be compared by; adding a metric is a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from squeezesam_benchmarks.results.records import Measurement, PipelineSample

MEGA = 1e6


@dataclass(frozen=True)
class Metric:
    """One number of each process, of which less is better.

    Attributes:
        title: what it is.
        unit: of it.
        of_process: the number; None where the process did not measure it.
        better: word for less.
        worse: word for more.
        kind_of_process: how it was counted; numbers of different kinds do not compare.
    """

    title: str
    unit: str
    of_process: Callable[[Measurement], float | None]
    better: str = "faster"
    worse: str = "slower"
    kind_of_process: Callable[[Measurement], str | None] = lambda _: None


PIPELINE_PARTS = (
    "decode_ms",
    "preprocess_ms",
    "detector_ms",
    "clicks_ms",
    "model_ms",
    "postprocess_ms",
)
"""Of `PipelineSample`, in the order of their happening; a sample lacks some."""


def total_ms(sample: PipelineSample) -> float:
    """All parts that the sample has, up to the mask."""
    return sum(getattr(sample, part) or 0.0 for part in PIPELINE_PARTS)


def _middle(samples: Sequence[float]) -> float | None:
    return median(samples) if samples else None


def _peak_mb(one: Measurement) -> float | None:
    return one.peak_memory_bytes / MEGA if one.peak_memory_bytes is not None else None


METRICS = {
    "model": Metric("warm inference", "ms", lambda one: _middle(one.warm_samples_ms)),
    "pipeline": Metric(
        "whole pipeline", "ms", lambda one: _middle([total_ms(run) for run in one.pipeline_samples])
    ),
    "load": Metric("loading", "ms", lambda one: one.load_ms),
    "first": Metric("first inference", "ms", lambda one: one.first_inference_ms),
    "memory": Metric(
        "peak memory", "MB", _peak_mb, "smaller", "larger", lambda one: one.memory_kind
    ),
}
