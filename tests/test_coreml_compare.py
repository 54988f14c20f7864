"""`squeezesam coreml-run` on folders of inputs, and `--against` another package."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mil_programs import ct, mb
from small_networks import run

from squeezesam_export.mlprogram.comparing import compare, difference
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.targets.quiet import quiet

SIDE = 8
WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)


def package(path: Path, precision: Any, bias: float = 0.5, output: str = "y") -> Path:
    """A convolution, tanh, a sum with a number, a sigmoid."""

    @mb.program(input_specs=[mb.TensorSpec((1, 3, SIDE, SIDE))], opset_version=ct.target.iOS16)
    def program(x: Any) -> Any:
        x = mb.conv(x=x, weight=WEIGHT, name="features")
        x = mb.tanh(x=x, name="squashed")
        x = mb.add(x=x, y=np.float32(bias), name="moved")
        return mb.sigmoid(x=x, name=output)

    with quiet():
        ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=precision,
            skip_model_load=True,
        ).save(path)
    return path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {
        "single": package(folder / "single.mlpackage", ct.precision.FLOAT32),
        "half": package(folder / "half.mlpackage", ct.precision.FLOAT16),
        "faulty": package(folder / "faulty.mlpackage", ct.precision.FLOAT32, bias=0.6),
        "other": package(folder / "other.mlpackage", ct.precision.FLOAT32, output="z"),
    }


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder of two arrays, and a file that is none of them."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name, seed in (("a", 1), ("b", 2)):
        np.save(folder / f"{name}.npy", array(seed))
    (folder / "notes.txt").touch()
    return folder


def array(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((1, 3, SIDE, SIDE))
    return values.astype(np.float32)


def test_the_first_operator_that_differs_is_found(packages: dict[str, Path]) -> None:
    single, half, faulty = (
        InterpretedModel(packages[name]) for name in ("single", "half", "faulty")
    )
    same = compare(single, single, {"x": array(0)}, 200)
    assert (same.first, same.compared, same.operators) == (None, 4, 4)
    assert [(one.name, one.max_error, one.sqnr_db) for one in same.outputs] == [("y", 0, math.inf)]
    rounded = compare(half, single, {"x": array(0)}, 40)
    assert rounded.first is None
    assert rounded.compared >= 4  # under names that tell of float16
    assert 50 < rounded.outputs[0].sqnr_db < 100
    strict = compare(half, single, {"x": array(0)}, 100).first
    assert strict is not None
    assert strict.sqnr_db < 100
    found = compare(faulty, single, {"x": array(0)}, 40).first
    assert found is not None
    assert "'moved' of kind add" in found.name
    assert found.max_error == pytest.approx(0.1, abs=1e-6)


def test_differences_of_numbers() -> None:
    assert difference("", np.ones(4), np.ones(4)).sqnr_db == math.inf
    one = difference("", np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert (one.max_error, one.sqnr_db) == (1, pytest.approx(10 * math.log10(2)))
    odd = np.array([np.nan, np.inf, 1])
    assert difference("", odd, odd).max_error == 0
    assert difference("", np.array([np.nan, 1.0]), np.ones(2)).max_error == math.inf
    assert difference("", np.array([np.inf]), -np.array([np.inf])).sqnr_db == -math.inf
    assert difference("", np.zeros(0), np.zeros(0)).max_error == 0


def test_a_folder_of_inputs_against_another_package(
    packages: dict[str, Path], inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["coreml-run", packages["faulty"], "--input", inputs, "--against", packages["single"]]
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert "4 of 4 operators were compared" in out
    for name in ("a.npy", "b.npy"):
        said = rf"{name}: the first below 40 dB is op \d+ of \d+, 'moved' of kind add: max error"
        assert re.search(said, out)
    assert run(*words, "--bound", "1") == 0
    assert "None of them is below 1 dB" in capsys.readouterr().out


def test_a_folder_of_inputs(
    packages: dict[str, Path], inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(inputs / "bad.npy", np.zeros((2, 2), np.float32))
    out = tmp_path / "outputs"
    assert run("coreml-run", packages["single"], "--input", f"x={inputs}", "--out", out) == 2
    printed, error = capsys.readouterr()
    assert printed.count("float32 1x4x6x6") == 2
    assert "bad.npy: x has shape 2x2" in error
    assert "1 of 3 failed" in error
    assert sorted(path.name for path in out.iterdir()) == ["a.npy.npz", "b.npy.npz"]
    model = InterpretedModel(packages["single"])
    for seed, name in ((1, "a"), (2, "b")):
        wanted = model.predict({"x": array(seed)})["y"]
        assert np.array_equal(np.load(out / f"{name}.npy.npz")["y"], wanted)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            lambda packages, inputs: [inputs / "a.npy", "--against", packages["other"]],
            "gives y and",
        ),
        (lambda _, inputs: [inputs / "a.npy", "--against", inputs], "is no .mlpackage"),
        (lambda _, inputs: [inputs / "a.npy", "--bound", "nan"], "number of decibels"),
        (
            lambda packages, inputs: [
                inputs / "a.npy",
                "--against",
                packages["half"],
                "--out",
                "o.npz",
            ],
            "writes none",
        ),
        (lambda _, inputs: [inputs, "--out", "o.npz"], "name a folder"),
        (lambda _, inputs: [inputs, "--input", f"x={inputs}"], "second folder"),
        (lambda _, inputs: [inputs.parent], "has no file that ends in"),
    ],
)
def test_bad_comparisons(
    words: Callable[..., list[object]],
    message: str,
    packages: dict[str, Path],
    inputs: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("coreml-run", packages["single"], "--input", *words(packages, inputs)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
