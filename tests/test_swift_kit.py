"""The Swift kit of the iOS demo, built and tested on Linux, and held to Python's answers."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sharing import Shared
from swift_vectors import write_swift_vectors

from squeezesam.examples import EXAMPLES, PHOTOS
from squeezesam.image_io import read_photo
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.spec import IMAGE, LOW_RES_MASKS, MAP_STRIDE, PROMPT_MAPS, PROMPT_TOKENS, SEGMENTER
from squeezesam.vectors.answers import answers_case
from squeezesam_export.bundle.array_files import ArrayFile
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.mlprogram.interpreter import InterpretedModel

DEMO = Path(__file__).parent.parent / "ios_demo"
SCRIPT = DEMO / "swift_root.py"
KIT = DEMO / "SqueezeSAMKit"
ROOT = "SQUEEZESAM_SWIFT_ROOT"
BUILT = "/var/cache/squeezesam-kit"
"""In the root, where builds are kept between runs."""


def in_root(tests: type) -> type:
    """Marks tests that need the Linux folder with Swift."""
    root = Path(os.environ.get(ROOT) or "/nowhere")
    reason = f"{ROOT} names no Linux folder with Swift; see ios_demo/README.md"
    skip = pytest.mark.skipif(not (root / "etc/squeezesam-swift-root").is_file(), reason=reason)
    return pytest.mark.swift(skip(tests))


def run_script(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=1500,
    )


def swift(*words: object, shared: Sequence[Path] = (), **environment: str) -> str:
    """What a command in the root prints; it sees the demo and the shared folders."""
    folders = [word for folder in (DEMO, *shared) for word in ("--share", folder)]
    done = run_script("run", *folders, *words, **environment)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def kit() -> None:
    """Built with its tests and tools; in release, for the loops over pixels."""
    swift("swift", "build", "-c", "release", *PLACES, "--build-tests")


PLACES = ("--package-path", KIT, "--scratch-path", BUILT)


@pytest.fixture(scope="module")
def vectors(shared: Shared) -> Path:
    return shared.made(write_swift_vectors, "vectors of the Swift kit")


@pytest.mark.parametrize(
    ("root", "message"),
    [("", "is not set"), (str(KIT / "root"), "touches the source tree"), ("/nowhere", "make")],
)
def test_a_root_that_cannot_be_used_is_refused(root: str, message: str) -> None:
    done = run_script("run", "true", **{ROOT: root})
    assert done.returncode == 2
    assert done.stderr.startswith("swift_root: ")
    assert message in done.stderr


def test_a_folder_that_is_no_root_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    assert run_script("remove", **{ROOT: str(tmp_path)}).returncode == 2
    assert (tmp_path / "mine").exists()
    assert run_script("make", **{ROOT: str(tmp_path)}).returncode == 2


@in_root
class TestInRoot:
    def test_no_mount_outlives_its_command(self, tmp_path: Path) -> None:
        (tmp_path / "seen").write_text("by both")
        seen = swift("sh", "-c", f"cat {tmp_path}/seen; ls /proc/self", shared=[tmp_path])
        assert seen.startswith("by both")
        assert os.environ[ROOT] not in Path("/proc/self/mountinfo").read_text()

    def test_the_style_is_that_of_swift_format(self) -> None:
        swift("sh", "-c", f"cd {DEMO} && swift format lint --strict --recursive App SqueezeSAMKit")

    @pytest.mark.slow
    @pytest.mark.usefixtures("kit")
    def test_the_kit_answers_as_python_does(self, vectors: Path) -> None:
        told = swift(
            *("swift", "test", "-c", "release", "--skip-build", *PLACES),
            shared=[vectors],
            SQUEEZESAM_VECTORS=str(vectors),
        )
        assert "Test run with" in told

    @pytest.mark.slow
    @pytest.mark.usefixtures("kit")
    def test_onnx_runtime_answers_as_python_does(self, shared: Shared, tmp_path: Path) -> None:
        """The shipped weights in fp32 and int8, on all golden cases and in whole answers."""
        bundle = shared.export("--target", "onnx", "--precision", "fp32,int8")
        predictor = SaliencyPredictor(
            load(bundle / "base_onnx_fp32.onnx"), load(bundle / "saliency_onnx_fp32.onnx")
        )
        photo = read_photo(EXAMPLES[0].path)
        content = answers_case("a shipped photo", predictor, photo)
        (tmp_path / "runtime.json").write_text(json.dumps(content))
        capi = Path(onnxruntime.__file__).parent / "capi"
        (library,) = capi.glob("libonnxruntime.so.*")
        told = swift(
            *("swift", "test", "-c", "release", "--skip-build", *PLACES),
            *("--filter", "EndToEndTests"),
            shared=[tmp_path, bundle, capi],
            SQUEEZESAM_VECTORS=str(tmp_path),
            SQUEEZESAM_BUNDLE=str(bundle),
            SQUEEZESAM_ONNX_LIBRARY=str(library),
        )
        assert "goldenMasksAreAnswered" in told

    @pytest.mark.slow
    @pytest.mark.usefixtures("kit")
    def test_core_ml_is_given_what_python_gives(self, exported: Path, tmp_path: Path) -> None:
        """The kit's pixels and prompts, through the exported package, give the golden masks."""
        manifest = read_manifest(exported)
        network = manifest.network(SEGMENTER)
        assert network is not None
        (package,) = (
            exported / artifact.graphs[0].file
            for artifact in network.artifacts
            if (artifact.target, artifact.precision) == ("coreml", "fp32")
        )
        size, questions, wanted = network.input_size, [], []
        bytes_per_row = 4 * size + 64  # Core Video may make rows longer than their pixels.
        for golden in (one for one in network.golden if one.prompted_by is None):
            photo, arrays = read_photo(PHOTOS / golden.photo), ArrayFile(exported / golden.file)
            pixels = tmp_path / f"{golden.photo}.rgb"
            pixels.write_bytes(photo.tobytes())
            before = arrays.read(PROMPT_MAPS)[:, 3]
            for row, case in enumerate(golden.cases):
                out = tmp_path / f"{golden.photo}_{row}"
                out.mkdir()
                earlier = 2 * np.arctanh(before[row].clip(-1 + 1e-7, 1 - 1e-7))
                earlier.astype(np.float32).tofile(out / "earlier.f32")
                questions.append(
                    {
                        "photo": [golden.width, golden.height],
                        "pixels": str(pixels),
                        "size": size,
                        "clicks": [[one.x, one.y, one.label] for one in case.clicks],
                        "box": case.box,
                        "mask_input": str(out / "earlier.f32") if case.previous else None,
                        "bytes_per_row": bytes_per_row,
                        "out": str(out),
                    }
                )
                wanted.append((out, arrays.read(LOW_RES_MASKS)[row], arrays.read(IMAGE)[0]))
        (tmp_path / "questions.json").write_text(json.dumps(questions))
        swift(f"{BUILT}/release/kit-inputs", tmp_path / "questions.json", shared=[tmp_path])
        model = InterpretedModel(package)
        for out, masks, image in wanted:
            rows = np.fromfile(out / "image.bgra", np.uint8).reshape(size, bytes_per_row)
            shown = rows[:, : 4 * size].reshape(size, size, 4)
            assert (shown[..., 3] == 255).all()
            picture = np.ascontiguousarray(shown[..., 2::-1])
            assert np.array_equal(picture.transpose(2, 0, 1), image)
            side = size // MAP_STRIDE
            given = {
                IMAGE: Image.fromarray(picture),
                PROMPT_MAPS: np.fromfile(out / "prompt_maps.f32", np.float32).reshape(
                    1, 4, side, side
                ),
                PROMPT_TOKENS: np.fromfile(out / "prompt_tokens.f32", np.float32).reshape(
                    1, 16, 28
                ),
            }
            found = model.predict(given)[LOW_RES_MASKS][0]
            both, either = (found > 0) & (masks > 0), (found > 0) | (masks > 0)
            assert both.sum() >= 0.999 * either.sum(), out
