"""Numbers as the text of a table's cells."""

from collections.abc import Sequence

from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.statistics import Estimate

UNKNOWN = "-"


def middle(samples: Sequence[float | None]) -> str:
    """Median of what is known, one sample a process."""
    known = [sample for sample in samples if sample is not None]
    return f"{statistics.percentile([known], 50):.1f}" if known else UNKNOWN


def operators(counts: dict[str, int] | None) -> str:
    """Number of operators with their names, the most frequent first."""
    if counts is None:
        return UNKNOWN
    names = sorted(counts, key=lambda name: (-counts[name], name))
    listed = ", ".join(f"{counts[name]} {name}" for name in names)
    return f"{sum(counts.values())} ({listed})" if listed else "0"


def with_interval(estimate: Estimate, digits: int = 1) -> str:
    """Such as `12.3 [11.9, 12.8]`."""
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
