"""Tables for the terminal and for documents."""

from collections.abc import Collection, Sequence

from squeezesam.printing import printable


def aligned_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Collection[str]
) -> str:
    """Lines whose columns are two spaces apart.

    Args:
        header: names of the columns.
        rows: the cells of each row, as many as there are columns.
        text_columns: names of those aligned to the left; the others, numbers, go to the right.
    """
    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in text_columns else cell.rjust(width)
            for name, cell, width in zip(header, cells, widths, strict=True)
        ).rstrip()
        for cells in (header, *rows)
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table whose columns line up in plain text as well."""
    rows = [[printable(cell).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |"
        for line in lines
    )
