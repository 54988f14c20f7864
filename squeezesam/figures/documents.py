"""The page of figures: its tables, and the places in other documents that quote them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam.evaluation.people import PersonRow, person_table
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import (
    ALL_SIZES,
    Entry,
    Objects,
    entries_by_table,
    figures_row,
    protocol_of,
    sets_by_size,
    small_print,
)
from squeezesam.evaluation.saliency import HEADER as HEAT_HEADER
from squeezesam.figures.measuring import HELD_OUT, Heat, MeasuredNetworks, Plan
from squeezesam.files import content_hash, whole_file
from squeezesam.terminal import markdown_table

MOST_SETS = 5
"""A folder of more sets than this has its mean alone in tables that span all sets."""

PEOPLE = "people"

HEAT_MEANING = (
    "MAE: mean absolute error, 0 to 1. Max F: the best F-measure that one threshold gives over all "
    "photos. IoU: of what is hotter than one half, in percent. The heat map of each photo is held "
    "against its whole objects of at least a third of the largest one's area. In brackets: 95 % "
    "bootstrap intervals over photos."
)


BRIEF_MEANING = (
    "IoU in percent after 1, 3 and 5 clicks of a simulated user, with 95 % bootstrap intervals "
    "over photos."
)


@dataclass(frozen=True)
class FigureTable:
    """One table of the page.

    Attributes:
        title: heading.
        text: the table in markdown, and what its columns mean.
        command: measures the same alone.
        made: the measurements that it is made of.
        weights: SHA-256 of each weights file that it depends on, by name.
    """

    title: str
    text: str
    command: str
    made: tuple[Evaluation | Heat, ...]
    weights: dict[str, str]


@dataclass(frozen=True)
class Kind:
    """What a table shows.

    Attributes:
        title: heading.
        protocol: whose results.
        shown: whether it has a column, by its title.
        by_size: a row for each size of object instead of one for all.
        folders: every set of the folders with many, and nothing else.
        brief: one row for each folder and no definitions, for a document that begins with it; the
            page of figures leaves it out.
    """

    title: str
    protocol: str
    shown: Callable[[str], bool] = bool
    by_size: bool = False
    folders: bool = False
    brief: bool = False


def of_few_clicks(title: str) -> bool:
    """Whether a column is one of the three that say most."""
    return title in ("IoU@1", "IoU@3", "IoU@5")


def of_iou(title: str) -> bool:
    """Whether a column is the IoU after some clicks."""
    return title.startswith("IoU@")


def of_harm(title: str) -> bool:
    """Whether a column is of harm that clicks do."""
    return title.startswith("harm")


def of_neither(title: str) -> bool:
    """Whether a column is another one of protocol `clicks`."""
    return not of_iou(title) and not of_harm(title)


KINDS = {
    "summary": Kind("In short", "clicks", of_few_clicks, brief=True),
    "accuracy": Kind("Clicks", "clicks", of_iou),
    "varied": Kind("Clicks, set by set", "clicks", of_iou, folders=True),
    "sizes": Kind("Clicks, by size of the object", "clicks", of_iou, by_size=True),
    "boundary": Kind("Clicks to reach an IoU, and boundaries", "clicks", of_neither),
    "harm": Kind("Harm done by clicks", "clicks", of_harm),
    "choice": Kind("The choice among the masks of one click", "choice"),
    "parts": Kind("One click on a part", "parts"),
    "box": Kind("A box", "box"),
    "no-click": Kind("Without a click", "salient"),
}
NAMES = (*KINDS, "people", "heat")
"""Names of all tables, in the order of the page; a document quotes a table by its name."""


def all_tables(plan: Plan, measured: MeasuredNetworks) -> dict[str, FigureTable]:
    """Every table that the measured sets give, by name."""
    limit = "" if plan.limit is None else f" --limit {plan.limit}"
    options = limit if plan.size is None else f"{limit} --size {plan.size}"
    prompted = [one for evaluations in measured.prompted.values() for one in evaluations]
    found = {
        name: evaluated_table(kind, [*prompted, *measured.automatic], options)
        for name, kind in KINDS.items()
    }
    found["people"] = people_table(measured)
    found["heat"] = heat_table(measured, plan.detector, limit)
    return {name: table for name, table in found.items() if table is not None}


def evaluated_table(
    kind: Kind, evaluations: Sequence[Evaluation], options: str
) -> FigureTable | None:
    """A table of results of `squeezesam eval`; None where there are no such results."""
    used = [
        (evaluation, entry)
        for evaluation in evaluations
        for (entry,) in entries_by_table([evaluation])
        if entry.results[0].protocol == kind.protocol
        and (not kind.folders or len(entry.data) > MOST_SETS)
    ]
    if not used:
        return None
    protocol = protocol_of(used[0][1].results[0])
    columns = [column for column in protocol.measures if kind.shown(column.title)]
    rows = [
        figures_row(entry.label, name, sets, columns, size)
        for _, entry in used
        for name, size, sets in groups_shown(kind, entry)
    ]
    header = ["weights", "set", "size", "objects", *(column.title for column in columns)]
    if not kind.by_size:
        header, *rows = ([*row[:2], *row[3:]] for row in (header, *rows))
    meaning = BRIEF_MEANING if kind.brief else f"{protocol.definition} {small_print()}"
    places = dict.fromkeys(f"DATA/val/{entry.title}" for _, entry in used)
    return FigureTable(
        kind.title,
        f"{markdown_table(header, rows)}\n\n{meaning}",
        f"squeezesam eval --data {' '.join(places)} --protocol {kind.protocol}{options}",
        tuple(evaluation for evaluation, _ in used),
        files_of([evaluation for evaluation, _ in used]),
    )


def files_of(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """SHA-256 of each file that was evaluated, by name."""
    return {name: sha for one in evaluations for name, sha in one.subject.files.items()}


def groups_shown(kind: Kind, entry: Entry) -> Iterator[tuple[str, str, list[Objects]]]:
    """Name, size and objects of each row for one set or folder of sets."""
    *sets, (whole, objects) = entry.groups.items()
    if kind.by_size:
        by_size = sets_by_size(objects) or {ALL_SIZES: objects}
        yield from ((whole, size, of_size) for size, of_size in by_size.items())
        return
    if kind.folders or (not kind.brief and len(sets) <= MOST_SETS):
        for name, of_set in sets:
            yield f"{entry.title}: {name}", ALL_SIZES, of_set
    yield whole, ALL_SIZES, objects


def people_table(measured: MeasuredNetworks) -> FigureTable | None:
    """One click against none, on the largest person of each photo; None without both results."""
    clicks, automatic = (
        largest_ious(evaluations, protocol)
        for evaluations, protocol in (
            (next(iter(measured.prompted.values())), "clicks"),
            (measured.automatic, "salient"),
        )
    )
    if not clicks or not automatic:
        return None
    rows = [PersonRow("one click", clicks), PersonRow("no click", automatic)]
    used = [*next(iter(measured.prompted.values())), *measured.automatic]
    of_people = [one for one in used if is_of_people(one)]
    return FigureTable(
        "People: one click and none",
        person_table(rows),
        f"squeezesam people-table --data DATA/val/{PEOPLE}",
        tuple(of_people),
        files_of(of_people),
    )


def is_of_people(evaluation: Evaluation) -> bool:
    """Whether an evaluation is of the set of that name."""
    return PEOPLE in (evaluation.data[0].parent, evaluation.data[0].name)


def largest_ious(evaluations: Sequence[Evaluation], protocol: str) -> dict[str, dict[str, float]]:
    """First IoU of the largest person of each photo, by data set and photo."""
    found: dict[str, dict[str, float]] = {}
    for evaluation in filter(is_of_people, evaluations):
        for data in evaluation.data:
            (result,) = (one for one in data.protocols if one.protocol == protocol)
            by_size = sorted(result.objects, key=lambda one: one.area)
            found[data.name] = {one.photo: one.ious[0] for one in by_size}
    return found


def heat_table(measured: MeasuredNetworks, detector: Path, options: str) -> FigureTable | None:
    """How good the detector's heat maps are; None where they were not measured."""
    rows = [row for heat in measured.heat.values() for row in heat.rows]
    made = list(measured.heat.values())
    commands = []
    if rows:
        places = " ".join(f"DATA/val/{name}" for name in measured.heat)
        commands.append(f"squeezesam saliency --data {places}{options}")
    if measured.held_out is not None:
        rows += [[f"{row[0]}, held-out fifth", *row[1:]] for row in measured.held_out.rows]
        made.append(measured.held_out)
        commands.append(f"squeezesam saliency --data DATA/{HELD_OUT} --held-out{options}")
    if not rows:
        return None
    return FigureTable(
        "Heat maps of the detector",
        f"{markdown_table(HEAT_HEADER, rows)}\n\n{HEAT_MEANING}",
        "` and `".join(commands),
        tuple(made),
        {detector.name: content_hash(detector).hexdigest()},
    )


BLOCK = re.compile(
    r"(?P<begin><!-- figures:begin (?P<name>\S+) -->\n).*?(?P<end><!-- figures:end -->)", re.DOTALL
)
MARKER = re.compile(r"<!-- figures:(begin|end)")

WEIGHTS = "weights"
QUOTABLE = (WEIGHTS, *NAMES)
"""What a block can hold, by name."""

NOT_COVERED = (
    "It holds the numbers that depend on the weights alone. Numbers that also depend on artifacts "
    "or on time are in [export and verify](export.md), [quantization](quantization.md) and "
    "[benchmarks](benchmarks.md). No test checks what other documents say about the weights in "
    "their own words."
)


def check_documents(paths: Sequence[Path]) -> None:
    """See before the work that every document has blocks, and that they can be filled.

    Raises:
        ConfigError: a document cannot be read, has no block, or one that is unknown or not closed.
    """
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path} ({error}); name a markdown file") from error
        names = [block["name"] for block in BLOCK.finditer(text)]
        if not names or len(MARKER.findall(text)) != 2 * len(names):
            raise ConfigError(
                f"{path} has no block, or one that is not closed; write `<!-- figures:begin NAME "
                "-->` and `<!-- figures:end -->`, each on a line of its own"
            )
        for name in names:
            if name not in QUOTABLE:
                raise ConfigError(
                    f"{path} asks for unknown figures {name!r}; choose any of {', '.join(QUOTABLE)}"
                )


def fill_blocks(path: Path, tables: Mapping[str, FigureTable], plan: Plan) -> None:
    """Write the tables that a document asks for between its markers.

    Raises:
        OutputError: it cannot be written.
    """

    def filled(block: re.Match[str]) -> str:
        return f"{block['begin']}{block_text(block['name'], tables, plan)}\n{block['end']}"

    text = BLOCK.sub(filled, path.read_text(encoding="utf-8"))
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def block_text(name: str, tables: Mapping[str, FigureTable], plan: Plan) -> str:
    """What stands between the markers of one block."""
    if name == WEIGHTS:
        return weights_table(plan)
    if name not in tables:
        return "Not measured: no set for it was there."
    return with_origin(tables[name], plan)


def weights_table(plan: Plan) -> str:
    """The weights files that all figures depend on."""
    rows = [
        [f"`{path.name}`", f"{path.stat().st_size / 1e6:.1f}", f"`{sha(path)}`"]
        for path in (*plan.models.values(), plan.detector)
    ]
    return markdown_table(["file", "MB", "SHA-256"], rows)


def sha(path: Path) -> str:
    """SHA-256 of a file."""
    return content_hash(path).hexdigest()


def with_origin(table: FigureTable, plan: Plan) -> str:
    """A table, and below it how, when, where and with which weights it was made."""
    days = sorted({one.started_at.partition("T")[0] for one in table.made})
    places = sorted(
        {
            f"torch {one.tools.get('torch')} and numpy {one.tools.get('numpy')} on "
            f"{one.machine['cores']} cores, {one.machine['system']}"
            for one in table.made
        }
    )
    weights = ", ".join(f"`{name}` SHA-256 `{value}`" for name, value in table.weights.items())
    origin = (
        f"`{table.command}`, PyTorch in fp32, {' to '.join(dict.fromkeys((days[0], days[-1])))}, "
        f"{'; '.join(places)}. Weights: {weights}."
    )
    return "\n\n".join([table.text, *quick_look(plan), origin])


def quick_look(plan: Plan) -> list[str]:
    """A sentence where not all photos were used."""
    if plan.limit is None:
        return []
    return [f"**A quick look: at most {plan.limit} photos of each data set.**"]


def write_page(
    path: Path, tables: Mapping[str, FigureTable], pictures: Sequence[Path], plan: Plan
) -> None:
    """Write the page of all tables and pictures.

    Raises:
        OutputError: it cannot be written.
    """
    which = (
        "" if plan.limit is None else f" on at most {plan.limit} photos of each set: a quick look"
    )
    drawn = [f"![{picture.stem}](pictures/{picture.name})" for picture in pictures]
    first = next(iter(plan.models.values()))
    sections = [
        f"# Results{which}",
        "`squeezesam figures --data DATA` writes this whole page, and is run again whenever the "
        f"weights change. Do not edit the page by hand. {NOT_COVERED}",
        "## Weights",
        weights_table(plan),
        *(
            text
            for name, table in tables.items()
            if name not in KINDS or not KINDS[name].brief
            for text in (f"## {table.title}", with_origin(table, plan))
        ),
        "## Pictures",
        f"Drawn with `{first.name}` SHA-256 `{sha(first)}` and `{plan.detector.name}` SHA-256 "
        f"`{sha(plan.detector)}`, on photos that were held out from training.",
        *drawn,
    ]
    with whole_file(path) as partial:
        partial.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
