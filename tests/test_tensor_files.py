"""Weights files: the same bytes from the same tensors, and errors from hostile headers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from squeezesam.errors import WeightsError
from squeezesam.networks.weights import (
    MAX_METADATA_BYTES,
    load_weights,
    read_tensors,
    write_tensors,
)

SAVING = """
import sys
from pathlib import Path
import torch
from squeezesam.networks.weights import write_tensors
tensors = {name: torch.full((2, 3), float(len(name))) for name in {"a", "bb", "ccc", "dddd"}}
metadata = {name: "1" for name in {"step", "updates", "recipe", "x"}}
write_tensors(tensors, Path(sys.argv[1]), metadata)
"""
FLOAT = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def write_raw(path: Path, header: bytes, data: bytes = b"\0" * 8, size: int | None = None) -> None:
    length = (len(header) if size is None else size).to_bytes(8, "little")
    path.write_bytes(length + header + data)


def test_separate_processes_write_the_same_bytes(tmp_path: Path) -> None:
    contents = set()
    for seed in range(4):
        path = tmp_path / f"{seed}.safetensors"
        env = os.environ | {"PYTHONHASHSEED": str(seed)}
        subprocess.run([sys.executable, "-c", SAVING, path], env=env, check=True)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {"b": torch.arange(5), "a": torch.rand(3, 2).half(), "empty": torch.zeros(0, 4)}
    write_tensors(tensors, path, {"name": 'caf\u00e9 "x"'})
    found, metadata = read_tensors(path)
    assert metadata == {"name": 'caf\u00e9 "x"'}
    for read in (found, load_file(path)):
        assert {name: value.tolist() for name, value in read.items()} == {
            name: value.tolist() for name, value in tensors.items()
        }


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}x",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        json.dumps({"a": FLOAT, "b": FLOAT}).encode(),
        json.dumps({"a": FLOAT | {"data_offsets": [0, 2**63]}}).encode(),
        json.dumps({"a": FLOAT | {"shape": [2**62, 2**62]}}).encode(),
        json.dumps({"a": FLOAT | {"shape": [-1]}}).encode(),
        json.dumps({"a": FLOAT | {"dtype": "F31"}}).encode(),
        json.dumps({"__metadata__": {"variant": 1}}).encode(),
        json.dumps({"__metadata__": {"variant": ["base"]}}).encode(),
        json.dumps({"__metadata__": {"variant": {"a": "b"}}}).encode(),
        json.dumps({"__metadata__": []}).encode(),
    ],
)
def test_hostile_headers(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    write_raw(path, header)
    with pytest.raises(WeightsError):
        load_weights(path)


@pytest.mark.parametrize("size", [2**20 + 1, 2**40, 2**63, 2**64 - 1])
def test_huge_headers_are_refused_unread(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.safetensors"
    write_raw(path, b"{}", size=size)
    with pytest.raises(WeightsError, match=f"header of {size} bytes"):
        load_weights(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    size = 2**32
    write_raw(
        path, json.dumps({"a": FLOAT | {"shape": [2**30], "data_offsets": [0, size]}}).encode()
    )
    os.truncate(path, path.stat().st_size - 8 + size)
    with pytest.raises(WeightsError, match="bytes, more than"):
        load_weights(path)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "x.safetensors"
    make(path)
    with pytest.raises(WeightsError, match="no weights file"):
        load_weights(path)


def test_long_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors({}, path, {"variant": "\u00e9" * MAX_METADATA_BYTES})
    with pytest.raises(WeightsError, match="of metadata 'variant'"):
        load_weights(path)


def test_an_unknown_variant(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors({}, path, {"variant": "gigantic" * 1000})
    with pytest.raises(WeightsError, match="unknown variant") as raised:
        load_weights(path)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_numbers_that_are_not_finite(tmp_path: Path, value: float) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors({"stem.weight": torch.tensor([1, value], dtype=torch.float64)}, path, {})
    with pytest.raises(WeightsError, match=r"NaN or infinity in 'stem.weight'"):
        load_weights(path)
