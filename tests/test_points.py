"""The promptable network with the drawing of its prompts in one ONNX file."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from bundles import golden_in, rewrite_network, with_hash
from onnx import numpy_helper
from small_networks import SIZE, run

from squeezesam.errors import ArtifactError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.prompts import (
    PromptDrawing,
    check_prompts,
    encode_prompts,
    point_inputs,
    prompt_slots,
)
from squeezesam.spec import DISC_RADIUS, POINT_SEGMENTER, SEGMENTER
from squeezesam_benchmarks.ort_session import OrtSession
from squeezesam_export.bundle.manifest import read_manifest

TESTS = Path(__file__).parent
PACKAGES = Path(os.environ.get("SQUEEZESAM_WEB_RUNTIME", ""))
WIDTH, HEIGHT = 333, 500
MANY = [(7 * i % WIDTH, 31 * i % HEIGHT) for i in range(20)]


@pytest.fixture(scope="module")
def bundle(weights, shared):
    words = ("--target", "onnx", "--precision", "fp32,fp16,int8", "--size", SIZE)
    prompts = ("--weights", weights, "--no-detector", "--prompts", "tensors,points")
    return shared.export(*words, *prompts)


@pytest.mark.parametrize(
    ("coords", "labels", "box", "has_mask"),
    [
        ([(155, 200)], [1], None, False),
        ([(155, 200), (0, 0), (332, 499)], [1, 0, 1], None, True),
        ([], [], (10.5, 20.25, 200, 333.5), False),
        ([(5, 5)], [0], (0, 0, WIDTH, HEIGHT), True),
        (MANY, [i % 2 for i in range(20)], (3, 4, 50, 60), True),
        ([], [], None, True),
    ],
)
@pytest.mark.parametrize("order", ["as they are", "corners first", "padding left out"])
def test_the_graph_draws_what_python_draws(coords, labels, box, has_mask, order):
    prompts = check_prompts(coords, labels, box, width=WIDTH, height=HEIGHT)
    slots = prompt_slots(prompts, Letterbox.fit(WIDTH, HEIGHT, SIZE).scale)
    side = SIZE // 2
    mask = torch.linspace(-6, 6, side * side).reshape(1, 1, side, side) if has_mask else None
    wanted = encode_prompts(*slots, mask, SIZE)
    points, codes, *rest = point_inputs(*slots, mask, SIZE)
    if order == "corners first":
        points, codes = points.roll(2, dims=1), codes.roll(2, dims=1)
    elif order == "padding left out" and (codes >= 0).any():
        points, codes = points[:, codes[0] >= 0], codes[:, codes[0] >= 0]
    for drawn, tensor in zip(PromptDrawing(SIZE)(points, codes, *rest), wanted, strict=True):
        torch.testing.assert_close(drawn, tensor, rtol=0, atol=0)


def test_both_forms_answer_alike_in_every_precision(bundle):
    photo = read_photo(EXAMPLES[0].path)
    height, width = photo.shape[:2]
    clicks = [(width // 2 + 3 * i, height // 2 - 2 * i) for i in range(17)]
    for precision in ("fp32", "fp16", "int8"):
        answers = []
        for name in (f"nano_onnx_{precision}.onnx", f"nano_points_onnx_{precision}.onnx"):
            predictor = SamPredictor(load(bundle / name))
            predictor.set_image(photo)
            first = predictor.predict(clicks[:1], [1], multimask_output=False)
            answers.append(
                (
                    first,
                    predictor.predict(clicks, [1, 0] * 8 + [1], mask_input=first[2]),
                    predictor.predict(box=(10, 20, width - 30, height - 40)),
                )
            )
        for tensors, points in zip(*answers, strict=True):
            for one, other in zip(tensors, points, strict=True):
                np.testing.assert_allclose(
                    one.astype(np.float32), other.astype(np.float32), rtol=0, atol=1e-4
                )


def test_a_bundle_lists_both_and_verifies(bundle, capsys):
    manifest = read_manifest(bundle)
    assert [network.kind for network in manifest.networks] == [
        SEGMENTER.name,
        POINT_SEGMENTER.name,
    ]
    assert "--prompts tensors,points" in manifest.command
    assert manifest.network(SEGMENTER).kind == SEGMENTER.name
    (case, *_) = golden_in(bundle, POINT_SEGMENTER)
    assert case.tensors["point_labels"].tolist()[0].count(1) == 1
    capsys.readouterr()
    assert run("verify", bundle) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" ok")]
    assert sum(row.startswith(POINT_SEGMENTER.name) for row in rows) == 3
    assert len(rows) == 6


def test_an_altered_drawing_is_not_verified(bundle, tmp_path, capsys):
    """A disc of another radius, with the hash that the file now has."""
    shutil.copytree(bundle, tmp_path / "bundle")
    path = tmp_path / "bundle" / "nano_points_onnx_fp32.onnx"
    proto = onnx.load(path)
    for tensor in proto.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if tensor.name.startswith("first/") and value.shape == () and value == DISC_RADIUS + 0.5:
            tensor.CopyFrom(numpy_helper.from_array(np.float32(9), tensor.name))
    onnx.save(proto, path)
    (network,) = (one for one in read_manifest(bundle).networks if one.kind == POINT_SEGMENTER.name)
    artifacts = tuple(
        with_hash(one, tmp_path / "bundle") if one.precision == "fp32" else one
        for one in network.artifacts
    )
    rewrite_network(tmp_path / "bundle", POINT_SEGMENTER, artifacts=artifacts)
    assert run("verify", tmp_path / "bundle") == 1
    assert "nano_points_onnx_fp32.onnx: " in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_drawing_stays_in_float(bundle, precision):
    """The one graph in front is the same in every precision, has no small types and no Cast.

    In a browser, the runtime's function for Cast is compiled while the first ten inferences run.
    """
    proto = onnx.load(bundle / f"nano_points_onnx_{precision}.onnx")
    onnx.checker.check_model(proto, full_check=True)
    first = [node for node in proto.graph.node if node.name.startswith("first/")]
    usual = onnx.load(bundle / "nano_points_onnx_fp32.onnx").graph.node
    assert [node.op_type for node in first] == [
        node.op_type for node in usual if node.name.startswith("first/")
    ]
    assert not {"Cast", "QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in first}
    constants = [one for one in proto.graph.initializer if one.name.startswith("first/")]
    assert {one.data_type for one in constants} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert [node.name for node in proto.graph.input] == POINT_SEGMENTER.names()[0]
    assert [node.name for node in proto.graph.output] == POINT_SEGMENTER.names()[1]


def test_a_bundle_of_points_alone_serves_predictors_and_the_detector(
    weights, detector_weights, shared, tmp_path, capsys
):
    bundle = shared.export(
        *("--target", "onnx", "--precision", "fp32", "--size", SIZE, "--weights", weights),
        *("--detector", detector_weights, "--detector-size", 64, "--prompts", "points"),
    )
    assert load(bundle).kind is POINT_SEGMENTER
    assert run("verify", bundle) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("detector "))
    assert "1.0000" in row
    photo = EXAMPLES[0].path
    mask = tmp_path / "mask.png"
    words = ("segment", photo, "--model", bundle, "--point", "100,100")
    assert run(*words, "--out", mask) == 0


def test_what_cannot_be_is_refused(bundle, weights, tmp_path, capsys):
    def complaint(*words):
        out = tmp_path / "out"
        assert run("export", "--weights", weights, "--size", SIZE, *words, "--out", out) == 2
        assert not out.exists()
        return capsys.readouterr().err

    assert "unknown --prompts 'clicks'; choose from tensors, points" in complaint(
        "--prompts", "clicks"
    )
    assert "add onnx to --target" in complaint("--target", "coreml", "--prompts", "points")
    network = load(bundle / "nano_points_onnx_fp32.onnx")
    inputs = list(point_inputs(torch.zeros(1, 3, 2), torch.ones(1, 3), None, SIZE))
    image = torch.zeros(1, 3, SIZE, SIZE)
    assert network(image, *inputs)[1].shape == (1, 4)
    with pytest.raises(ArtifactError, match="takes inputs of shapes"):
        network(torch.zeros(1, 3, SIZE, 2 * SIZE), *inputs)
    with pytest.raises(ArtifactError, match="takes inputs of shapes"):
        network(image, *inputs[:-1])


def test_it_is_timed_like_any_other(bundle):
    session = OrtSession(onnxruntime, 1)
    session.load(bundle / "nano_points_onnx_fp32.onnx")
    shapes = [one.shape for one in session.inputs()]
    assert shapes == POINT_SEGMENTER.shapes(SIZE)[0]


def documented(language: str) -> str:
    """The code of the one example in a language."""
    page = (TESTS.parent / "docs" / "onnx.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture
def python_example(bundle, tmp_path, monkeypatch):
    """What the names of the Python example stand for once it has run."""
    (tmp_path / "artifacts").mkdir()
    file = bundle / "nano_points_onnx_fp32.onnx"
    shutil.copyfile(file, tmp_path / "artifacts" / "base_points_onnx_int8.onnx")
    shutil.copyfile(EXAMPLES[0].path, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(documented("python"), "onnx.md", "exec"), names)
    return names


def test_the_example_in_python_gives_the_mask_of_the_predictor(bundle, python_example):
    network = load(bundle / "nano_points_onnx_fp32.onnx")
    predictor = SamPredictor(network, cleaning=None, looking=None)
    predictor.set_image(EXAMPLES[0].path)
    (wanted,), _, _ = predictor.predict([EXAMPLES[0].garment], [1], multimask_output=False)
    found = python_example["mask"]
    assert wanted.any()
    assert not wanted.all()
    assert (found & wanted).sum() / (found | wanted).sum() >= 0.99


@pytest.mark.web
@pytest.mark.skipif(
    not (PACKAGES / "onnxruntime-web").is_dir() or shutil.which("node") is None,
    reason="SQUEEZESAM_WEB_RUNTIME names no node_modules folder with onnxruntime-web, or no node",
)
def test_the_example_in_javascript_answers_as_that_in_python(bundle, python_example, tmp_path):
    width, height = python_example["width"], python_example["height"]
    clicks = [{"x": x, "y": y, "label": 1} for x, y in python_example["clicks"].tolist()]
    rgb = python_example["pixels"].astype(int).ravel().tolist()
    given = {"size": SIZE, "rgb": rgb, "width": width, "height": height, "clicks": clicks}
    code, case, answer = (tmp_path / name for name in ("mask0.js", "case.json", "answer.json"))
    code.write_text(documented("js"))
    case.write_text(json.dumps(given))
    file = bundle / "nano_points_onnx_fp32.onnx"
    subprocess.run(
        ["node", TESTS / "web" / "example.mjs", code, case, file, answer], check=True, timeout=120
    )
    wanted = python_example["masks"][0, 0].ravel()
    np.testing.assert_allclose(json.loads(answer.read_text()), wanted, rtol=0, atol=1e-3)
