"""What a Core ML package says of its inputs and outputs, honest and hostile."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import SIZE, run
from test_artifact_damage import mutations
from torch import Tensor, nn

from squeezesam.errors import SqueezeSamError
from squeezesam.examples import EXAMPLES
from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam_export.mlprogram.features import Array
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.mlprogram.package import read_package
from squeezesam_export.placement.report import assess, rules_for
from squeezesam_export.targets.quiet import quiet

with quiet():
    import coremltools as ct

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
PACKAGE = "nano_coreml_fp32.mlpackage"


class Sum(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + 2 * y


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x + 2 y in float16."""
    path = tmp_path_factory.mktemp("sum") / "sum.mlpackage"
    with quiet():
        traced = torch.jit.trace(Sum(), (torch.zeros(2, 3), torch.zeros(2, 3)))
        ct.convert(
            traced,
            inputs=[ct.TensorType(name, (2, 3), dtype=np.float16) for name in "xy"],
            outputs=[ct.TensorType("z", dtype=np.float16)],
            minimum_deployment_target=ct.target.iOS16,
        ).save(path)
    return path


def changed(package: Path, out: Path, change: Callable[[Any], object]) -> Path:
    """A copy with another description."""
    shutil.copytree(package, out)
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString((out / MODEL).read_bytes())
    change(spec)
    (out / MODEL).write_bytes(spec.SerializeToString())
    return out


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_tiny_numbers_are_cast_as_numpy_does(dtype: str, package: Path) -> None:
    tiny = [2.7e-7, 5.96e-8, 1e-9, -3e-5, 0.0, 4.04]
    x = np.array(tiny, dtype).reshape(2, 3)
    answer = InterpretedModel(package).predict({"x": x, "y": np.zeros((2, 3), np.float16)})
    np.testing.assert_array_equal(answer["z"], x.astype(np.float16))


def test_numbers_beyond_a_type_are_refused() -> None:
    sides = ((1, 1),)
    half, whole = Array("x", (sides,), (1,), "float16"), Array("x", (sides,), (1,), "int32")
    for feature, values in (
        (half, np.array([65520.0])),
        (half, np.array([-1e300])),
        (half, np.array([70000])),
        (whole, np.array([2**31])),
        (whole, np.array([-(2**40)])),
    ):
        with pytest.raises(SqueezeSamError, match="beyond"):
            feature.encode(values)
    for value in (65504.0, np.inf, np.nan, 1e-300):
        assert half.encode(np.array([value])).item() == pytest.approx(
            np.float16(value), nan_ok=True
        )


@pytest.mark.parametrize(("field", "number"), [("floatDefaultValue", 1.5), ("intDefaultValue", 0)])
def test_defaults_of_optional_inputs_are_honoured(
    field: str, number: float, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(spec: Any) -> None:
        spec.description.input[1].type.isOptional = True
        setattr(spec.description.input[1].type.multiArrayType, field, number)

    path = changed(package, tmp_path / "a.mlpackage", change)
    model = InterpretedModel(path)
    x = np.ones((2, 3), np.float16)
    assert (model.predict({"x": x})["z"] == 1 + 2 * number).all()
    assert (model.predict({"x": x, "y": x})["z"] == 3).all()
    with pytest.raises(SqueezeSamError, match="look at x"):
        model.predict({"y": x})
    np.save(tmp_path / "x.npy", x)
    assert run("coreml-run", path, "--input", f"x={tmp_path / 'x.npy'}") == 0
    assert run("coreml-run", path) == 0
    assert f"{number:g} where left out" in capsys.readouterr().out


HOSTILE = {
    "negative side": lambda d: d.input[0].type.multiArrayType.shape.__setitem__(0, -2),
    "huge side": lambda d: d.input[0].type.multiArrayType.shape.__setitem__(0, 2**62),
    "unknown elements": lambda d: setattr(d.input[0].type.multiArrayType, "dataType", 10**6),
    "no elements": lambda d: setattr(d.output[0].type.multiArrayType, "dataType", 0),
    "no colours": lambda d: setattr(d.input[0].type.imageType, "width", 2),
    "unknown colours": lambda d: setattr(d.input[0].type.imageType, "colorSpace", 99),
    "negative picture": lambda d: d.input[0].type.imageType.MergeFromString(
        b"\x08" + b"\xff" * 9 + b"\x01\x18\x14"
    ),
    "dictionary": lambda d: d.input[0].type.dictionaryType.int64KeyType.SetInParent(),
    "no type": lambda d: d.input[0].type.Clear(),
    "output as picture": lambda d: setattr(d.output[0].type.imageType, "colorSpace", 20),
    "output of no value": lambda d: setattr(d.output[0], "name", "none"),
    "input of no value": lambda d: setattr(d.input[0], "name", "none"),
    "input twice": lambda d: d.input.append(d.input[0]),
}


def used(path: Path) -> None:
    """Every way into a package."""
    package = read_package(path)
    assess(package.program, rules_for(package))
    model = InterpretedModel(path)
    inputs = {
        one.name: np.ones(one.default, np.float16) if isinstance(one, Array) else None
        for one in model.inputs
    }
    model.predict(inputs)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions(name: str, package: Path, tmp_path: Path) -> None:
    path = changed(package, tmp_path / "a.mlpackage", lambda spec: HOSTILE[name](spec.description))
    with pytest.raises(SqueezeSamError):
        used(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"[" * 100_000,
        lambda _: b" " * 2_000_000,
        lambda _: b"[]",
        lambda _: b'{"rootModelIdentifier":[],"itemInfoEntries":{}}',
        lambda m: json.dumps(m | {"rootModelIdentifier": 1}).encode(),
        lambda m: json.dumps(m).replace("com.apple.CoreML/model", "../../x/model").encode(),
        lambda m: json.dumps(m).replace("com.apple.CoreML/model.mlmodel", "/etc/passwd").encode(),
        lambda m: json.dumps(m).replace("model.mlmodel", "m" * 300).encode(),
        lambda m: json.dumps(m).replace("model.mlmodel", "\\u0000").encode(),
    ],
)
def test_hostile_manifests_of_packages(
    change: Callable[[dict[str, Any]], bytes], package: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.mlpackage"
    shutil.copytree(package, path)
    manifest = path / "Manifest.json"
    manifest.write_bytes(change(json.loads(manifest.read_text())))
    with pytest.raises(SqueezeSamError, match="mlpackage"):
        used(path)


def test_damage_in_a_model_is_refused_or_harmless(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mlpackage"
    shutil.copytree(package, path)
    refused = 0
    for content in mutations((package / MODEL).read_bytes(), 300, seed=3):
        (path / MODEL).write_bytes(content)
        try:
            used(path)
        except SqueezeSamError:
            refused += 1
    assert refused


def answer(*words: object, out: Path) -> dict[str, np.ndarray]:
    assert run("coreml-run", *words, "--out", out) == 0
    with np.load(out) as arrays:
        return dict(arrays)


def test_golden_files_are_inputs(exported: Path, tmp_path: Path) -> None:
    golden = exported / "golden/segmenter" / f"{EXAMPLES[0].path.stem}.npz"
    with np.load(golden) as arrays:
        wanted = arrays["low_res_masks"]
    for case in (0, 2):
        words = (exported / PACKAGE, "--input", golden, "--case", case)
        given = answer(*words, out=tmp_path / "out.npz")["low_res_masks"]
        np.testing.assert_allclose(given[0], wanted[case], atol=1e-3)


def test_prompts_on_a_photo_are_encoded(weights: Path, exported: Path, tmp_path: Path) -> None:
    photo = EXAMPLES[0].path
    predictor = SamPredictor(load(weights, SIZE), looking=None)
    predictor.set_image(photo)
    places = np.array([[60, 80], [10, 20]], np.float32)
    _, _, wanted = predictor.predict(places, [1, 0], [5, 6, 90, 120])
    given = answer(
        *(exported / PACKAGE, "--input", f"image={photo}"),
        *("--point", "60,80", "--point", "10,20:neg", "--box", "5,6,90,120"),
        out=tmp_path / "out.npz",
    )["low_res_masks"]
    # The predictor cleans its masks, which turns the signs of some logits and lowers none.
    same = np.isclose(given[0, -wanted.shape[0] :], wanted, atol=1e-3)
    assert same.mean() > 0.8


def test_a_photo_beside_arrays_is_letterboxed(exported: Path, tmp_path: Path) -> None:
    golden = exported / "golden/segmenter" / f"{EXAMPLES[0].path.stem}.npz"
    words: list[object] = [exported / PACKAGE, "--input", f"image={EXAMPLES[0].path}"]
    with np.load(golden) as arrays:
        wanted = arrays["low_res_masks"]
        for name in ("prompt_maps", "prompt_tokens"):
            np.save(tmp_path / name, arrays[name][:1])
            words += ["--input", f"{name}={tmp_path / name}.npy"]
    given = answer(*words, out=tmp_path / "out.npz")["low_res_masks"]
    np.testing.assert_allclose(given[0], wanted[0], atol=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "PHOTO", "--point", "9999,1"], "outside"),
        (["--input", "PHOTO", "--box", "1,2,3"], "box"),
        (["--input", "PHOTO"], "prompt_maps=FILE is missing; give it, or --point"),
        (["--input", "PHOTO", "--input", "prompt_maps=x.npy", "--box", "1,2,3,4"], "no input"),
        (["--input", "GOLDEN", "--point", "1,1"], "leave --point"),
        (["--input", "GOLDEN", "--case", "99"], "rows 0 to"),
        (["--input", "GOLDEN", "--case", "-1"], "rows 0 to"),
        (["--input", "image=GOLDEN", "--point", "1,1"], "image"),
    ],
)
def test_bad_inputs(
    words: list[str],
    message: str,
    exported: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    golden = str(exported / "golden/segmenter" / f"{EXAMPLES[0].path.stem}.npz")
    photo = str(EXAMPLES[0].path)
    filled = [word.replace("GOLDEN", golden).replace("PHOTO", photo) for word in words]
    assert run("coreml-run", exported / PACKAGE, *filled) == 2
    assert message in capsys.readouterr().err
