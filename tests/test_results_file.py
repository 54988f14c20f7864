"""Results files from elsewhere: how lines end, byte order marks, fields of wrong types."""

import dataclasses
import json
import os

import pytest
from bench_results import pipeline, run_of, steady

from squeezesam.cli import main
from squeezesam.errors import DataError
from squeezesam_benchmarks.results.records import read_results
from squeezesam_benchmarks.results.report import report

SIGNS = "a\u2028b\x85c\u2029d.onnx"
"""A text that `str.splitlines` cuts in four; JSON lets it stand as it is."""

RESULTS = run_of(steady([10.0, 11.0], pipeline_samples=pipeline(1, 2, 3)), SIGNS)


def lines_of(results):
    return [json.dumps(dataclasses.asdict(one), ensure_ascii=False) for one in results]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_lines_end_at_line_feeds_alone(tmp_path, end, encoding):
    path = tmp_path / "r.jsonl"
    path.write_bytes("".join(line + end for line in lines_of(RESULTS)).encode(encoding))
    assert read_results(path) == RESULTS


@pytest.mark.parametrize("kind", ["device", "pipe", "sparse", "name"])
def test_what_is_no_file_of_results_is_not_read(tmp_path, kind):
    path = tmp_path / ("a\0" if kind == "name" else "r.jsonl")
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10**12)
    with pytest.raises(DataError, match="cannot read results file"):
        read_results(path)


WRONG = [None, -1, True, "x", [], {}, [None], 10**400, -(10**400), 1e999, [[]], {"a": 1}]


@pytest.mark.parametrize("wrong", WRONG, ids=[repr(each)[:12] for each in WRONG])
def test_fields_of_wrong_types_give_a_report_or_a_data_error(tmp_path, wrong):
    def places(value, above=()):
        yield above
        for key in value if isinstance(value, dict) else range(min(len(value), 1)):
            if isinstance(value[key], dict | list):
                yield from places(value[key], (*above, key))
            else:
                yield (*above, key)

    path = tmp_path / "r.jsonl"
    refused = 0
    for place in list(places(json.loads(lines_of(RESULTS)[0])))[1:]:
        content = [json.loads(line) for line in lines_of(RESULTS)]
        inside = content[0]
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = wrong
        path.write_text("".join(f"{json.dumps(each)}\n" for each in content))
        try:
            report(read_results(path), None)
        except DataError:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("name", ["decode_ms", "detector_ms", "clicks_ms", "model_alone_ms"])
def test_an_automatic_mask_has_all_its_times(tmp_path, name, capsys):
    content = json.loads(lines_of(RESULTS)[0])
    content["measurement"]["pipeline_samples"][0][name] = 1.0
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(content))
    assert main(["bench", "report", str(path)]) == 2
    assert "not all" in capsys.readouterr().err
