"""Results files: samples of timings, and of evaluations."""

from pathlib import Path

from bench_results import HOST, run_of, steady, write_results
from test_evaluation_report import evaluation

from squeezesam.evaluation.records import read_evaluation, write_evaluation
from squeezesam.evaluation.report import markdown_report
from squeezesam_benchmarks.results.comparison import compare_results
from squeezesam_benchmarks.results.records import read_results
from tests.fuzz.engine import Target


def check_bench(path: Path) -> None:
    """Read, and compare with itself."""
    results = read_results(path)
    compare_results(results, results, "model")


def check_evaluation(path: Path) -> None:
    """Read, and report on it beside itself."""
    evaluation = read_evaluation(path)
    markdown_report([evaluation, evaluation])


def prepare_bench(folder: Path) -> None:
    """Six processes on one artifact."""
    write_results(folder / "bench.jsonl", run_of(steady((10, 11, 12, 13, 14, 15)), device=HOST))


def prepare_evaluation(folder: Path) -> None:
    """Clicks on a few photos."""
    write_evaluation(evaluation(), folder / "results.json")


TARGETS = (
    Target("bench-results", prepare_bench, check_bench),
    Target("evaluations", prepare_evaluation, check_evaluation),
)
