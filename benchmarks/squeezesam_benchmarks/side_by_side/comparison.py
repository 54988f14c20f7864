"""Models of the SAM family side by side: what they cost, how good they are and how fast."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_with_parents
from squeezesam.data.records import Dataset, spread
from squeezesam.environment import typed_command
from squeezesam.errors import ConfigError
from squeezesam.evaluation.average_precision import MaskAp
from squeezesam.evaluation.box_ap import BoxedPhotos
from squeezesam.evaluation.contact_sheet import draw_case, draw_row, titled_sheet
from squeezesam.evaluation.models import load_named
from squeezesam.evaluation.protocol import ClickProtocol, EvaluationProtocol
from squeezesam.evaluation.protocols import BoxProtocol
from squeezesam.evaluation.random_clicks import RandomClicks
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import distinct
from squeezesam.evaluation.run import check_limit, evaluate_all
from squeezesam.files import check_place, whole_directory, whole_file
from squeezesam.image_io import write_image
from squeezesam.inference.load import INTERPRETER_LIMITS
from squeezesam.inference.predictor import Predictor
from squeezesam_benchmarks.side_by_side.click_times import (
    ClickTimes,
    ClickTiming,
    time_clicks,
)
from squeezesam_benchmarks.side_by_side.costs import ModelCost, cost_of

CLICKS = 3
PROTOCOLS: dict[str, EvaluationProtocol] = {
    "clicks": ClickProtocol(CLICKS),
    "random": RandomClicks(CLICKS),
    "box": BoxProtocol(),
}
"""What is asked of every object, by name in `squeezesam.evaluation.protocols.PROTOCOLS`."""

PICTURED = 6
"""Photos of each data set in the pictures."""

PICTURED_PROTOCOLS = ("clicks", "box")
"""Each has a picture of every data set."""


@dataclass(frozen=True)
class ComparisonOptions:
    """What to compare, and how.

    Attributes:
        models: each as `squeezesam.evaluation.models.load_named` takes it.
        data: data sets, or folders of them.
        limit: only so many photos of each data set.
        timing: of clicks; None to time nothing.
        pictures: folder for pictures; None for none.
        boxes: result file of an object detector on the one data set; None for none.

    Raises:
        ConfigError: a model that is there twice, no photo, or boxes for several data sets.
    """

    models: tuple[str, ...]
    data: tuple[Path, ...]
    limit: int | None
    timing: ClickTiming | None
    pictures: Path | None = None
    boxes: Path | None = None

    def __post_init__(self) -> None:
        for model in self.models:
            if self.models.count(model) > 1:
                raise ConfigError(f"the model {model} is there twice; name it once")
        check_limit(self.limit)
        if self.boxes is not None and len(self.data) != 1:
            raise ConfigError(f"--boxes {self.boxes} is for one data set; give one with --data")


@dataclass(frozen=True)
class ComparedModel:
    """All that was measured of one model.

    Attributes:
        model: as it was named.
        cost: read from its files.
        evaluation: of PROTOCOLS on all data sets.
        times: of its clicks, one entry for each process; none where it was not timed.
        mask_ap: of the masks for a detector's boxes; None where none were given.
        notes: about its row.
    """

    model: str
    cost: ModelCost
    evaluation: Evaluation
    times: tuple[ClickTimes, ...]
    mask_ap: MaskAp | None
    notes: tuple[str, ...]


def compare_models(
    options: ComparisonOptions, progress: Callable[[str], None]
) -> list[ComparedModel]:
    """Evaluate, time and draw all models.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError, WeightsError: a model cannot be loaded.
        DataError: a data set cannot be opened, or holds no object.
        OutputError: the folder of the pictures cannot be written, or holds something else.
    """
    if options.pictures is not None:
        check_place(options.pictures, [f"*_{name}.jpg" for name in PICTURED_PROTOCOLS])
    found = open_with_parents(*options.data)
    boxed = None
    if options.boxes is not None:
        boxed = BoxedPhotos(found[0][0], options.boxes, options.limit)
        if boxed.strays:
            progress(f"{boxed.strays} boxes name a photo or category that the data set lacks")
    loaded = {model: load_named(model) for model in options.models}
    costs = {model: cost_of(model, predictor) for model, (_, predictor) in loaded.items()}
    evaluations = {}
    precisions = {}
    for model, (subject, predictor) in loaded.items():
        precisions[model] = None if boxed is None else boxed.ap_of(predictor)
        evaluations[model] = evaluate_all(subject, predictor, found, PROTOCOLS, options.limit)
        progress(f"evaluated {model}")
    if options.pictures is not None:
        drawn = {model: (predictor, evaluations[model]) for model, (_, predictor) in loaded.items()}
        draw_pictures(drawn, [dataset for dataset, _ in found], options.pictures)
    times: dict[str, list[ClickTimes]] = {}
    untimed: dict[str, str] = {}
    if options.timing is not None:
        runnable = [model for model, (one, _) in loaded.items() if one.interpreter is None]
        times, untimed = time_clicks(runnable, options.timing, progress)
    return [
        ComparedModel(
            model,
            costs[model],
            evaluations[model],
            tuple(times.get(model, ())),
            precisions[model],
            (
                *costs[model].notes,
                *([f"not timed: {untimed[model]}"] if model in untimed else []),
                *([f"not timed: {INTERPRETER_LIMITS}"] if subject.interpreter else []),
            ),
        )
        for model, (subject, _) in loaded.items()
    ]


def write_json(compared: Sequence[ComparedModel], options: ComparisonOptions, path: Path) -> None:
    """Write all raw values.

    Raises:
        OutputError: the place cannot be written to.
    """
    content = {
        "command": typed_command(),
        "timing": None if options.timing is None else dataclasses.asdict(options.timing),
        "models": [dataclasses.asdict(one) for one in compared],
    }
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def draw_pictures(
    models: dict[str, tuple[Predictor, Evaluation]], datasets: Sequence[Dataset], folder: Path
) -> None:
    """Write a picture for each data set and prompt: a row for each photo, a column for each model.

    Raises:
        OutputError: the folder cannot be written.
    """
    evaluations = [evaluation for _, evaluation in models.values()]
    labels = distinct([evaluation.subject.label for evaluation in evaluations])
    with whole_directory(folder) as partial:
        for place, dataset in enumerate(datasets):
            for name in PICTURED_PROTOCOLS:
                sheet = picture_of(models, labels, dataset, place, name)
                write_image(sheet, partial / f"{dataset.name}_{name}.jpg")


def picture_of(
    models: dict[str, tuple[Predictor, Evaluation]],
    labels: Sequence[str],
    dataset: Dataset,
    place: int,
    name: str,
) -> Image.Image:
    """The largest object of PICTURED photos, as every model answers the same first prompt.

    Args:
        models: the predictor and the evaluation of each.
        labels: a name for each.
        dataset: of the photos.
        place: of the data set in the evaluations.
        name: of the protocol.
    """
    results = [
        next(one for one in evaluation.data[place].protocols if one.protocol == name).objects
        for _, evaluation in models.values()
    ]
    largest: dict[int, int] = {}
    for index, one in enumerate(results[0]):
        held = largest.setdefault(one.place, index)
        if one.area > results[0][held].area:
            largest[one.place] = index
    rows = [
        draw_row(
            results[0][index].photo,
            [
                draw_case(predictor, dataset, PROTOCOLS[name], objects[index], label)
                for (predictor, _), objects, label in zip(
                    models.values(), results, labels, strict=True
                )
            ],
            len(models),
        )
        for index in spread(list(largest.values()), PICTURED)
    ]
    return titled_sheet(f"{dataset.name}, {name}", rows)
