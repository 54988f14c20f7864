"""The page of a report: one HTML file that needs no network and no other file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import MissingDependencyError
from squeezesam.files import whole_file
from squeezesam_benchmarks.page.charts import (
    alternatives,
    devices,
    distribution,
    endurance,
    memory,
    pipeline,
)
from squeezesam_benchmarks.page.drawing import Chart, as_svg
from squeezesam_benchmarks.results.formatting import FilledTable
from squeezesam_benchmarks.results.records import Result
from squeezesam_benchmarks.results.report import SEVERAL_RUNS, filled_tables
from squeezesam_benchmarks.results.rows import (
    ResultRow,
    group_by_run,
    heading,
    rows_of_run,
    run_facts,
)

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class DrawnChart:
    """A chart whose figure is an SVG element."""

    chart: Chart
    svg: str


@dataclass(frozen=True)
class RunSection:
    """What the page says of one run."""

    heading: str
    facts: dict[str, str]
    charts: tuple[DrawnChart, ...]
    tables: tuple[FilledTable, ...]


def write_page(results: Sequence[Result], baseline: str | None, path: Path) -> None:
    """Write the page.

    Args:
        results: at least one, of any number of runs.
        baseline: artifact or variant of which rows give their speed as a multiple.
        path: of the HTML file.

    Raises:
        MissingDependencyError: what draws it is not installed.
        OutputError: the place cannot be written to.
    """
    text = page(results, baseline)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def page(results: Sequence[Result], baseline: str | None) -> str:
    """The page as HTML; see `write_page`."""
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        raise MissingDependencyError(
            "the page needs jinja2; pip install 'squeezesam[report]'"
        ) from error
    runs = group_by_run(results)
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        runs=[_section(run, baseline, f"run{number}") for number, run in enumerate(runs, start=1)],
        between=_drawn(_known(devices(runs)), "between"),
        warning=SEVERAL_RUNS if len(runs) > 1 else None,
    )


def _section(run: Sequence[Result], baseline: str | None, name: str) -> RunSection:
    rows = rows_of_run(run)
    return RunSection(
        heading=heading(run),
        facts=run_facts(run),
        charts=_drawn(run_charts(rows, baseline), name),
        tables=tuple(filled_tables(rows, baseline)),
    )


def run_charts(rows: Sequence[ResultRow], baseline: str | None) -> Iterator[Chart]:
    """The charts of one run that there are samples for; adding one is a line here."""
    timed = [row for row in rows if not row.emulations]
    yield from _known(alternatives(timed, baseline), distribution(timed), pipeline(timed))
    yield from memory(timed)
    yield from _known(endurance(timed))


def _known(*charts: Chart | None) -> list[Chart]:
    return [chart for chart in charts if chart]


def _drawn(charts: Iterable[Chart], name: str) -> tuple[DrawnChart, ...]:
    return tuple(
        DrawnChart(chart, as_svg(chart.figure, f"{name}-chart{number}"))
        for number, chart in enumerate(charts, start=1)
    )
