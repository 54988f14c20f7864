"""Results as JSON and as markdown."""

import dataclasses
import json

import numpy as np
import pytest

from squeezesam.data.records import Skipped
from squeezesam.errors import DataError
from squeezesam.evaluation.contact_sheet import best_median_worst
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import (
    SCHEMA_VERSION,
    DataResult,
    EvaluatedModel,
    Evaluation,
    ObjectResult,
    ProtocolResult,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.report import markdown_report
from squeezesam.evaluation.statistics import correlation, figure_interval
from squeezesam.terminal import duration, with_progress

AREAS = (10, 50, 500)


def evaluation(name="net.onnx", gain=0.0, count=12, options=None, skipped=()):
    """An evaluation of `count` objects on as many photos; each IoU is `gain` above another's."""
    options = {"clicks": 2} if options is None else options
    objects = tuple(
        ObjectResult(
            photo=f"{index}.jpg",
            place=index,
            index=0,
            area=AREAS[index % 3],
            photo_pixels=1000,
            ious=(0.5 + index / 100 + gain, 0.8 + index / 100 + gain),
            boundary_ious=(0.25, 0.5),
        )
        for index in range(count)
    )
    result = ProtocolResult("clicks", options, "One click after another.", objects)
    return Evaluation(
        schema_version=SCHEMA_VERSION,
        command="squeezesam eval",
        started_at="2026-11-24T12:00:00+00:00",
        subject=EvaluatedModel(name, {name: "ab" * 32}),
        tools={"torch": "2.13.0"},
        machine={"cores": "2"},
        data=(DataResult("shapes", count, skipped, (result,)),),
    )


def table(text):
    """Rows of the one markdown table in a text, each as a dictionary."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, rule, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    assert set("".join(rule)) == {"-"}
    assert len({len(line) for line in lines}) == 1
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_json_round_trip(tmp_path):
    whole = evaluation(skipped=(Skipped("b.jpg", "damaged"),))
    path = tmp_path / "results.json"
    write_evaluation(whole, path)
    assert read_evaluation(path) == whole
    raw = json.loads(path.read_text())["data"][0]["protocols"][0]["objects"][0]
    assert raw["ious"] == [0.5, 0.8]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(schema_version=0),
        lambda data: data.pop("subject"),
        lambda data: data.update(mood="good"),
        lambda data: data["data"][0]["protocols"][0]["objects"][0].update(ious="high"),
        lambda data: data["data"][0].update(skipped=5),
    ],
)
def test_another_file_is_refused(tmp_path, change):
    data = dataclasses.asdict(evaluation())
    change(data)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=f"no result of schema version {SCHEMA_VERSION}"):
        read_evaluation(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "7"])
def test_no_results_at_all(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DataError, match="no result of schema version"):
        read_evaluation(path)


def test_a_table_has_a_row_for_each_size():
    rows = table(markdown_report([evaluation()]))
    assert [(row["size"], row["objects"]) for row in rows] == [
        ("all", "12"), ("small", "4"), ("medium", "4"), ("large", "4"),
    ]  # fmt: skip
    assert rows[0]["IoU@1"].startswith("55.5 [")
    assert rows[0]["IoU@2"].startswith("85.5 [")
    assert rows[0]["NoC@85"] == "2.00 [2.00, 2.00]"
    assert rows[0]["NoF@85 %"].startswith("41.7 [")
    assert rows[0]["BIoU@2"] == "50.0 [50.0, 50.0]"


def test_runs_stand_side_by_side_with_the_paired_difference():
    text = markdown_report([evaluation(), evaluation("grabcut", gain=-0.2, count=9)])
    rows = {row["run"]: row for row in table(text) if row["size"] == "all"}
    assert list(rows) == ["net.onnx", "grabcut", "grabcut - net.onnx"]
    difference = rows["grabcut - net.onnx"]
    assert difference["objects"] == "9"
    # The objects differ among themselves, but each by the same from its partner.
    assert difference["IoU@1"] == "-20.0 [-20.0, -20.0]"


def test_runs_of_one_name_are_told_apart():
    rows = table(markdown_report([evaluation(), evaluation(gain=0.1)]))
    assert {row["run"] for row in rows} == {"net.onnx", "net.onnx (2)", "net.onnx (2) - net.onnx"}


def test_other_options_make_another_table():
    text = markdown_report([evaluation(), evaluation(options={"clicks": 1})])
    assert text.count("### shapes, clicks") == 2


def folder_of_sets(counts, parent="varied", name="net.onnx", gain=0.0):
    """An evaluation on data sets of one folder, with so many objects each."""
    whole = evaluation(name, gain)
    data = tuple(
        dataclasses.replace(
            evaluation(count=count, gain=gain).data[0], name=f"set{number}", parent=parent
        )
        for number, count in enumerate(counts)
    )
    return dataclasses.replace(whole, data=data)


def test_sets_of_one_folder_share_a_table_that_ends_with_their_mean():
    text = markdown_report([folder_of_sets((1, 11))])
    assert "### varied, clicks" in text
    rows = {(row["set"], row["size"]): row for row in table(text)}
    mean = "varied, mean over 2 folders"
    assert list(rows) == [
        ("set0", "all"), ("set1", "all"), (mean, "all"),
        (mean, "small, of 2 folders"), (mean, "medium"), (mean, "large"),
    ]  # fmt: skip
    # Set 0 is 50.0 and set 1 is 55.0: the mean over sets, and not over the objects of both.
    assert rows[mean, "all"]["IoU@1"].startswith("52.5 [")
    assert rows[mean, "all"]["objects"] == "12"
    low, high = rows[mean, "all"]["IoU@1"].split("[")[1].strip("]").split(", ")
    assert 50 < float(low) < 52.5 < float(high) < 55


def test_folders_of_sets_are_compared_set_by_set():
    text = markdown_report([folder_of_sets((1, 11)), folder_of_sets((1, 11), name="b", gain=0.1)])
    differences = {row["set"]: row for row in table(text) if row["run"] == "b - net.onnx"}
    assert list(differences) == ["set0", "set1", "varied, mean over 2 folders"]
    assert {row["IoU@1"] for row in differences.values()} == {"+10.0 [+10.0, +10.0]"}


def test_a_set_alone_in_its_folder_has_a_table_of_its_own():
    text = markdown_report([folder_of_sets((4,))])
    assert "### set0, clicks" in text
    assert "mean over" not in text.splitlines()[4]


def test_intervals_of_a_correlation():
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    ones = np.ones(400)
    terms = np.column_stack([ones, x, y, x * x, y * y, x * y])
    found = figure_interval([(terms, [str(index) for index in range(400)])], correlation)
    assert found.mean == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.low < found.mean < found.high
    # Fisher's transformation gives the interval for values that are normally distributed.
    wanted = np.tanh(np.arctanh(found.mean) + np.array([-1.96, 1.96]) / np.sqrt(397))
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.02)


def test_no_correlation_where_nothing_varies():
    terms = np.array([[1, 0.7, 0.3, 0.49, 0.09, 0.21]] * 3)
    assert f"{figure_interval([(terms, ['a', 'b', 'c'])], correlation):.2f}" == "-"


def test_what_was_skipped_is_said():
    text = markdown_report([evaluation(skipped=(Skipped("b.jpg", "damaged"),))])
    assert "net.onnx skipped 1: b.jpg, damaged" in text


def test_a_protocol_of_the_future():
    with pytest.raises(DataError, match=r"unknown protocol 'clicks' with \{'taps': 3\}"):
        markdown_report([evaluation(options={"taps": 3})])


def test_each_protocol_explains_itself():
    for protocol in PROTOCOLS.values():
        assert protocol().definition.endswith(".")
        assert protocol().measures


@pytest.mark.parametrize(("count", "each"), [(1, 1), (7, 2), (12, 4), (40, 5)])
def test_the_sheet_shows_best_median_and_worst(count, each):
    results = evaluation(count=count).data[0].protocols[0].objects
    rows = best_median_worst(results, PROTOCOLS["clicks"]())
    assert [len(row) for row in rows.values()] == [each] * 3
    assert rows["best"][0] is results[-1]
    assert rows["worst"][-1] is results[0]
    middle = sum(result.place for result in rows["median"]) / each
    assert abs(middle - (count - 1) / 2) <= 0.5


def test_progress_counts_and_stays_silent_on_short_runs(capsys):
    assert list(with_progress("shapes", 3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_progress_says_how_long_the_rest_takes(capsys, monkeypatch):
    seconds = iter(range(0, 1000, 40))
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    list(with_progress("shapes", 3))
    assert capsys.readouterr().err.splitlines() == [
        "shapes: 1 of 3 photos, 80 s left",
        "shapes: 2 of 3 photos, 40 s left",
        "shapes: 3 of 3 photos, 0 s left",
    ]
    assert [duration(value) for value in (99, 100, 9000)] == ["99 s", "2 min", "2.5 h"]


ODD = (None, "x", "", -1, 0.5, 10**400, 2**63, 1e308, True, [], [[]], {}, {"a": 1}, [None], 7)


def places(value, path=()):
    """The way to every value of a JSON document."""
    yield path
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places(value[key], (*path, key))


def test_no_field_of_results_escapes_the_check(tmp_path):
    """Whatever stands in any field: a report, or the one error of this file."""
    path = tmp_path / "results.json"
    whole = json.loads(json.dumps(dataclasses.asdict(evaluation(count=2))))
    messages = []
    for way in places(whole):
        for odd in ODD:
            changed = [json.loads(json.dumps(whole))]
            inner = changed
            for key in (0, *way)[:-1]:
                inner = inner[key]
            inner[(0, *way)[-1]] = odd
            path.write_text(json.dumps(changed[0]))
            try:
                markdown_report([read_evaluation(path)])
            except DataError as error:
                messages.append(str(error))
    assert len(messages) > 500
    assert max(map(len, messages)) < 1000


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"schema_version":2,"data":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"schema_version":' + b"2" * 5000 + b"}",
        b'{"schema_version":2,"command":NaN}',
        b"[" + b"{}," * 5_000_000 + b"1]",
        b"\xff\xfe{}",
        b" " * 64_000_001,
    ],
    ids=["deep", "deeper", "huge", "NaN", "many", "UTF-16", "large"],
)
def test_results_out_of_bounds(content, tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_evaluation(path)


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        ("clicks", {"clicks": 3}),
        ("clicks", {"clicks": 0}),
        ("clicks", {"clicks": 2**62}),
        ("clicks", {}),
        ("salient", {"corrections": 2**62}),
        ("salient", {"corrections": -1}),
        ("box", {}),
        ("choice", {}),
        ("__class__", {}),
    ],
)
def test_results_that_do_not_fit_their_protocol(protocol, options):
    whole = evaluation(options=options)
    result = dataclasses.replace(whole.data[0].protocols[0], protocol=protocol)
    data = dataclasses.replace(whole.data[0], protocols=(result,))
    with pytest.raises(DataError, match="evaluate again"):
        markdown_report([dataclasses.replace(whole, data=(data,))])
