"""The Kotlin library of the Android demo on the JVM, held to Python's answers by JUnit.

ONNX Runtime is the real one: its Java API and Android JNI library from the pinned package, with the
package's own library for Linux behind them. `bionic.c` stands in for Android's C library.
"""

import dataclasses
import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from sharing import Shared
from toolchain import Toolchain, joined
from web_vectors import write_vectors

from squeezesam.examples import EXAMPLES
from squeezesam.image_io import MAX_PHOTO_PIXELS, MAX_PHOTO_SIDE, read_photo
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.vectors.answers import answers_case
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import SCHEMA_VERSION as RESULTS_SCHEMA
from squeezesam_benchmarks.results.records import read_results
from squeezesam_benchmarks.results.report import report
from squeezesam_export.bundle.artifacts import content_sha256
from squeezesam_export.bundle.manifest import SCHEMA_VERSION, read_manifest

LIBRARY = Path(__file__).parents[1] / "android_demo" / "segmentation" / "src"
PACKAGE = "org.squeezesam.segmentation"
NATIVE = LIBRARY / "test" / "native"
STUBS = LIBRARY / "stubs" / "java"
OF_ANDROID = "AndroidPhotos.kt"
"""The one file that needs Android's classes; the build of the app compiles it."""


pytestmark = [
    pytest.mark.android,
    pytest.mark.slow,
    *(
        pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
        for program in ("java", "gcc")
    ),
]


@pytest.fixture(scope="module")
def compiled(tools: Toolchain, shared: Shared) -> Path:
    """The folder of the compiled library with its tests, and of the native libraries."""
    sources = [
        path
        for path in (*LIBRARY.glob("main/kotlin/**/*.kt"), *LIBRARY.glob("test/kotlin/**/*.kt"))
        if path.name != OF_ANDROID
    ]
    others = [*STUBS.glob("**/*.java"), *NATIVE.iterdir()]

    def make(folder: Path) -> None:
        jars = [tools.onnxruntime / "classes.jar", *tools.test_jars]
        tools.compile_kotlin([*sources, STUBS], jars, folder / "library.jar")
        bionic = folder / "libc.so"
        script = f"-Wl,--version-script={NATIVE / 'bionic.map'}"
        words = ["gcc", "-shared", "-fPIC", "-fno-builtin", script, NATIVE / "bionic.c"]
        subprocess.run([*words, "-o", bionic], check=True, timeout=100)
        for name in ("libdl.so", "libm.so"):
            shutil.copy(bionic, folder / name)
        shutil.copy(tools.onnxruntime / "jni/x86_64/libonnxruntime4j_jni.so", folder)
        (folder / "libonnxruntime.so").symlink_to(tools.linux_onnxruntime)

    return shared.made(make, "the Android library", tools.root.name, *sources, *others)


@pytest.fixture(scope="module")
def bundle(shared: Shared) -> Path:
    """The shipped weights, as an app carries them."""
    return shared.export("--target", "onnx", "--precision", "fp32,int8")


def run_tests(name: str, tools: Toolchain, compiled: Path, **properties: Path) -> str:
    """Run a class of tests and return what it printed."""
    jars = [compiled / "library.jar", tools.onnxruntime / "classes.jar", *tools.test_jars]
    given = {"onnxruntime.native.path": compiled, **properties}
    words = ["java", "-Xmx1500m", *(f"-D{key}={value}" for key, value in given.items())]
    words += ["-cp", joined(jars), "org.junit.runner.JUnitCore", f"{PACKAGE}.{name}"]
    environment = os.environ | {"LD_LIBRARY_PATH": str(compiled)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK (" in done.stdout
    return done.stdout


def library_numbers() -> dict[str, object]:
    """Numbers of this package that the library repeats, beside those of `web_vectors.constants`."""
    return {
        "version": version("squeezesam"),
        "manifest_schema": SCHEMA_VERSION,
        "results_schema": RESULTS_SCHEMA,
        "most_pixels": MAX_PHOTO_PIXELS,
        "longest_side": MAX_PHOTO_SIDE,
        "protocol": dataclasses.asdict(Protocol()),
    }


def test_every_part_answers_as_python_does(
    tools: Toolchain, compiled: Path, tmp_path: Path
) -> None:
    write_vectors(tmp_path)
    (tmp_path / "library.json").write_text(json.dumps(library_numbers()))
    run_tests("VectorsTest", tools, compiled, vectors=tmp_path)


@pytest.mark.parametrize("name", ["PredictorTest", "JsonTest"])
def test_what_is_refused(name: str, tools: Toolchain, compiled: Path) -> None:
    run_tests(name, tools, compiled)


def test_damaged_bundles_are_refused(tools: Toolchain, compiled: Path, bundle: Path) -> None:
    run_tests("BundleTest", tools, compiled, bundle=bundle)


def test_a_real_runtime_answers_as_python_does(
    tools: Toolchain, compiled: Path, bundle: Path, tmp_path: Path
) -> None:
    """The golden cases, whole answers, and the records of a benchmark."""
    predictor = SaliencyPredictor(
        load(bundle / "base_onnx_fp32.onnx"), load(bundle / "saliency_onnx_fp32.onnx")
    )
    photo = read_photo(EXAMPLES[0].path)
    content = answers_case("a shipped photo", predictor, photo)
    (tmp_path / "runtime.json").write_text(json.dumps(content))
    (tmp_path / "results").mkdir()
    results = tmp_path / "results" / "results.jsonl"
    print(
        run_tests("RuntimeTest", tools, compiled, bundle=bundle, vectors=tmp_path, results=results)
    )
    check_records(results, bundle)


def check_records(path: Path, bundle: Path) -> None:
    """The harness reads what the library wrote, and finds in it what was timed."""
    results = read_results(path)
    assert [one.round_index for one in results] == [0, 0, 1, 1]
    assert len({one.run_id for one in results}) == 1
    manifest = read_manifest(bundle)
    by_name = {one.graphs[0].file: one.graphs[0] for one in manifest.artifacts}
    for result in results:
        graph, measured = by_name[result.artifact.name], result.measurement
        assert (result.artifact.sha256, result.artifact.size_bytes) == (
            graph.sha256,
            graph.size_bytes,
        )
        assert result.artifact.manifest is not None
        assert result.artifact.manifest.sha256 == content_sha256(bundle / "manifest.json")
        assert (result.device.place, result.device.model) == ("android", "Test phone")
        assert (measured.runtime, measured.runtime_version) == ("onnxruntime", "1.29.0")
        assert len(measured.warm_samples_ms) == 2
        assert sum(measured.sustained_samples_ms) > 100
        assert len(measured.pipeline_samples) == (result.artifact.variant == "base")
        assert min(measured.load_ms or 0, measured.first_inference_ms or 0) > 0
        assert measured.before.battery_percent == 80
    text = report(results, None)
    assert all(one.artifact.name in text for one in results)
