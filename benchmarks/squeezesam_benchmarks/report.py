"""Results as aligned markdown tables for each run."""

from collections.abc import Sequence

from squeezesam.tables import markdown_table
from squeezesam_benchmarks.report_tables import filled_tables
from squeezesam_benchmarks.rows import group_by_run, rows_of_run
from squeezesam_benchmarks.run_facts import heading, run_facts
from squeezesam_benchmarks.schema import Result
from squeezesam_benchmarks.table_layout import FilledTable

SEVERAL_RUNS = (
    "Runs were not interleaved with one another: a ratio between rows of different runs holds the "
    "drift of the machine as well. squeezesam bench compare judges two results files."
)


def report(results: Sequence[Result], baseline: str | None = None) -> str:
    """A section for each run.

    Args:
        results: of any number of runs.
        baseline: artifact or variant of which each row gives its speed as a multiple.
    """
    runs = group_by_run(results)
    sections = [_section(run, baseline) for run in runs]
    return "\n\n".join([*sections, SEVERAL_RUNS] if len(runs) > 1 else sections)


def _section(run: Sequence[Result], baseline: str | None) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in run_facts(run).items())
    tables = [_table(table) for table in filled_tables(rows_of_run(run), baseline)]
    return "\n\n".join([f"### {heading(run)}", facts, *tables])


def _table(table: FilledTable) -> str:
    return f"**{table.title}.** {table.about}\n\n{markdown_table(table.header, table.cells)}"
