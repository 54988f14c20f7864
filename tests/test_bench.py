import dataclasses
import json

import pytest

from squeezesam.cli import main
from squeezesam_benchmarks import statistics
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.interleaving import time_interleaved
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.report import report
from squeezesam_benchmarks.results_file import added_results, read_results
from squeezesam_benchmarks.subjects import random_subjects

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
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    subjects = random_subjects(["nano"], ["onnx", "executorch"], folder, lambda _: None, size=64)
    return list(time_interleaved(Host(), subjects, [1], QUICK, "test"))


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
    with added_results(path) as listed:
        listed += results[:2]
    with added_results(path) as listed:
        listed += results[2:]
    assert read_results(path) == results


def test_samples_already_taken_survive_an_interruption(results, tmp_path):
    path = tmp_path / "results.jsonl"

    def interrupted():
        with added_results(path) as listed:
            listed.append(results[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_results(path) == results[:1]


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


def test_a_bad_line_is_named(results, tmp_path, capsys):
    path = tmp_path / "results.jsonl"
    good = json.dumps(dataclasses.asdict(results[0]))
    path.write_text(f"{good}\nnot json\n")
    assert main(["bench", "report", str(path)]) == 2
    assert "line 2" in capsys.readouterr().err
