"""The page of figures, and the places in other documents that quote its tables."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam.figures.measuring import Plan
from squeezesam.figures.tables import KINDS, NAMES, Table
from squeezesam.files import content_hash, whole_file
from squeezesam.tables import markdown_table

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


def fill_blocks(path: Path, tables: Mapping[str, Table], plan: Plan) -> None:
    """Write the tables that a document asks for between its markers.

    Raises:
        OutputError: it cannot be written.
    """

    def filled(block: re.Match[str]) -> str:
        return f"{block['begin']}{block_text(block['name'], tables, plan)}\n{block['end']}"

    text = BLOCK.sub(filled, path.read_text(encoding="utf-8"))
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def block_text(name: str, tables: Mapping[str, Table], plan: Plan) -> str:
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


def with_origin(table: Table, plan: Plan) -> str:
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
    path: Path, tables: Mapping[str, Table], pictures: Sequence[Path], plan: Plan
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
