import dataclasses
import re
from html.parser import HTMLParser

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
from squeezesam_benchmarks.page.charts import MOST_DRAWN, STEPS, curve, thinned
from squeezesam_benchmarks.page.drawing import LONGEST_LINE, shortened
from squeezesam_benchmarks.page.html_report import page
from squeezesam_benchmarks.results.records import Condition
from squeezesam_benchmarks.results.report import report
from squeezesam_benchmarks.results.statistics import sustained_of

MEDIANS = (10.0, 10.5, 11.0, 10.2)
NASTY = "<script>'$x$ & \"y\"'</script>.onnx"


class Page(HTMLParser):
    """What a page holds: addresses, headings, texts, and how its elements nest."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attributes, counted=False)

    def handle_startendtag(self, tag, attributes, counted=True):
        if counted:
            self.tags.append(tag)
        for name, value in attributes:
            if name in {"src", "href", "xlink:href", "action", "data"}:
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style"}:
            self.texts.append(data.strip())

    @property
    def charts(self) -> int:
        return self.tags.count("svg")


def everything():
    """A run with all that a runner may report."""
    slowing = np.linspace(20, 30, 3000)
    process = measured(
        np.linspace(9, 11, 120),
        pipeline_samples=pipeline(3, 10, 5),
        sustained_samples_ms=tuple(slowing),
        before=Condition("none", 30.4, 80.0, False, "normal"),
        after=Condition("light", 41.6, 79.0, False, "normal"),
    )
    return run_of([process] * 2, device=PHONE) + run_of(
        [process] * 2, device=PHONE, name="base_onnx_int8.onnx", precision="int8"
    )


def test_every_kind_of_sample_has_its_table_with_units():
    text = report(everything())
    for title in ("Network alone", "Whole pipeline", "Memory and size", "Sustained", "Device"):
        assert f"**{title}" in text
    for cell in ("none → light", "30 → 42", "80 → 79", "normal → normal", "rss", "2 (2 aten.cat)"):
        assert f"| {cell} " in text
    assert "| 18.00 [18.00, 18.00] | 3.00 " in text


def test_tables_without_data_and_percentiles_of_few_samples_are_left_out():
    text = report(run_of(steady(MEDIANS)))
    assert "Sustained" not in text
    assert "Whole pipeline" not in text
    assert "Emulated" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| base") and "10." in line][:1]
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[5] != "-"  # p90 of 12 samples
    assert cells[6] == "-"  # p99


def test_variation_is_standard_deviation_over_mean():
    text = report(run_of([measured((9.0, 11.0)), measured((9.0, 11.0))]))
    assert "| 10.0 " in text


def test_sustained_compares_the_first_30_s_with_the_last():
    quick, slow = (10.0,) * 3000, (20.0,) * 4500  # 30 s and 90 s
    ends = sustained_of(quick + slow)
    assert (ends.window_s, ends.first_ms, ends.last_ms) == (30, 10, 20)
    assert ends.slowdown == 2
    short = sustained_of((10.0,) * 100 + (15.0,) * 100)
    assert short.window_s == pytest.approx(1.25)
    assert (short.first_ms, short.last_ms) == (10, 15)
    assert sustained_of((10.0,)) is None


def test_emulated_rows_are_counts_in_their_own_table_and_on_no_axis():
    counted = run_of(
        [measured((), load_ms=None, first_inference_ms=None, emulation=EMULATION)], device=EMULATED
    )
    text = report(counted)
    assert "counts, not times" in text
    assert "| 0.0 " in text  # a thousand instructions are 0.0 millions
    assert " ms" not in text.partition("**Emulated")[2].partition("|")[2]
    assert Page(page(counted, None)).charts == 0


def test_runs_that_were_not_interleaved_are_said_so():
    one, other = run_of(steady(MEDIANS)), run_of(steady(MEDIANS), run_id="other")
    assert "not interleaved" not in report(one)
    assert "not interleaved" in report(one + other)
    assert "not interleaved" in page(one + other, None)


def test_a_page_holds_everything_and_asks_for_nothing():
    results = everything() + run_of(steady(MEDIANS), run_id="other", device=HOST)
    html = page(results, None)
    parsed = Page(html)
    assert parsed.addresses
    assert all(address.startswith("#") for address in parsed.addresses)
    assert {address[1:] for address in parsed.addresses} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert not re.search(r"https?://|@import|url\((?!#)", html)
    assert "script" not in parsed.tags
    for text in ("base_onnx_fp32.onnx", "base_onnx_int8.onnx", "run", "other", "synthetic"):
        assert text in parsed.texts
    for title in (
        "Device against device",
        "Artifact against artifact",
        "Latency of every inference",
        "Whole pipeline",
        "Peak memory",
        "Sustained",
    ):
        assert title in parsed.texts
    assert parsed.charts == 6 + 2  # the second run has one row, and neither pipeline nor endurance


def test_charts_are_there_only_where_there_is_data():
    only = Page(page(run_of(steady(MEDIANS, peak_memory_bytes=None)), None))
    assert only.charts == 1
    assert "Latency of every inference" in only.texts


def test_peaks_of_different_kinds_are_on_different_axes():
    mixed = run_of(steady(MEDIANS)) + run_of(
        steady(MEDIANS, memory_kind="pss"), name="base_onnx_int8.onnx"
    )
    assert Page(page(mixed, None)).texts.count("Peak memory") == 2


def test_names_are_text_and_no_markup():
    device = dataclasses.replace(PHONE, model="<img src=x>")
    named = run_of(steady(MEDIANS), name=NASTY, device=device)
    html = page(named, None)
    parsed = Page(html)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert NASTY in parsed.texts  # of the table
    assert f"{NASTY}, 1 thread" in parsed.texts  # of the chart


def test_long_names_lose_their_middle_and_no_end():
    name = f"base_{'long' * 20}.onnx"
    shown = shortened(name, "12.34 ms")
    assert len(shown) + len("12.34 ms") <= LONGEST_LINE
    assert shown.startswith("base_long")
    assert shown.endswith("long.onnx")
    assert shortened("nano.onnx", "12.34 ms") == "nano.onnx"


def test_thousands_of_samples_stay_small():
    many = run_of([measured(np.linspace(9, 11, 2_000))] * 5)
    few = run_of([measured(np.linspace(9, 11, 50))] * 5)
    html = page(many, None)
    assert len(html) < len(page(few, None)) + 1000
    assert "up to 10000 here" in html  # the caption says how many there are


def test_thinning_keeps_both_ends_and_the_median():
    samples = [float(value) for value in np.random.default_rng(0).permutation(1001)]
    drawn = thinned(samples, MOST_DRAWN)
    assert len(drawn) == MOST_DRAWN
    assert (drawn[0], drawn[-1]) == (0, 1000)
    assert np.median(drawn) == pytest.approx(500, abs=3)
    assert thinned((3.0, 1.0), MOST_DRAWN) == [1, 3]


def test_a_curve_has_few_points_in_their_order():
    seconds, medians = curve(np.linspace(10, 20, 5000))
    assert len(seconds) <= STEPS + 1
    assert seconds == sorted(seconds)
    assert medians == sorted(medians)
    assert curve((10.0,))[1] == [10]


def test_the_command_reads_several_files_and_writes_the_page(tmp_path, capsys):
    one = write_results(tmp_path / "one.jsonl", everything())
    other = write_results(tmp_path / "other.jsonl", run_of(steady(MEDIANS), run_id="other"))
    html = tmp_path / "page.html"
    arguments = ["bench", "report", str(one), str(other), "--html", str(html)]
    assert main([*arguments, "--baseline", "base_onnx_fp32.onnx"]) == 0
    assert "times faster than base_onnx_fp32.onnx" in capsys.readouterr().out
    assert "times faster than base_onnx_fp32.onnx" in Page(html.read_text()).texts


@pytest.mark.parametrize(
    "options",
    [["--baseline", "nano"], ["--html", "."], ["missing.jsonl"], ["--html", "one.jsonl/page.html"]],
)
def test_bad_input_is_one_line_and_status_2(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_results(tmp_path / "one.jsonl", run_of(steady(MEDIANS)))
    assert main(["bench", "report", "one.jsonl", *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_package_is_named_with_its_extra(package, tmp_path, monkeypatch, capsys):
    for module in (package, f"{package}.figure"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    results = write_results(tmp_path / "one.jsonl", run_of(steady(MEDIANS)))
    assert main(["bench", "report", str(results), "--html", str(tmp_path / "page.html")]) == 2
    assert "squeezesam[report]" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
