"""The tables of `squeezesam compare` as markdown, and what their columns mean."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from squeezesam.environment import source_line
from squeezesam.evaluation.protocol import PERCENT
from squeezesam.evaluation.report import cell, distinct, entries_by_table
from squeezesam.terminal import markdown_table
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.formatting import UNKNOWN, with_interval
from squeezesam_benchmarks.side_by_side.click_times import PHOTO_SIZE
from squeezesam_benchmarks.side_by_side.comparison import (
    CLICKS,
    PROTOCOLS,
    ComparedModel,
    ComparisonOptions,
)

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

AP_COLUMNS = {
    "AP": "ap",
    "AP50": "ap50",
    "AP75": "ap75",
    "AP small": "small",
    "AP medium": "medium",
    "AP large": "large",
}
"""The field of `MaskAp` of each column."""

LVIS_COLUMNS = {"AP rare": "rare", "AP common": "common", "AP frequent": "frequent"}
"""Likewise, for LVIS alone."""

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
    tables: dict[str, dict[str, dict[tuple[str, str], str]]] = {}
    objects: dict[str, int] = {}
    for entry in chain.from_iterable(entries_by_table([one.evaluation for one in compared])):
        name, sets = list(entry.groups.items())[-1]
        objects[name] = sum(map(len, sets))
        row = tables.setdefault(name, {}).setdefault(entry.label, {})
        protocol = entry.results[0].protocol
        for column in PROTOCOLS[protocol].measures:
            if (protocol, column.title) in ACCURACY.values():
                row[protocol, column.title] = cell(column, sets)
    sections = []
    for name, rows in tables.items():
        cells = [
            [label, *(row[measure] for measure in ACCURACY.values())] for label, row in rows.items()
        ]
        sections += [
            f"### Accuracy on {name}, {objects[name]} objects",
            markdown_table(["model", *ACCURACY], cells),
        ]
    return sections


def precision_table(
    labels: Sequence[str], compared: Sequence[ComparedModel], boxes: Path
) -> list[str]:
    """A heading, a table and its meaning for the masks that were asked for with boxes."""
    found = [one.mask_ap for one in compared]
    of_lvis = {getattr(one, field) for one in found for field in LVIS_COLUMNS.values()} != {None}
    columns = {**AP_COLUMNS, **LVIS_COLUMNS} if of_lvis else AP_COLUMNS
    rows = []
    for label, one in zip(labels, found, strict=True):
        values = [getattr(one, field) for field in columns.values()]
        rows.append(
            [label, *(UNKNOWN if each is None else f"{PERCENT * each:.1f}" for each in values)]
        )
    first = found[0]
    assert first is not None, "boxes were given"
    return [
        f"### Masks for the boxes of {boxes.name}, {first.boxes} boxes on {first.photos} photos",
        markdown_table(["model", *columns], rows),
        "Average precision in percent as COCO or LVIS defines it, by pycocotools: of the masks of "
        "all boxes, each with the score and the category that the detector gave. It depends on the "
        "detector as much as on the model. **AP50** and **AP75** count a mask as right from an IoU "
        "of 0.5 and 0.75; **AP** is the mean from 0.5 to 0.95. Small objects are below 32 x 32 "
        "pixels, medium ones below 96 x 96.",
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
