"""Models of the SAM family side by side: what they cost, how good they are and how fast."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_with_parents
from squeezesam.data.records import Dataset, spread
from squeezesam.environment import source_line, typed_command
from squeezesam.errors import ConfigError
from squeezesam.evaluation.box_ap import BoxedPhotos, MaskAp
from squeezesam.evaluation.contact_sheet import draw_case, draw_row, titled_sheet
from squeezesam.evaluation.models import load_named
from squeezesam.evaluation.protocol import PERCENT, ClickProtocol, EvaluationProtocol
from squeezesam.evaluation.protocols import BoxProtocol
from squeezesam.evaluation.random_clicks import RandomClicks
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import cell, distinct, entries_by_table
from squeezesam.evaluation.run import check_limit, evaluate_all
from squeezesam.files import check_place, whole_directory, whole_file
from squeezesam.image_io import write_image
from squeezesam.inference.load import INTERPRETER_LIMITS
from squeezesam.inference.predictor import Predictor
from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.formatting import UNKNOWN, with_interval
from squeezesam_benchmarks.side_by_side.click_times import (
    PHOTO_SIZE,
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

ACCURACY = {
    "interior, 1 click": ("clicks", "IoU@1"),
    f"interior, {CLICKS} clicks": ("clicks", f"IoU@{CLICKS}"),
    "random, 1 click": ("random", "IoU@1"),
    f"random, {CLICKS} clicks": ("random", f"IoU@{CLICKS}"),
    "box": ("box", "box IoU"),
}
"""The protocol and the measure of each column of the accuracy tables."""

COST_HEADER = (
    "model",
    "parameters, M",
    "GMAC",
    "fp32, MB",
    "int8, MB",
    "first click, ms",
    "later click, ms",
)
MEANINGS = """\
- **parameters, M**: millions of trained values. **GMAC**: billions of multiply-accumulates of one \
inference of the whole network on one photo; resizing and activations are not counted. A model \
may infer more than once for a click: SqueezeSAM's predictor looks twice at a first click.
- **fp32, MB** and **int8, MB**: millions of bytes of the network in 32-bit floats and in 8-bit \
integers.
- **first click, ms**: from the pixels of a photo that is new to a mask of its size, with all that \
is done once for a photo. **later click, ms**: the same for the second click on that photo.
- **interior**: mean IoU in percent with mask 0, the one whole object that a model answers with. \
The first click is at the point of the object that is farthest from its border; each later one \
corrects the largest error, and the earlier mask is given too.
- **random**: mean IoU in percent of the mask of which the model is most confident, after clicks \
that are drawn uniformly inside the object and given at once. It is the protocol of EfficientSAM's \
paper.
- **box**: mean IoU in percent after the tight box of the true mask.

In brackets: 95 % intervals, of IoU by a bootstrap over photos, of milliseconds (medians) over \
processes."""

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


def comparison_report(compared: Sequence[ComparedModel], options: ComparisonOptions) -> str:
    """The tables as markdown, and what their columns mean."""
    labels = distinct([one.evaluation.subject.label for one in compared])
    rows = [[label, *cost_cells(one)] for label, one in zip(labels, compared, strict=True)]
    notes = [
        f"- {label}: {'; '.join(one.notes)}."
        for label, one in zip(labels, compared, strict=True)
        if one.notes
    ]
    parts = ["### Cost", markdown_table(COST_HEADER, rows), "\n".join(notes)]
    parts += accuracy_tables(compared)
    if options.boxes is not None:
        parts += precision_table(labels, compared, options.boxes)
    return "\n\n".join([*filter(None, parts), MEANINGS, provenance(options)])


def cost_cells(one: ComparedModel) -> list[str]:
    """The cells of a row after the model's name; `-` for what is not known."""
    cost = one.cost
    scaled = (
        (cost.parameters, 1e6, 2),
        (cost.macs, 1e9, 2),
        (cost.fp32_bytes, 1e6, 1),
        (cost.int8_bytes, 1e6, 1),
    )
    numbers = [
        UNKNOWN if value is None else f"{value / unit:.{digits}f}" for value, unit, digits in scaled
    ]
    kinds = ([times.first_ms for times in one.times], [times.later_ms for times in one.times])
    medians = [with_interval(statistics.median(kind)) if kind else UNKNOWN for kind in kinds]
    return [*numbers, *medians]


def accuracy_tables(compared: Sequence[ComparedModel]) -> list[str]:
    """A heading and a table for each data set, or folder of data sets."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    objects: dict[str, int] = {}
    for entries in entries_by_table([one.evaluation for one in compared]):
        for entry in entries:
            name, sets = list(entry.groups.items())[-1]
            objects[name] = sum(map(len, sets))
            for title, (protocol, measure) in ACCURACY.items():
                if entry.results[0].protocol == protocol:
                    measures = PROTOCOLS[protocol].measures
                    column = next(each for each in measures if each.title == measure)
                    row = tables.setdefault(name, {}).setdefault(entry.label, {})
                    row[title] = cell(column, sets)
    sections = []
    for name, rows in tables.items():
        cells = [[label, *(row[title] for title in ACCURACY)] for label, row in rows.items()]
        sections += [
            f"### Accuracy on {name}, {objects[name]} objects",
            markdown_table(["model", *ACCURACY], cells),
        ]
    return sections


AP_COLUMNS = {
    "AP": "ap",
    "AP50": "ap50",
    "AP75": "ap75",
    "AP small": "small",
    "AP medium": "medium",
    "AP large": "large",
}


def precision_table(
    labels: Sequence[str], compared: Sequence[ComparedModel], boxes: Path
) -> list[str]:
    """A heading, a table and its meaning for the masks that were asked for with boxes."""
    rows = []
    for label, one in zip(labels, compared, strict=True):
        values = [getattr(one.mask_ap, field) for field in AP_COLUMNS.values()]
        rows.append(
            [label, *(UNKNOWN if each is None else f"{PERCENT * each:.1f}" for each in values)]
        )
    first = compared[0].mask_ap
    assert first is not None, "boxes were given"
    return [
        f"### Masks for the boxes of {boxes.name}, {first.boxes} boxes on {first.photos} photos",
        markdown_table(["model", *AP_COLUMNS], rows),
        "COCO's average precision in percent, by pycocotools: of the masks of all boxes, each with "
        "the score and the category that the detector gave. It depends on the detector as much as "
        "on the model. **AP50** and **AP75** count a mask as right from an IoU of 0.5 and 0.75; "
        "**AP** is the mean from 0.5 to 0.95. Small objects are below 32 x 32 pixels, medium ones "
        "below 96 x 96.",
    ]


def provenance(options: ComparisonOptions) -> str:
    """Where the numbers come from."""
    timing = options.timing
    timed = (
        "Clicks were not timed."
        if timing is None
        else f"Clicks were timed on this machine, threads: {timing.threads}, on photos of "
        f"{PHOTO_SIZE[0]} x {PHOTO_SIZE[1]}, models interleaved, fresh processes for each: "
        f"{timing.rounds}, photos in each: {timing.photos}."
    )
    return f"{timed} {source_line(('torch', 'onnxruntime', 'executorch'))}."


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
