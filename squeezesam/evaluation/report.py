"""Results as markdown: a table for each data set and protocol, with every run side by side."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from squeezesam.errors import DataError
from squeezesam.evaluation.measures import SIZE_BOUNDS, size_class
from squeezesam.evaluation.protocol import EvaluationProtocol, Measure
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import DataResult, Evaluation, ObjectResult, ProtocolResult
from squeezesam.evaluation.statistics import Interval, mean_interval
from squeezesam.runtimes import INTERPRETER_LIMITS
from squeezesam.tables import markdown_table

ALL_SIZES = "all"


@dataclass(frozen=True)
class Entry:
    """One run's part in a table.

    Attributes:
        label: names the run, unlike any other.
        data: the data set.
        result: under the table's protocol.
    """

    label: str
    data: DataResult
    result: ProtocolResult


def markdown_report(evaluations: Sequence[Evaluation]) -> str:
    """A section for each data set and protocol.

    Where several runs share a section, each one after the first also gets its difference to the
    first, over the objects that both have.

    Args:
        evaluations: in the order of the rows.

    Raises:
        DataError: a result names a protocol that this version does not know.
    """
    labels = distinct([evaluation.subject.label for evaluation in evaluations])
    sections: dict[tuple[str, str, str], list[Entry]] = {}
    for label, evaluation in zip(labels, evaluations, strict=True):
        for data in evaluation.data:
            for result in data.protocols:
                key = data.name, result.protocol, json.dumps(result.options, sort_keys=True)
                sections.setdefault(key, []).append(Entry(label, data, result))
    interpreted = any(evaluation.subject.interpreter for evaluation in evaluations)
    notes = [small_print(), *([f"{INTERPRETER_LIMITS}."] if interpreted else [])]
    return "\n\n".join([*map(section, sections.values()), *notes])


def small_print() -> str:
    """What holds for all tables."""
    bounds = [f"{size} below {bound:.0%}" for size, bound in SIZE_BOUNDS.items() if bound < 1]
    return (
        "In brackets: 95 % bootstrap intervals over photos. "
        f"Size by share of the photo: {', '.join(bounds)}, else large."
    )


def distinct(labels: Sequence[str]) -> list[str]:
    """The labels, with a number after those that had come before."""
    seen: Counter[str] = Counter()
    numbered = []
    for label in labels:
        seen[label] += 1
        numbered.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return numbered


def section(entries: Sequence[Entry]) -> str:
    """One data set under one protocol."""
    first = entries[0]
    measures = protocol_of(first.result).measures
    rows = [row for entry in entries for row in rows_by_size(entry, measures)]
    rows += [difference_row(entry, first, measures) for entry in entries[1:]]
    header = ["run", "size", "objects", *(measure.title for measure in measures)]
    skipped = [
        f"{entry.label} skipped {len(entry.data.skipped)}: {entry.data.skipped[0].name}, "
        f"{entry.data.skipped[0].reason}; the others are in results.json."
        for entry in entries
        if entry.data.skipped
    ]
    return "\n\n".join(
        [
            f"### {first.data.name}, {first.result.protocol}",
            first.result.definition,
            markdown_table(header, rows),
            *skipped,
        ]
    )


def protocol_of(result: ProtocolResult) -> EvaluationProtocol:
    """The protocol with the options that a result was made with.

    Raises:
        DataError: this version does not know it.
    """
    try:
        return PROTOCOLS[result.protocol](**result.options)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"unknown protocol {result.protocol!r} with {result.options}; evaluate again"
        ) from error


def rows_by_size(entry: Entry, measures: Sequence[Measure]) -> list[list[str]]:
    """A row for all objects, and where their sizes differ one for each size."""
    groups: dict[str, Sequence[ObjectResult]] = {ALL_SIZES: entry.result.objects}
    for size in SIZE_BOUNDS:
        of_size = [
            result
            for result in entry.result.objects
            if size_class(result.area, result.photo_pixels) == size
        ]
        if 0 < len(of_size) < len(entry.result.objects):
            groups[size] = of_size
    return [
        [entry.label, size, str(len(results)), *(cell(measure, results) for measure in measures)]
        for size, results in groups.items()
    ]


def cell(measure: Measure, results: Sequence[ObjectResult]) -> str:
    """Mean of a measure with its interval."""
    values = [measure.value(result) for result in results]
    return with_interval(mean_interval(values, [result.photo for result in results]), measure, "")


def difference_row(entry: Entry, first: Entry, measures: Sequence[Measure]) -> list[str]:
    """What a run has more than the first one, object by object."""
    of_first = {(result.photo, result.index): result for result in first.result.objects}
    pairs = [
        (result, of_first[result.photo, result.index])
        for result in entry.result.objects
        if (result.photo, result.index) in of_first
    ]
    row = [f"{entry.label} - {first.label}", ALL_SIZES, str(len(pairs))]
    if not pairs:
        return row + ["-"] * len(measures)
    photos = [ours.photo for ours, _ in pairs]
    for measure in measures:
        differences = [measure.value(ours) - measure.value(theirs) for ours, theirs in pairs]
        row.append(with_interval(mean_interval(differences, photos), measure, "+"))
    return row


def with_interval(interval: Interval, measure: Measure, sign: str) -> str:
    """Such as `62.1 [60.1, 64.2]`; `sign` "+" shows the sign of positive numbers too."""
    return f"{interval:{sign}.{measure.digits}f}"
