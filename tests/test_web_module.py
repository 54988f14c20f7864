"""The JavaScript module under the web page, held to Python's answers by node's own test runner."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from bundles import golden_in
from sharing import Shared
from web_vectors import packed, write_vectors

import squeezesam_export
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.vectors.answers import answers_case

TESTS = Path(__file__).parent / "web"
WEB = Path(squeezesam_export.__file__).parent / "web"
RUNTIME = "SQUEEZESAM_WEB_RUNTIME"
PACKAGES = Path(os.environ.get(RUNTIME, ""))
TYPE_CHECKER = PACKAGES / ".bin" / "tsc"

pytestmark = [
    pytest.mark.web,
    pytest.mark.skipif(
        shutil.which("node") is None, reason="node is not installed: apt-get install nodejs"
    ),
]


def run_node(test: str, vectors: Path, **environment: str) -> None:
    done = subprocess.run(
        ["node", "--test", TESTS / test],
        env={**os.environ, "SQUEEZESAM_VECTORS": str(vectors), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_module_answers_as_python_does(tmp_path: Path) -> None:
    write_vectors(tmp_path)
    run_node("module.test.mjs", tmp_path)


def test_the_page_keeps_the_steps_of_a_selection(tmp_path: Path) -> None:
    run_node("page.test.mjs", tmp_path)


@pytest.mark.skipif(
    not TYPE_CHECKER.is_file(),
    reason=f"{RUNTIME} names no node_modules folder with typescript; see docs/web.md",
)
def test_types_fit() -> None:
    done = subprocess.run([TYPE_CHECKER, "-p", WEB], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.skipif(
    not (PACKAGES / "onnxruntime-web").is_dir(),
    reason=f"{RUNTIME} names no node_modules folder with onnxruntime-web; see docs/web.md",
)
def test_a_real_runtime_answers_as_python_does(tmp_path: Path, shared: Shared) -> None:
    """The shipped weights, by onnxruntime-web and by Python's onnxruntime; and golden cases."""
    bundle = shared.export("--target", "onnx", "--precision", "fp32,int8")
    predictor = SaliencyPredictor(
        load(bundle / "base_onnx_fp32.onnx"),
        load(bundle / "saliency_onnx_fp32.onnx"),
    )
    photo = read_photo(EXAMPLES[0].path)
    content = answers_case("a shipped photo", predictor, photo)
    (tmp_path / "runtime.json").write_text(json.dumps(content))
    golden = [
        {name: packed(tensor.numpy()) for name, tensor in case.tensors.items()}
        for case in golden_in(bundle)
        if case.photo == EXAMPLES[0].path.name
    ]
    assert golden
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    run_node("runtime.test.mjs", tmp_path, SQUEEZESAM_BUNDLE=str(bundle))
