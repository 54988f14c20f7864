"""Tables for the terminal."""

from collections.abc import Collection, Sequence


def aligned_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Collection[str]
) -> str:
    """Lines whose columns are two spaces apart.

    Args:
        header: names of the columns.
        rows: as many cells as there are columns.
        text_columns: names of those aligned to the left; the others, numbers, go to the right.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in text_columns else cell.rjust(width)
            for name, cell, width in zip(header, cells, widths, strict=True)
        ).rstrip()
        for cells in (header, *rows)
    )
