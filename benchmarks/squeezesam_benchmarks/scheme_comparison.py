"""Everything behind `squeezesam bench schemes`: export, evaluate, time, and put side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.files import check_place, whole_file
from squeezesam.spec import INPUT_SIZE, SEGMENTER
from squeezesam.weights import load_weights, shipped_weights
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.rows import rows_of_run
from squeezesam_benchmarks.schema import Artifact
from squeezesam_benchmarks.scheme_accuracy import measured, open_columns
from squeezesam_benchmarks.scheme_table import SchemeRow, scheme_table, small_print
from squeezesam_benchmarks.subjects import listed_subjects
from squeezesam_benchmarks.timing import time_all
from squeezesam_export.artifacts import sha256_of, size_of
from squeezesam_export.exporting import ExportOptions, export
from squeezesam_export.manifest import read_manifest
from squeezesam_export.network_options import NetworkChoice
from squeezesam_export.targets import ALL, TARGETS

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
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"--limit {self.limit} must be at least 1")


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


def weights_subject(weights: Path) -> Subject:
    """The float weights as something to time and evaluate.

    Raises:
        WeightsError: they are missing or damaged.
    """
    variant, _ = load_weights(weights, kind=SEGMENTER)
    artifact = Artifact(weights.name, sha256_of(weights), size_of(weights), variant, "fp32", None)
    return Subject(weights, PYTORCH, artifact, SQUEEZESAM)


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
