import itertools

import numpy as np
import pytest
from bench_results import (
    EMULATED,
    EMULATION,
    HOST,
    PHONE,
    measured,
    pipeline,
    run_of,
    steady,
    write_results,
)

from squeezesam.cli import main
from squeezesam_benchmarks.results.comparison import (
    RowVerdict,
    compare_results,
    differences,
    rows_missing,
)
from squeezesam_benchmarks.results.statistics import critical_rank_sum, shift_of_medians

STEADY = (10.0, 10.1, 10.2, 10.3, 10.4, 10.5)
"""Medians of the processes of one run, in ms."""


PARTS_MS = (3.0, 10.0, 5.0)


def slower(times: float):
    return [median * times for median in STEADY]


# Two-sided, 5 %: any textbook's table of the Mann-Whitney U.
@pytest.mark.parametrize(
    ("count", "other_count", "critical"),
    [
        (0, 9, None),
        (2, 7, None),
        (2, 8, 0),
        (3, 3, None),
        (3, 4, None),
        (3, 5, 0),
        (4, 4, 0),
        (5, 5, 2),
        (6, 6, 5),
        (8, 6, 8),
        (7, 15, 24),
        (10, 10, 23),
        (20, 20, 127),
    ],
)
def test_critical_values_are_those_of_the_tables(count, other_count, critical):
    assert critical_rank_sum(count, other_count) == critical
    assert critical_rank_sum(other_count, count) == critical


@pytest.mark.parametrize(("count", "other_count"), [(4, 4), (5, 4), (6, 5)])
def test_exactly_the_orders_beyond_the_critical_value_are_less_than_the_tail(count, other_count):
    total = count + other_count
    us = [
        sum(later > one for one in chosen for later in set(range(total)) - set(chosen))
        for chosen in itertools.combinations(range(total), count)
    ]
    critical = critical_rank_sum(count, other_count)
    assert np.mean([u <= critical for u in us]) <= 0.025
    assert np.mean([u <= critical + 1 for u in us]) > 0.025


def test_the_interval_is_made_of_the_ratios_that_the_test_does_not_reject():
    ones, others = (1.0, 2.0, 4.0, 8.0), (3.0, 6.0, 12.0, 24.0)
    ratios = sorted(other / one for one in ones for other in others)
    shift = shift_of_medians(ones, others)  # critical value 0: nothing is cut off
    assert (shift.low, shift.high) == pytest.approx((ratios[0], ratios[-1]))
    assert shift.value == pytest.approx(3)
    swapped = shift_of_medians(others, ones)
    assert (swapped.low, swapped.high) == pytest.approx((1 / shift.high, 1 / shift.low))


def test_five_against_five_cuts_two_ratios_off_each_end():
    rng = np.random.default_rng(0)
    ones, others = rng.lognormal(size=5), rng.lognormal(size=5)
    ratios = sorted((others[:, None] / ones).ravel())
    shift = shift_of_medians(ones, others)
    assert (shift.low, shift.high) == pytest.approx((ratios[2], ratios[-3]))


@pytest.mark.parametrize(("count", "level"), [(4, 2 / 70), (5, 8 / 252), (6, 38 / 924)])
@pytest.mark.parametrize("draw", ["normal", "standard_cauchy"])
def test_sets_without_a_difference_come_out_as_different_as_often_as_counted(count, level, draw):
    rng = np.random.default_rng(count)
    cases, apart = 2000, 0
    for _ in range(cases):
        ones, others = np.exp(0.01 * getattr(rng, draw)(size=(2, count)))
        shift = shift_of_medians(ones, others)
        apart += not shift.low <= 1 <= shift.high
    assert level < 0.05
    assert abs(apart / cases - level) < 3 * np.sqrt(level * (1 - level) / cases)


def test_the_interval_holds_the_true_ratio():
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(1000):
        shift = shift_of_medians(rng.lognormal(size=6), 1.3 * rng.lognormal(size=6))
        missed += not shift.low <= 1.3 <= shift.high
    assert missed / 1000 <= 0.05


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        (1.1, RowVerdict.WORSE),
        (0.9, RowVerdict.BETTER),
        (1.0, RowVerdict.INDISTINGUISHABLE),
        (1.01, RowVerdict.INDISTINGUISHABLE),
    ],
)
def test_verdicts_on_planted_differences(times, verdict):
    (one,) = compare_results(run_of(steady(STEADY)), run_of(steady(slower(times))))
    assert one.verdict is verdict
    assert one.ratio.low <= times <= one.ratio.high
    assert one.ratio.value == pytest.approx(times)
    assert one.before == STEADY


def test_one_process_is_one_number_however_many_samples_it_took():
    noisy = [measured([median] * 3 + [1000.0] * 2) for median in STEADY]
    (one,) = compare_results(run_of(steady(STEADY)), run_of(noisy))
    assert one.verdict is RowVerdict.INDISTINGUISHABLE
    assert one.after == STEADY


def test_too_few_processes_are_said_and_never_decided():
    (one,) = compare_results(run_of(steady([10, 10.1, 10.2])), run_of(steady([90, 91, 92])))
    assert one.verdict is RowVerdict.UNDECIDED
    assert one.ratio is None
    assert one.reason == "too few processes: 3 and 3; give --rounds 4 or more"


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        (
            "pipeline",
            lambda times: {"pipeline_samples": pipeline(*np.multiply(PARTS_MS, times))},
        ),
        ("load", lambda times: {"load_ms": 20.0 * times}),
        ("first", lambda times: {"first_inference_ms": 12.0 * times}),
        ("memory", lambda times: {"peak_memory_bytes": int(2e8 * times)}),
    ],
)
def test_every_metric_reads_its_own_samples(metric, change):
    before = run_of(steady(STEADY, **change(1.0)))
    after = run_of(steady(STEADY, **change(1.25)))
    (one,) = compare_results(before, after, metric)
    assert one.verdict is RowVerdict.WORSE
    assert one.ratio.value == pytest.approx(1.25)
    (model,) = compare_results(before, after)
    assert model.verdict is RowVerdict.INDISTINGUISHABLE


@pytest.mark.parametrize(
    ("after", "metric", "reason"),
    [
        (run_of(steady(STEADY)), "pipeline", "no whole pipeline before"),
        (run_of(steady(STEADY, memory_kind="pss")), "memory", "peak memory counted as pss and rss"),
        (run_of(steady(STEADY, load_ms=0.0)), "load", "a loading of 0 ms"),
        (
            run_of(steady(STEADY)) + run_of(steady(STEADY), run_id="other", sha256="11"),
            "model",
            "several files of this name on one side",
        ),
        (
            run_of(steady(STEADY))
            + run_of(steady(STEADY), device=HOST.__class__("host", *[None] * 5)),
            "model",
            "several devices on one side",
        ),
    ],
)
def test_what_does_not_compare_is_undecided_with_its_reason(after, metric, reason):
    (one,) = compare_results(run_of(steady(STEADY)), after, metric)
    assert one.verdict is RowVerdict.UNDECIDED
    assert one.reason == reason


def test_rows_are_told_apart_by_artifact_runtime_backend_threads_and_place():
    variants = [
        run_of(steady(STEADY)),
        run_of(steady(STEADY), name="base_onnx_int8.onnx", precision="int8"),
        run_of(steady(STEADY, threads=2)),
        run_of(steady(STEADY, backend="GPU")),
        run_of(steady(STEADY), device=PHONE),
    ]
    results = [result for variant in variants for result in variant]
    assert len(compare_results(results, results)) == 5
    missing = rows_missing(results, variants[0])
    assert len(missing) == 4
    assert rows_missing(variants[0], results) == []


def test_emulated_rows_are_not_compared():
    counted = run_of([measured((), emulation=EMULATION)] * 6, device=EMULATED)
    assert compare_results(counted, counted) == []


def test_other_circumstances_are_named():
    before = run_of(steady(STEADY), device=PHONE)
    after = run_of(steady(STEADY), run_id="other", device=HOST)
    found = differences(before, after)
    assert "device model differs: synthetic phone before, synthetic machine after" in found
    assert not any("protocol" in sentence for sentence in found)
    updated = run_of(steady(STEADY, runtime_version="2.0"), run_id="other", device=PHONE)
    assert differences(before, updated) == ["onnxruntime version differs: 1.0 before, 2.0 after"]
    assert differences(before, before) == ["both hold results of run run"]


@pytest.fixture
def files(tmp_path):
    return (
        write_results(tmp_path / "before.jsonl", run_of(steady(STEADY))),
        write_results(tmp_path / "same.jsonl", run_of(steady(slower(1.005)), run_id="other")),
        write_results(tmp_path / "slower.jsonl", run_of(steady(slower(1.1)), run_id="other")),
    )


def compare(*arguments):
    return main(["bench", "compare", *map(str, arguments)])


def test_a_regression_beyond_the_bound_is_named_and_exits_1(files, capsys):
    before, _, worse = files
    assert compare(before, worse, "--max-slower", 5) == 1
    said = capsys.readouterr()
    assert "slower" in said.out
    assert said.err.count("\n") == 1
    assert "base_onnx_fp32.onnx" in said.err
    assert "10.0 %" in said.err


@pytest.mark.parametrize("bound", [(), ("--max-slower", 10.1)])
def test_a_regression_within_the_bound_or_without_one_is_only_reported(files, capsys, bound):
    before, _, worse = files
    assert compare(before, worse, *bound) == 0
    assert "| slower" in capsys.readouterr().out


def test_no_difference_passes_the_strictest_bound(files, capsys):
    before, same, _ = files
    assert compare(before, same, "--max-slower", 0) == 0
    assert "indistinguishable" in capsys.readouterr().out


def test_faster_passes(files):
    before, _, worse = files
    assert compare(worse, before, "--max-slower", 0) == 0


def test_a_bound_on_rows_that_cannot_be_judged_does_not_pass(tmp_path, capsys):
    few = write_results(tmp_path / "few.jsonl", run_of(steady(STEADY[:3])))
    assert compare(few, few) == 0
    assert compare(few, few, "--max-slower", 5) == 2
    assert "too few processes" in capsys.readouterr().err


def test_a_row_that_is_gone_does_not_pass_a_bound(files, tmp_path, capsys):
    more = run_of(steady(STEADY)) + run_of(steady(STEADY, threads=2))
    both = write_results(tmp_path / "both.jsonl", more)
    assert compare(both, files[0], "--max-slower", 50) == 2
    said = capsys.readouterr()
    assert f"{files[0]} lacks" in said.err
    assert "Only in" not in said.out, "the complaint is said once"


def test_rows_of_one_file_only_are_listed(files, tmp_path, capsys):
    more = run_of(steady(STEADY)) + run_of(steady(STEADY, threads=2))
    both = write_results(tmp_path / "both.jsonl", more)
    assert compare(files[0], both) == 0
    assert f"Only in {both}: base_onnx_fp32.onnx (onnxruntime CPU, threads 2, host)" in (
        capsys.readouterr().out
    )


def test_another_device_is_warned_about(files, tmp_path, capsys):
    other = HOST.__class__("host", "another machine", None, None, 4, None)
    moved = write_results(tmp_path / "moved.jsonl", run_of(steady(STEADY), "", "other", other))
    named = write_results(
        tmp_path / "named.jsonl", run_of(steady(STEADY), run_id="other", device=other)
    )
    assert compare(files[0], named) == 0
    assert "warning: device model differs" in capsys.readouterr().err
    assert compare(files[0], moved) == 2
    assert "share no timed row" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["before.jsonl", "missing.jsonl"],
        ["before.jsonl", "before.jsonl", "--metric", "joules"],
        ["before.jsonl", "before.jsonl", "--max-slower", "-1"],
        ["before.jsonl", "before.jsonl", "--max-slower", "nan"],
        ["before.jsonl", "empty.jsonl"],
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_results(tmp_path / "before.jsonl", run_of(steady(STEADY)))
    write_results(tmp_path / "empty.jsonl", [])
    assert compare(*arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
