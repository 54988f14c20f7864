"""Results grouped for reporting: one row per artifact, runtime, backend and threads of one run."""

from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import ConfigError
from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.schema import Artifact, Emulation, Measurement, Result
from squeezesam_benchmarks.statistics import Estimate


@dataclass(frozen=True)
class Row:
    """One artifact with one number of threads in one run.

    Attributes:
        artifact: what was timed.
        measurements: one per process, by round.
    """

    artifact: Artifact
    measurements: dict[int, Measurement]

    @property
    def processes(self) -> list[Measurement]:
        """Measurements in the order of their rounds."""
        return [self.measurements[index] for index in sorted(self.measurements)]

    @property
    def emulations(self) -> list[Emulation]:
        """What emulated processors counted; empty where the row was timed."""
        return [one.emulation for one in self.processes if one.emulation is not None]

    @property
    def runtime(self) -> str:
        """Runtime with its version and backend."""
        one = self.processes[0]
        return f"{one.runtime} {one.runtime_version} {one.backend}"

    @property
    def threads(self) -> int | None:
        """Number of threads; None where the runtime takes no such number."""
        return self.processes[0].threads

    def samples_ms(self, rounds: Sequence[int] | None = None) -> list[tuple[float, ...]]:
        """Warm samples of each process, of all rounds or those given."""
        chosen = sorted(self.measurements) if rounds is None else rounds
        return [self.measurements[index].warm_samples_ms for index in chosen]


def group_by_run(results: Sequence[Result]) -> list[list[Result]]:
    """Results of each run, in the order in which the runs began."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.run_id, []).append(result)
    return list(runs.values())


def rows_of_run(run: Sequence[Result]) -> list[Row]:
    """Rows of one run, sorted by runtime, threads and artifact name."""
    rows: dict[tuple[str, str, str, int | None], Row] = {}
    for result in run:
        one = result.measurement
        key = (result.artifact.name, one.runtime, one.backend, one.threads)
        row = rows.setdefault(key, Row(result.artifact, {}))
        row.measurements[result.round_index] = result.measurement
    return sorted(rows.values(), key=lambda row: (row.runtime, row.threads or 0, row.artifact.name))


def baseline_of(row: Row, rows: Sequence[Row], baseline: str) -> Row | None:
    """The row that `row` is compared with, at the same number of threads.

    Args:
        row: to compare.
        rows: of the same run.
        baseline: an artifact's file name, or a variant, which means its artifact of the same
            runtime and precision.
    """
    for other in rows:
        same_kind = (
            other.artifact.variant == baseline
            and other.artifact.precision == row.artifact.precision
            and other.runtime == row.runtime
        )
        if other.threads == row.threads and (other.artifact.name == baseline or same_kind):
            return other
    return None


def check_baseline(results: Sequence[Result], baseline: str) -> None:
    """Refuse a baseline that no result has.

    Raises:
        ConfigError: neither an artifact nor a variant of these results.
    """
    artifacts = [result.artifact for result in results]
    known = {artifact.name for artifact in artifacts}
    known |= {artifact.variant for artifact in artifacts if artifact.variant}
    if baseline not in known:
        raise ConfigError(f"no results of {baseline!r}; choose one of {', '.join(sorted(known))}")


def speed_up(row: Row, baseline: Row) -> Estimate | None:
    """How many times faster than the baseline; None when they share no round."""
    shared = sorted(row.measurements.keys() & baseline.measurements.keys())
    if not shared:
        return None
    return statistics.ratio_of_medians(row.samples_ms(shared), baseline.samples_ms(shared))
