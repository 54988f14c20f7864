"""What a reader has to know of a run to judge its numbers or to repeat it."""

from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.records import (
    DeviceFacts,
    Emulation,
    Measurement,
    Result,
    TimedFile,
)
from squeezesam_benchmarks.results.statistics import Estimate


@dataclass(frozen=True)
class ResultRow:
    """One artifact with one number of threads in one run.

    Attributes:
        artifact: what was timed.
        measurements: one per process, by round.
    """

    artifact: TimedFile
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


def rows_of_run(run: Sequence[Result]) -> list[ResultRow]:
    """Rows of one run, sorted by runtime, threads and artifact name."""
    rows: dict[tuple[str, str, str, int | None], ResultRow] = {}
    for result in run:
        one = result.measurement
        key = (result.artifact.name, one.runtime, one.backend, one.threads)
        row = rows.setdefault(key, ResultRow(result.artifact, {}))
        row.measurements[result.round_index] = result.measurement
    return sorted(rows.values(), key=lambda row: (row.runtime, row.threads or 0, row.artifact.name))


def baseline_of(row: ResultRow, rows: Sequence[ResultRow], baseline: str) -> ResultRow | None:
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


def speed_up(row: ResultRow, baseline: ResultRow) -> Estimate | None:
    """How many times faster than the baseline; None when they share no round."""
    shared = sorted(row.measurements.keys() & baseline.measurements.keys())
    if not shared:
        return None
    return statistics.ratio_of_medians(row.samples_ms(shared), baseline.samples_ms(shared))


def device_name(device: DeviceFacts) -> str:
    """The most telling of what is known: product, else chip, else processor, with its place."""
    name = device.model or device.soc or device.cpu or device.browser or "unknown device"
    return f"{name} ({device.place})"


def heading(run: Sequence[Result]) -> str:
    """Device and moment of a run."""
    started_at = run[0].started_at.replace("T", " ").replace("+00:00", " UTC")
    return f"{device_name(run[0].device)}, {started_at}"


def run_facts(run: Sequence[Result]) -> dict[str, str]:
    """Names and texts, in the order in which they are shown; what is not known is left out."""
    one = run[0]
    device = one.device
    measured = [result.measurement for result in run]
    facts = {
        "Run": one.run_id,
        "Model": device.model,
        "Chip": device.soc,
        "Processor": device.cpu,
        "Cores": None if device.cores is None else str(device.cores),
        "System": device.os,
        "Browser": device.browser,
        "Runtimes": ", ".join(
            sorted({f"{each.runtime} {each.runtime_version or '?'}" for each in measured})
        ),
        "Command": one.command,
        "Harness": f"squeezesam {one.harness_version}, results of schema {one.schema_version}",
        "Protocol": None if one.measurement.emulation else protocol_text(one.protocol),
        "Rounds": _rounds(run),
    }
    return {name: text for name, text in facts.items() if text}


def protocol_text(protocol: Protocol) -> str:
    """How each process was timed."""
    one = protocol
    budget = f" or {one.time_budget_s:g} s, whichever is longer" if one.time_budget_s else ""
    parts = [
        "each process loads the artifact, infers once, warms up with "
        f"{one.warm_up_inferences} inferences and times {one.timed_inferences}{budget}"
    ]
    if one.pipeline_runs:
        photo = f"{one.photo_width_px}x{one.photo_height_px} px"
        parts.append(f"{one.pipeline_runs} runs of the whole pipeline on a photo of {photo}")
    if one.sustained_s:
        parts.append(f"{one.sustained_s:g} s of inference without a pause")
    if one.cool_down_s:
        parts.append(f"{one.cool_down_s:g} s of rest before each process")
    return "; ".join(parts)


def _rounds(run: Sequence[Result]) -> str:
    asked = run[0].protocol.rounds
    complete = min(len(row.measurements) for row in rows_of_run(run))
    return f"{complete} of {asked}, each artifact in a fresh process, in shuffled order"
