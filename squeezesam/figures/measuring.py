"""What is measured for the page of figures: every network on every set, each result kept."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from squeezesam import strict_json
from squeezesam.data.open import open_datasets, open_with_parents
from squeezesam.data.records import Dataset, split
from squeezesam.environment import machine, package_versions
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation.models import load_model
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import (
    SCHEMA_VERSION,
    Evaluation,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.run import evaluate_all
from squeezesam.evaluation.saliency import evaluate_heat
from squeezesam.files import check_place, content_hash, whole_directory
from squeezesam.inference.load import load
from squeezesam.spec import DETECTOR
from squeezesam.strict_json import JsonError

INPUTS_NAME = "inputs.json"

Inputs = dict[str, Any]
"""Everything that results depend on, as JSON holds it."""


Result = TypeVar("Result")


def keep(
    place: Path,
    inputs: Inputs,
    compute: Callable[[Path], None],
    read: Callable[[Path], Result],
) -> Result:
    """The results in a file, computed unless they were kept for the same inputs.

    Args:
        place: path of the file; its folder belongs to this computation and is replaced as a whole.
        inputs: what the results depend on.
        compute: writes the results to a path.
        read: takes them from a path, with a DataError where the file is damaged.

    Raises:
        OutputError: the folder cannot be written, or holds files that no such run left there.
    """
    folder = place.parent
    if kept_inputs(folder) == inputs:
        with suppress(DataError):  # Damaged or gone: compute again.
            return read(place)
    check_place(folder, (INPUTS_NAME, place.name))
    with whole_directory(folder) as partial:
        compute(partial / place.name)
        text = json.dumps(inputs, indent=1)
        (partial / INPUTS_NAME).write_text(f"{text}\n", encoding="utf-8")
    return read(place)


def kept_inputs(folder: Path) -> Inputs | None:
    """What the results in a folder depend on; None if that cannot be read."""
    try:
        found: Inputs = strict_json.read(folder / INPUTS_NAME)
    except (OSError, ValueError):
        return None
    return found


def folder_hash(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a folder and below.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(content_hash(path).digest())
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}; restore it") from error
    return digest.hexdigest()


RESULTS_NAME = "results.json"
HEAT_NAME = "heat.json"
SALIENT = "salient"

DEFAULT_PROTOCOLS = ("clicks", "choice", "box")
PROTOCOLS_OF = {
    "davis345": (*DEFAULT_PROTOCOLS, SALIENT),
    "people": (*DEFAULT_PROTOCOLS, "parts", SALIENT),
}
"""By the name of a set; another set is measured by DEFAULT_PROTOCOLS."""

HELD_OUT = "train/ecssd"
"""Path below DATA of the data set that the detector was trained on, but for a fifth of it."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        sets: data sets, or folders of them.
        held_out: the set whose held-out fifth alone is used, for heat maps; None where it is
            not there.
        models: weights by the name that tables give them.
        detector: weights of the salient-object detector.
        keep: folder of kept results.
        limit: only so many photos of each data set; None for all.
        size: side of the square input; None for the usual one.
    """

    sets: tuple[Path, ...]
    held_out: Path | None
    models: dict[str, Path]
    detector: Path
    keep: Path
    limit: int | None
    size: int | None


@dataclass(frozen=True)
class Heat:
    """Figures of the detector's heat maps on one set.

    Attributes:
        started_at: ISO 8601, UTC.
        tools: version of each package that can shape a result.
        machine: what the machine says of itself.
        rows: under `squeezesam.evaluation.saliency.HEADER`.
    """

    started_at: str
    tools: dict[str, str]
    machine: dict[str, str]
    rows: list[list[str]]


@dataclass(frozen=True)
class MeasuredNetworks:
    """All that was measured.

    Attributes:
        prompted: evaluations with clicks and boxes by model, in the order of the sets.
        automatic: evaluations of the first model without a click.
        heat: quality of the detector's heat maps on each set.
        held_out: the same on the fifth of the photos that its training leaves out.
    """

    prompted: dict[str, list[Evaluation]]
    automatic: list[Evaluation]
    heat: dict[str, Heat]
    held_out: Heat | None


def sets_of(data: Path) -> tuple[tuple[Path, ...], Path | None]:
    """The sets below DATA/val, and the set with the detector's held-out fifth where it is there.

    Raises:
        ConfigError: there is no DATA/val, or nothing in it.
    """
    val = data / "val"
    sets = tuple(sorted(path for path in val.iterdir() if path.is_dir())) if val.is_dir() else ()
    if not sets:
        raise ConfigError(f"{data} holds no folder `val` with sets in it; give the parent of one")
    held_out = data / HELD_OUT
    return sets, held_out if held_out.is_dir() else None


def measure(plan: Plan) -> MeasuredNetworks:
    """Measure what is not kept already, one network and set after another.

    Raises:
        ArtifactError, ConfigError, WeightsError: a network cannot be loaded.
        DataError: a set cannot be used.
        OutputError: the results cannot be kept.
    """
    hashes = {path: folder_hash(path) for path in (*plan.sets, plan.held_out) if path is not None}
    prompted = {
        name: [
            evaluation_on(plan, path, hashes[path], name, weights, automatic=False)
            for path in plan.sets
        ]
        for name, weights in plan.models.items()
    }
    name, weights = next(iter(plan.models.items()))
    salient_sets = [path for path in plan.sets if SALIENT in protocols_of(path)]
    automatic = [
        evaluation_on(plan, path, hashes[path], name, weights, automatic=True)
        for path in salient_sets
    ]
    heat = {path.name: heat_on(plan, path, hashes[path], held_out=False) for path in salient_sets}
    held_out = None
    if plan.held_out is not None:
        held_out = heat_on(plan, plan.held_out, hashes[plan.held_out], held_out=True)
    return MeasuredNetworks(prompted, automatic, heat, held_out)


def protocols_of(path: Path) -> tuple[str, ...]:
    """Names of the protocols that a set is measured by."""
    return PROTOCOLS_OF.get(path.name, DEFAULT_PROTOCOLS)


def evaluation_on(
    plan: Plan, path: Path, data_hash: str, name: str, weights: Path, *, automatic: bool
) -> Evaluation:
    """One network on one set, without a click or by all protocols that prompt."""
    names = [one for one in protocols_of(path) if (one == SALIENT) is automatic]
    protocols = {name: PROTOCOLS[name]() for name in names}
    options = {name: dataclasses.asdict(protocol) for name, protocol in protocols.items()}
    networks = [weights, *([plan.detector] if automatic else [])]

    def compute(result: Path) -> None:
        subject, predictor = load_model(weights, plan.size, plan.detector if automatic else None)
        datasets = open_with_parents(path)
        evaluation = evaluate_all(subject, predictor, datasets, protocols, plan.limit)
        write_evaluation(evaluation, result)

    folder = plan.keep / f"{name}_{path.name}{'_no_click' if automatic else ''}"
    inputs = inputs_of(plan, networks, data_hash, options)
    return keep(folder / RESULTS_NAME, inputs, compute, read_evaluation)


def heat_on(plan: Plan, path: Path, data_hash: str, *, held_out: bool) -> Heat:
    """The detector's heat maps on one set, or on the fifth of it that training leaves out."""

    def compute(result: Path) -> None:
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        detector = load(plan.detector, kind=DETECTOR)
        datasets: list[Dataset] = open_datasets(path)
        if held_out:
            datasets = [split(dataset, held_out=True) for dataset in datasets]
        rows = [list(evaluate_heat(detector, dataset, plan.limit).row) for dataset in datasets]
        heat = Heat(started_at, package_versions(), machine(), rows)
        text = json.dumps(dataclasses.asdict(heat), indent=1)
        result.write_text(f"{text}\n", encoding="utf-8")

    inputs = inputs_of(plan, [plan.detector], data_hash, {"heat": {"held_out": held_out}})
    place = plan.keep / f"detector_{path.name}_heat" / HEAT_NAME
    return keep(place, inputs, compute, read_heat)


def read_heat(path: Path) -> Heat:
    """Read what `heat_on` kept.

    Raises:
        DataError: missing or damaged.
    """
    try:
        return strict_json.decode(Heat, strict_json.read(path))
    except (OSError, JsonError) as error:
        raise DataError(f"{path} holds no figures of heat maps ({error}); delete it") from error


def inputs_of(
    plan: Plan, networks: Sequence[Path], data_hash: str, protocols: dict[str, dict[str, Any]]
) -> Inputs:
    """What a result depends on, apart from the code."""
    return {
        "schema_version": SCHEMA_VERSION,
        "weights": {path.name: content_hash(path).hexdigest() for path in networks},
        "data": data_hash,
        "protocols": protocols,
        "limit": plan.limit,
        "size": plan.size,
    }
