"""Everything behind `squeezesam bench schemes`: export, evaluate, time, and put side by side."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from squeezesam.data.open import open_datasets
from squeezesam.data.records import Dataset
from squeezesam.environment import package_versions, source_line
from squeezesam.errors import ArtifactError, DataError
from squeezesam.evaluation.models import load_model
from squeezesam.evaluation.protocol import ClickProtocol
from squeezesam.evaluation.records import (
    Evaluation,
    ObjectResult,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.run import check_limit, evaluate_all
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.files import check_place, whole_file
from squeezesam.inference.load import INTERPRETER_LIMITS
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.networks.weights import load_weights, shipped_weights
from squeezesam.spec import INPUT_SIZE, SEGMENTER
from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.interleaving import time_all
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.formatting import UNKNOWN, operators, with_interval
from squeezesam_benchmarks.results.records import TimedFile
from squeezesam_benchmarks.results.rows import ResultRow, rows_of_run, speed_up
from squeezesam_benchmarks.subjects import listed_subjects
from squeezesam_export.bundle.artifacts import sha256_of, size_of
from squeezesam_export.bundle.exporting import ExportOptions, export
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.network_options import NetworkChoice
from squeezesam_export.targets.table import ALL, TARGETS

CLICKS = 3


@dataclass(frozen=True)
class AccuracyColumn:
    """Data sets whose objects count as one set.

    Attributes:
        name: of the folder that was given.
        datasets: found in it.
    """

    name: str
    datasets: tuple[Dataset, ...]


def open_columns(folders: Sequence[Path]) -> list[AccuracyColumn]:
    """A column for each folder.

    Raises:
        DataError: a folder is of no known layout.
    """
    return [
        AccuracyColumn(folder.resolve().name, tuple(open_datasets(folder))) for folder in folders
    ]


def measured(
    path: Path, columns: Sequence[AccuracyColumn], limit: int | None, folder: Path
) -> Evaluation:
    """Evaluate weights or an artifact with clicks, or read what an earlier run found.

    Args:
        path: of the file.
        columns: what to evaluate on.
        limit: only so many photos of each data set.
        folder: where results are kept.

    Raises:
        ArtifactError, MissingDependencyError, WeightsError: the file cannot be loaded.
        DataError: a data set holds no object.
    """
    datasets = [dataset for column in columns for dataset in column.datasets]
    decisive = [
        sha256_of(path),
        [(dataset.name, len(dataset)) for dataset in datasets],
        limit,
        CLICKS,
        package_versions(),
    ]
    key = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]
    kept = folder / f"{path.name}_{key}.json"
    if kept.is_file():
        with suppress(DataError):  # damaged: measure again
            return read_evaluation(kept)
    subject, predictor = load_model(path, None)
    protocols = {"clicks": ClickProtocol(CLICKS)}
    alone = [(dataset, "") for dataset in datasets]
    evaluation = evaluate_all(subject, predictor, alone, protocols, limit)
    with whole_file(kept) as partial:
        write_evaluation(evaluation, partial)
    return evaluation


def objects_of(
    evaluation: Evaluation, column: AccuracyColumn
) -> dict[tuple[str, int], ObjectResult]:
    """Results of a column's objects, by photo and place among the photo's annotations."""
    names = {dataset.name for dataset in column.datasets}
    return {
        (f"{data.name}/{result.photo}", result.index): result
        for data in evaluation.data
        if data.name in names
        for result in data.protocols[0].objects
    }


def mean_iou(evaluation: Evaluation, column: AccuracyColumn, click: int) -> float:
    """Mean IoU after a number of clicks, in percent."""
    values = [result.ious[click - 1] for result in objects_of(evaluation, column).values()]
    return 100 * sum(values) / len(values)


def iou_gained(
    evaluation: Evaluation, over: Evaluation, column: AccuracyColumn, click: int
) -> Interval:
    """Mean difference of IoU to another evaluation, object by object, in points."""
    ours, theirs = objects_of(evaluation, column), objects_of(over, column)
    return mean_interval(
        [100 * (ours[key].ious[click - 1] - theirs[key].ious[click - 1]) for key in ours],
        [photo for photo, _ in ours],
    )


SHOWN_CLICKS = (1, CLICKS)


@dataclass(frozen=True)
class SchemeRow:
    """One line of the table.

    Attributes:
        runtime: name of the export target.
        artifact: what is known about the file.
        evaluation: in its own runtime, or where that is not here in a reference interpreter.
        latency: at one thread; None where its own runtime is not here.
    """

    runtime: str
    artifact: TimedFile
    evaluation: Evaluation
    latency: ResultRow | None


def scheme_table(rows: Sequence[SchemeRow], columns: Sequence[AccuracyColumn]) -> str:
    """A markdown table.

    Args:
        rows: the first is PyTorch in fp32, which the others are compared with.
        columns: of accuracy.
    """
    header = ["runtime", "precision"]
    header += [f"{column.name} IoU@{click}" for column in columns for click in SHOWN_CLICKS]
    header += ["MB", "ms, 1 thread", "times its fp32", "ops outside the delegate"]
    return markdown_table(header, [cells(row, rows, columns) for row in rows])


def cells(
    row: SchemeRow, rows: Sequence[SchemeRow], columns: Sequence[AccuracyColumn]
) -> list[str]:
    """One line's cells."""
    latency_of = {(one.runtime, one.artifact.precision): one.latency for one in rows}
    fp32 = latency_of.get((row.runtime, "fp32"))
    faster = speed_up(row.latency, fp32) if row.latency and fp32 else None
    interpreter = row.evaluation.subject.interpreter
    return [
        f"{row.runtime} ({interpreter})" if interpreter else row.runtime,
        str(row.artifact.precision),
        *(
            accuracy(row.evaluation, rows[0].evaluation, column, click)
            for column in columns
            for click in SHOWN_CLICKS
        ),
        f"{row.artifact.size_bytes / 1e6:.1f}",
        with_interval(statistics.median(row.latency.samples_ms())) if row.latency else UNKNOWN,
        f"{faster.value:.2f}" if faster else UNKNOWN,
        operators(row.artifact.ops_outside_delegate),
    ]


def accuracy(ours: Evaluation, over: Evaluation, column: AccuracyColumn, click: int) -> str:
    """Such as `63.4 (-0.3 [-0.5, -0.1])`: percent, and the difference to PyTorch in points."""
    mean = f"{mean_iou(ours, column, click):.1f}"
    if ours is over:
        return mean
    gained = iou_gained(ours, over, column, click)
    return f"{mean} ({gained:+.2f})"


def small_print() -> str:
    """What the numbers are, and where they come from."""
    source = source_line(("torch", "onnxruntime", "executorch", "coremltools"))
    return (
        "IoU in percent, each artifact run by its own runtime, or where the table says so by the "
        "reference interpreter; in brackets the difference to PyTorch in fp32 in points, with its "
        "95 % bootstrap interval over photos. Latency: median ms of the network alone with its "
        f"95 % interval, artifacts interleaved; none of what the interpreter runs. {source}. "
        f"The {INTERPRETER_LIMITS}."
    )


PYTORCH = "PyTorch"
THREADS = 1
ARTIFACTS, EVALUATIONS, LATENCY, TABLE = "artifacts", "evaluations", "latency.jsonl", "table.md"


@dataclass(frozen=True)
class SchemeOptions:
    """What to compare.

    Attributes:
        data: folders of photos with masks; each is a column.
        artifacts: an export of `weights`; None to export every target in every scheme first.
        weights: None for those that are shipped.
        limit: only so many photos of each data set.
        protocol: of timing.
    """

    data: tuple[Path, ...]
    artifacts: Path | None
    weights: Path | None
    limit: int | None
    protocol: Protocol

    def __post_init__(self) -> None:
        check_limit(self.limit)


def compare_schemes(options: SchemeOptions, out: Path, progress: Callable[[str], None]) -> str:
    """Measure every artifact and write the table and all raw values below `out`.

    What `out` already holds of the same files and data is not measured again, so an interrupted
    run goes on where it was.

    Args:
        options: what to compare.
        out: folder of artifacts, evaluations, latency samples and table.
        progress: takes a line for each step that is done.

    Raises:
        ArtifactError: the artifacts are damaged, or of other weights.
        ConfigError, DataError, WeightsError: an option names what does not exist.
        MissingDependencyError: a runtime is not installed.
        OutputError: the place cannot be written to.
    """
    check_place(out, (ARTIFACTS, EVALUATIONS, LATENCY, TABLE))
    columns = open_columns(options.data)
    weights = options.weights or shipped_weights(DEFAULT_VARIANT)
    pytorch = weights_subject(weights)
    directory = options.artifacts or exported(options, out / ARTIFACTS, progress)
    manifest = read_manifest(directory)
    networks = [one for one in manifest.networks if one.weights_sha256 == pytorch.artifact.sha256]
    if not networks:
        raise ArtifactError(f"{directory} was not exported from {weights}; give its --weights")
    if networks[0].input_size != INPUT_SIZE:
        raise ArtifactError(
            f"{directory} is for inputs of {networks[0].input_size} px, and the comparison "
            f"at {INPUT_SIZE}; export it with that --size"
        )
    kinds = networks[0].recipe.kind.graphs
    subjects = [pytorch, *(one for one in listed_subjects(directory) if one.kind in kinds)]
    evaluations = {}
    for subject in subjects:
        evaluations[subject.path] = measured(
            subject.path, columns, options.limit, out / EVALUATIONS
        )
        progress(f"[{len(evaluations)}/{len(subjects)}] evaluated {subject.path.name}")
    host = Host()
    timed = [one for one in subjects if host.takes(one)]
    run = time_all(host, timed, (THREADS,), options.protocol, out / LATENCY, progress)
    latency = {row.artifact.name: row for row in rows_of_run(run)}
    rows = [
        SchemeRow(
            subject.target,
            subject.artifact,
            evaluations[subject.path],
            latency.get(subject.artifact.name),
        )
        for subject in subjects
    ]
    table = f"{scheme_table(rows, columns)}\n\n{small_print()}"
    with whole_file(out / TABLE) as partial:
        partial.write_text(f"{table}\n", encoding="utf-8")
    return table


def weights_subject(weights: Path) -> BenchmarkArtifact:
    """The float weights as something to time and evaluate.

    Raises:
        WeightsError: they are missing or damaged.
    """
    variant, _ = load_weights(weights, kind=SEGMENTER)
    artifact = TimedFile(weights.name, sha256_of(weights), size_of(weights), variant, "fp32", None)
    return BenchmarkArtifact(weights, PYTORCH, artifact, SQUEEZESAM)


def exported(options: SchemeOptions, directory: Path, progress: Callable[[str], None]) -> Path:
    """An export of every target in every scheme, made unless it is there.

    Raises:
        ArtifactError: what is there is damaged.
    """
    if not directory.exists():
        choice = NetworkChoice(SEGMENTER.name, INPUT_SIZE, options.weights)
        everything = ExportOptions(tuple(TARGETS), (ALL,), (choice,))
        export(everything, directory, progress)
    return directory
