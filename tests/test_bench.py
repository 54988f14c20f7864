import dataclasses
import json
import signal
import subprocess
import sys

import pytest

from squeezesam.cli import main
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.interleaving import time_interleaved
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results import statistics
from squeezesam_benchmarks.results.records import ResultsFile, read_results
from squeezesam_benchmarks.results.report import report

QUICK = Protocol(
    warm_up_inferences=1,
    timed_inferences=3,
    pipeline_runs=2,
    photo_width_px=48,
    photo_height_px=64,
    sustained_s=0.01,
    rounds=2,
)


@pytest.fixture(scope="module")
def results(subjects):
    return list(time_interleaved(Host(), [*subjects.values()], [1], QUICK, "test"))


def test_every_process_reports_raw_samples(results):
    assert len(results) == 4
    assert {result.measurement.runtime for result in results} == {"onnxruntime", "executorch"}
    assert {result.round_index for result in results} == {0, 1}
    for result in results:
        assert len(result.measurement.warm_samples_ms) == 3
        assert min(result.measurement.warm_samples_ms) > 0
        assert result.measurement.load_ms > 0
        assert len(result.measurement.pipeline_samples) == 2
        assert result.measurement.pipeline_samples[0].model_ms > 0
        assert sum(result.measurement.sustained_samples_ms) > 5
        assert result.artifact.size_bytes > 1000


def test_results_survive_the_file(results, tmp_path):
    path = tmp_path / "results.jsonl"
    for result in results:
        ResultsFile(path).add(result)
    assert read_results(path) == results


def test_each_result_is_in_the_file_at_once(results, tmp_path):
    path = tmp_path / "results.jsonl"
    kept = ResultsFile(path)
    for count, result in enumerate(results, start=1):
        kept.add(result)
        assert read_results(path) == results[:count]
    assert list(tmp_path.iterdir()) == [path]


def test_report_compares_with_the_baseline(results):
    table = report(results, "nano")
    assert "nano_onnx_fp32.onnx" in table
    assert "1.00 [" in table


def test_median_and_ratio_of_known_numbers():
    slow, fast = [(10.0, 10.0, 10.0), (10.0, 10.0, 10.0)], [(2.0, 2.0, 2.0), (2.0, 2.0, 2.0)]
    assert statistics.median(slow).value == 10
    ratio = statistics.ratio_of_medians(fast, slow)
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((5, 5, 5))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--artifacts", "missing"],
        ["peers", "--threads", "0"],
        ["peers", "--threads", "two"],
        ["peers", "--iterations", "0"],
        ["report", "missing.jsonl"],
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def bad_lines(result):
    measurement = dataclasses.asdict(result.measurement)

    def with_samples(*samples):
        changed = {**measurement, "warm_samples_ms": samples}
        return json.dumps({**dataclasses.asdict(result), "measurement": changed})

    return {
        "not json": "not json",
        "too deep": "[" * 100_000,
        "NaN": with_samples(float("nan")),
        "infinite": with_samples(float("inf")),
        "negative": with_samples(-1.0),
    }


@pytest.mark.parametrize("fault", ["not json", "too deep", "NaN", "infinite", "negative"])
def test_a_bad_line_is_named(fault, results, tmp_path, capsys):
    path = tmp_path / "results.jsonl"
    good = json.dumps(dataclasses.asdict(results[0]))
    path.write_text(f"{good}\n{bad_lines(results[0])[fault]}\n")
    assert main(["bench", "report", str(path)]) == 2
    said = capsys.readouterr().err
    assert "line 2" in said
    assert said.count("\n") == 1


def test_a_terminated_run_keeps_its_results(weights, shared, tmp_path):
    kept = tmp_path / "kept"
    export = ("--target", "onnx", "--precision", "fp32", "--size", 64)
    artifacts = shared.export("--no-detector", "--weights", weights, *export)
    words = ["--artifacts", artifacts, "--threads", "1", "--rounds", "1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "squeezesam", "bench", "run", *words, "--out", kept / "r.jsonl"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "[1/1000]" in process.stderr.readline()
    process.terminate()
    assert "Traceback" not in process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert read_results(kept / "r.jsonl")
    assert [path.name for path in kept.iterdir()] == ["r.jsonl"]
