"""Results as markdown: a table for each data set and protocol, with every run side by side.

Data sets that were found in one folder share a table, which ends with their mean: the mean over
sets, so that one with many objects does not decide.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from squeezesam import strict_json
from squeezesam.errors import DataError
from squeezesam.evaluation.measures import SIZE_BOUNDS, size_class
from squeezesam.evaluation.protocol import Column, EvaluationProtocol
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import DataResult, Evaluation, ObjectResult, ProtocolResult
from squeezesam.evaluation.statistics import Interval, figure_interval
from squeezesam.inference.load import INTERPRETER_LIMITS
from squeezesam.strict_json import JsonError, shown
from squeezesam.terminal import markdown_table

ALL_SIZES = "all"

Objects = Sequence[ObjectResult]


@dataclass
class Entry:
    """One run's part in a table.

    Attributes:
        label: names the run, unlike any other.
        title: name of the data set, or of the folder in which several were found.
        data: the data sets.
        results: the results of each data set, under the table's protocol.
    """

    label: str
    title: str
    data: list[DataResult] = field(default_factory=list)
    results: list[ProtocolResult] = field(default_factory=list)

    @property
    def groups(self) -> dict[str, list[Objects]]:
        """Objects of each data set by its name; of several, then all sets by a name for them."""
        sets = [result.objects for result in self.results]
        groups: dict[str, list[Objects]] = {
            data.name: [objects] for data, objects in zip(self.data, sets, strict=True)
        }
        if len(sets) > 1:
            groups[f"{self.title}, mean over {len(sets)} folders"] = [*sets]
        return groups


def markdown_report(evaluations: Sequence[Evaluation]) -> str:
    """A section for each data set, or folder of data sets, and protocol.

    Where several runs share a section, each one after the first also gets its difference to the
    first, over the objects that both have.

    Args:
        evaluations: the evaluations in the order of the rows.

    Raises:
        DataError: a result does not fit the protocol that it names.
    """
    interpreted = any(evaluation.subject.interpreter for evaluation in evaluations)
    notes = [small_print(), *([f"{INTERPRETER_LIMITS}."] if interpreted else [])]
    return "\n\n".join([*map(section, entries_by_table(evaluations)), *notes])


def entries_by_table(evaluations: Sequence[Evaluation]) -> list[list[Entry]]:
    """The runs of each table: one for each data set or folder of them, protocol and options."""
    labels = distinct([evaluation.subject.label for evaluation in evaluations])
    tables: dict[tuple[str, str, str], dict[str, Entry]] = {}
    for label, evaluation in zip(labels, evaluations, strict=True):
        siblings = Counter(data.parent for data in evaluation.data)
        for data in evaluation.data:
            title = data.parent if data.parent and siblings[data.parent] > 1 else data.name
            for result in data.protocols:
                protocol_of(result)
                key = title, result.protocol, json.dumps(result.options, sort_keys=True)
                entry = tables.setdefault(key, {}).setdefault(label, Entry(label, title))
                entry.data.append(data)
                entry.results.append(result)
    return [list(entries.values()) for entries in tables.values()]


def small_print() -> str:
    """What holds for all tables."""
    bounds = [f"{size} below {bound:.0%}" for size, bound in SIZE_BOUNDS.items() if bound < 1]
    return (
        "In brackets: 95 % bootstrap intervals over photos; of a mean over folders, over the "
        "photos inside each, to which a set of one photo adds nothing. "
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
    """One data set, or one folder of them, under one protocol."""
    first = entries[0]
    protocol = protocol_of(first.results[0])
    rows = [row for entry in entries for row in rows_by_size(entry, protocol.measures)]
    for entry in entries[1:]:
        rows += difference_rows(entry, first, protocol.measures)
    header = ["run", "set", "size", "objects", *(column.title for column in protocol.measures)]
    if all(len(entry.data) == 1 for entry in entries):  # The heading says which set it is.
        header, rows = without_set(header), [without_set(row) for row in rows]
    skipped = [
        f"{entry.label} skipped {len(data.skipped)}: {data.skipped[0].name}, "
        f"{data.skipped[0].reason}; the others are in results.json."
        for entry in entries
        for data in entry.data
        if data.skipped
    ]
    return "\n\n".join(
        [
            f"### {first.title}, {first.results[0].protocol}",
            protocol.definition,
            markdown_table(header, rows),
            *skipped,
        ]
    )


def without_set(cells: Sequence[str]) -> list[str]:
    """A row without the column of data sets."""
    return [cells[0], *cells[2:]]


def protocol_of(result: ProtocolResult) -> EvaluationProtocol:
    """The protocol with the options that a result was made with.

    Raises:
        DataError: this version does not know it, or the result has no objects, or not as many
            attempts at one as the protocol makes.
    """
    try:
        protocol = strict_json.decode(PROTOCOLS[result.protocol], result.options, "its options")
    except (KeyError, JsonError) as error:
        raise DataError(
            f"unknown protocol {shown(result.protocol)} with {shown(result.options)}; "
            "evaluate again"
        ) from error
    if not result.objects:
        raise DataError(f"a result of protocol {result.protocol} has no objects; evaluate again")
    for one in result.objects:
        if not protocol.is_complete(one):
            raise DataError(
                f"{shown(one.photo)} object {one.index} lacks the numbers of each attempt of "
                f"protocol {result.protocol}; evaluate again"
            )
    return protocol


def rows_by_size(entry: Entry, columns: Sequence[Column]) -> list[list[str]]:
    """A row for each data set, and below the last, where sizes differ, one for each size."""
    rows = [figures_row(entry.label, name, sets, columns) for name, sets in entry.groups.items()]
    name, sets = list(entry.groups.items())[-1]
    return rows + [
        figures_row(entry.label, name, of_size, columns, size)
        for size, of_size in sets_by_size(sets).items()
    ]


def sets_by_size(sets: Sequence[Objects]) -> dict[str, list[Objects]]:
    """The data sets' objects of each size; a set without any is left out.

    Nothing where all objects have one size.
    """
    by_size: dict[str, list[Objects]] = {}
    for size in SIZE_BOUNDS:
        of_size = [
            [result for result in objects if size_class(result.area, result.photo_pixels) == size]
            for objects in sets
        ]
        if any(of_size):
            by_size[size] = [objects for objects in of_size if objects]
    return by_size if len(by_size) > 1 else {}


def figures_row(
    label: str,
    name: str,
    sets: Sequence[Objects],
    columns: Sequence[Column],
    size: str = ALL_SIZES,
) -> list[str]:
    """The cells of one row: run, data sets, size, objects and every figure."""
    if size != ALL_SIZES and len(sets) > 1:
        size = f"{size}, of {len(sets)} folders"
    count = sum(map(len, sets))
    return [label, name, size, str(count), *(cell(column, sets) for column in columns)]


def cell(column: Column, sets: Sequence[Objects]) -> str:
    """Mean over data sets of a figure, with its interval."""
    return with_interval(interval(column, sets), column, "")


def interval(column: Column, sets: Sequence[Objects]) -> Interval:
    """Mean over data sets of a figure."""
    return figure_interval(
        [
            (np.array([column.terms(result) for result in objects]), photos_of(objects))
            for objects in sets
        ],
        column.figure,
    )


def photos_of(objects: Objects) -> list[str]:
    """The photo of each object."""
    return [result.photo for result in objects]


def difference_rows(entry: Entry, first: Entry, columns: Sequence[Column]) -> list[list[str]]:
    """What a run has more than the first one, over the objects and sets that both have."""
    of_first = {
        (data.name, result.photo, result.index): result
        for data, results in zip(first.data, first.results, strict=True)
        for result in results.objects
    }
    pairs_of: dict[str, list[tuple[ObjectResult, ObjectResult]]] = {}
    for data, results in zip(entry.data, entry.results, strict=True):
        pairs_of[data.name] = [
            (result, of_first[data.name, result.photo, result.index])
            for result in results.objects
            if (data.name, result.photo, result.index) in of_first
        ]
    groups = {name: [pairs] for name, pairs in pairs_of.items()}
    if len(groups) > 1:
        shared = [pairs for pairs in pairs_of.values() if pairs]
        groups[f"{entry.title}, mean over {len(shared)} folders"] = shared
    rows = []
    for name, sets in groups.items():
        cells = [difference(column, sets) if any(sets) else "-" for column in columns]
        count = sum(map(len, sets))
        rows.append([f"{entry.label} - {first.label}", name, ALL_SIZES, str(count), *cells])
    return rows


def difference(column: Column, sets: Sequence[Sequence[tuple[ObjectResult, ObjectResult]]]) -> str:
    """Mean over data sets of what one run has more than another, with its interval."""
    terms = [
        (
            np.array([[*column.terms(ours), *column.terms(theirs)] for ours, theirs in pairs]),
            [ours.photo for ours, _ in pairs],
        )
        for pairs in sets
    ]
    half = terms[0][0].shape[1] // 2
    gain = figure_interval(
        terms, lambda sums: column.figure(sums[..., :half]) - column.figure(sums[..., half:])
    )
    return with_interval(gain, column, "+")


def with_interval(interval: Interval, column: Column, sign: str) -> str:
    """Such as `62.1 [60.1, 64.2]`; `sign` "+" shows the sign of positive numbers too."""
    return f"{interval:{sign}.{column.digits}f}"
