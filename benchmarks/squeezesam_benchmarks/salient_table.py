"""How long an automatic mask takes beside one inference, as a table of reports."""

from collections.abc import Callable

import numpy as np

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.cells import UNKNOWN, with_interval
from squeezesam_benchmarks.metrics import total_ms
from squeezesam_benchmarks.rows import Row
from squeezesam_benchmarks.schema import PipelineSample
from squeezesam_benchmarks.table_layout import Column, Table

DIGITS = 2
PART_DIGITS = 1

Duration = Callable[[PipelineSample], float]


def inferences_ms(count: int) -> Duration:
    """Decoding the photo and so many inferences of the segmenter alone."""

    def duration(sample: PipelineSample) -> float:
        assert sample.decode_ms is not None
        assert sample.model_alone_ms is not None
        return sample.decode_ms + count * sample.model_alone_ms

    return duration


def salient_runs(row: Row) -> list[list[PipelineSample]]:
    """The salient pipelines of each process that had any."""
    processes = (
        [run for run in one.pipeline_samples if run.model_alone_ms is not None]
        for one in row.processes
    )
    return [runs for runs in processes if runs]


def _total(duration: Duration) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        samples = [[duration(run) for run in runs] for runs in salient_runs(row)]
        return with_interval(statistics.median(samples), PART_DIGITS) if samples else UNKNOWN

    return cell


def _part(name: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        samples = [getattr(run, name) for runs in salient_runs(row) for run in runs]
        return f"{np.median(samples):.{PART_DIGITS}f}" if samples else UNKNOWN

    return cell


def _times(yardstick: Duration) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        processes = salient_runs(row)
        if not processes:
            return UNKNOWN
        yardsticks = [[yardstick(run) for run in runs] for runs in processes]
        totals = [[total_ms(run) for run in runs] for runs in processes]
        return with_interval(statistics.ratio_of_medians(yardsticks, totals), DIGITS)

    return cell


SALIENT = Table(
    "Automatic mask",
    "From a photo's file, which is in the page cache, to a mask of its size without any click: "
    "decoding, letterboxing, detector, clicks, segmenter, mask. Medians; those of the parts need "
    "not add up to that of the total. One inference is the segmenter alone and warm, timed after "
    "each run; the decoding beside it is that run's own.",
    (
        Column("total ms [95 %]", _total(total_ms)),
        Column("decode ms", _part("decode_ms")),
        Column("letterbox ms", _part("preprocess_ms")),
        Column("detector ms", _part("detector_ms")),
        Column("clicks ms", _part("clicks_ms")),
        Column("segmenter ms", _part("model_ms")),
        Column("mask ms", _part("postprocess_ms")),
        Column("decode + 1 inference ms [95 %]", _total(inferences_ms(1))),
        Column("total, times decode + 1 inference", _times(inferences_ms(1))),
        Column("total, times decode + 2 inferences", _times(inferences_ms(2))),
    ),
)
