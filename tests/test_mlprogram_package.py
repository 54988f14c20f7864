"""Reading of packages: weight files, damage, classifiers; and that every operator is tested."""

import json
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from mil_programs import Array, ct, interpreted, mb
from numpy.random import default_rng
from torch import nn

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram import ops
from squeezesam_export.mlprogram.elements import ELEMENTS
from squeezesam_export.mlprogram.interpreter import Interpreter
from squeezesam_export.mlprogram.package import read_package
from squeezesam_export.mlprogram.program import BLOB_TYPES, WeightFile
from squeezesam_export.mlprogram.registry import find, kinds
from squeezesam_export.targets.quiet import quiet

with quiet():
    from coremltools.converters.mil.mil import Function, Program, types
    from coremltools.libmilstoragepython import _BlobStorageReader, _BlobStorageWriter
    from coremltools.proto import Model_pb2

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
TESTS = {
    ops.windows: ("test_mlprogram_conv.py", "test_mlprogram_normalization.py"),
    ops.normalization: ("test_mlprogram_normalization.py",),
    ops.image_resizing: ("test_mlprogram_resizing.py",),
    ops.compression: ("test_mlprogram_compression.py",),
}
"""Where the operators of a module are made; that of `classify` is made below, by converting."""


@pytest.mark.parametrize("module", TESTS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_operator_is_tested(module) -> None:
    source = "".join((Path(__file__).parent / name).read_text() for name in TESTS[module])
    registered = {
        kind
        for kind in kinds()
        for opset in range(5, 9)
        if (found := find(kind, opset)) and found.function.__module__ == module.__name__
    }
    assert registered
    assert registered <= set(re.findall(r"\bmb\.(\w+)", source))


STORED = {"float32": "float", "float16": "fp16"}
"""What coremltools' methods call a type."""


def random_values(name: str, count: int) -> Array:
    element, rng = ELEMENTS[name], default_rng(count)
    if element.kind == "float":
        return rng.standard_normal(count).astype(name)
    low = 0 if name.startswith("uint") else -(2 ** (element.bits - 1))
    values = rng.integers(low, low + 2**element.bits, count)
    values[:2] = low, low + 2**element.bits - 1
    return values.astype(name if element.bits >= 8 else ("uint8" if low == 0 else "int8"))


@pytest.mark.parametrize("name", BLOB_TYPES)
def test_weights_are_those_that_coremltools_reads_and_writes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weight.bin"
    method = f"{STORED.get(name, name)}_data"
    writer = _BlobStorageWriter(str(path))
    arrays = [random_values(name, count) for count in (2, 3, 7, 8, 33, 1000)]
    offsets = [
        getattr(writer, f"write_{method}")(one.view(np.uint16) if name == "float16" else one)
        for one in arrays
    ]
    del writer
    ours = WeightFile(path, path.read_bytes())
    theirs = _BlobStorageReader(str(path))
    for one, offset in zip(arrays, offsets, strict=True):
        values = ours.read(offset, ELEMENTS[name], one.size)
        np.testing.assert_array_equal(values, one)
        read = np.asarray(getattr(theirs, f"read_{method}")(offset))
        np.testing.assert_array_equal(values, read.view(name) if name == "float16" else read)
        for wrong in (one.size - 1, one.size + 1):
            with pytest.raises(ArtifactError, match=f"no {wrong} values of {name}"):
                ours.read(offset, ELEMENTS[name], wrong)


def test_small_constants_of_every_type() -> None:
    # coremltools stores fewer than ten values in the program itself.
    def build(x):
        results = []
        for name in ("int4", "uint4", "int8", "uint8"):
            values = random_values(name, 3)
            typed = values.astype(getattr(types, f"np_{name}_dtype", name))
            scale = np.ones(1, np.float32)
            weight = mb.constexpr_blockwise_shift_scale(data=typed, scale=scale)
            results.append(mb.add(x=x, y=weight))
        return tuple(results)

    results = interpreted(build, np.zeros(3, np.float32), opset="iOS18")
    for y, name in zip(results, ("int4", "uint4", "int8", "uint8"), strict=True):
        np.testing.assert_array_equal(y, random_values(name, 3))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of one convolution."""
    weight = default_rng(0).standard_normal((4, 3, 3, 3), dtype=np.float32)
    path = tmp_path_factory.mktemp("saved") / "model.mlpackage"
    with quiet():
        with Function({"x": mb.TensorSpec((1, 3, 8, 8))}, ct.target.iOS16) as function:
            function.set_outputs([mb.relu(x=mb.conv(x=function.inputs["x"], weight=weight))])
        program = Program()
        program.add_function("main", function)
        ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        ).save(path)
    return path


@pytest.fixture
def package(saved: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(saved, tmp_path / "model.mlpackage"))


def refusal(path: Path) -> str:
    """The message to the user, of one line."""
    with pytest.raises(ArtifactError) as refused:
        Interpreter(read_package(path).program)
    message = str(refused.value)
    assert "\n" not in message
    return message


def changed_model(package: Path, change) -> None:
    spec = Model_pb2.Model()
    spec.ParseFromString((package / MODEL).read_bytes())
    change(spec)
    (package / MODEL).write_bytes(spec.SerializeToString())


def block_of(spec):
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    return block


def blobs_of(spec):
    values = [
        value for operation in block_of(spec).operations for value in operation.attributes.values()
    ]
    return [one.blobFileValue for one in values if one.WhichOneof("value") == "blobFileValue"]


def test_an_undamaged_package_is_read(package: Path) -> None:
    program = read_package(package).program
    assert [one.name for one in program.inputs] == ["x"]
    (y,) = Interpreter(program)({"x": torch.zeros(1, 3, 8, 8)}).values()
    assert y.shape == (1, 4, 6, 6)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input x is absent"),
        ({"x": torch.zeros(1, 3, 8, 9)}, r"input x does not fit: .*\[1, 3, 8, 9\]"),
        ({"x": torch.zeros(1, 3, 8, 8).int()}, "input x does not fit: gives int"),
    ],
)
def test_inputs_that_do_not_fit(package: Path, inputs: dict, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        Interpreter(read_package(package).program)(inputs)


def test_truncated_weights(package: Path) -> None:
    content = (package / WEIGHTS).read_bytes()
    (package / WEIGHTS).write_bytes(content[:-10])
    assert re.search(r"holds no 108 values of float32 at offset 64; convert", refusal(package))
    (package / WEIGHTS).write_bytes(content[:70])
    assert re.search(r"ends before offset 64; convert", refusal(package))
    (package / WEIGHTS).write_bytes(content[:3])
    assert re.search(r"no weight file of version 2; convert", refusal(package))


def test_missing_weights(package: Path) -> None:
    (package / WEIGHTS).unlink()
    assert re.search(r"weight.bin: No such file or directory; convert", refusal(package))


@pytest.mark.parametrize("offset", [65, 4096, 2**63, 2**64 - 1])
def test_a_wrong_offset(package: Path, offset: int) -> None:
    def change(spec) -> None:
        for blob in blobs_of(spec):
            blob.offset = offset

    changed_model(package, change)
    assert re.search(rf"at offset {offset}|before offset {offset}", refusal(package))


def test_a_wrong_place_of_the_data_itself(package: Path) -> None:
    content = bytearray((package / WEIGHTS).read_bytes())
    struct.pack_into("<Q", content, 64 + 16, 2**64 - 1)
    (package / WEIGHTS).write_bytes(content)
    assert re.search(r"at offset 64", refusal(package))


@pytest.mark.parametrize("name", ["@model_path/../../../secret", "/secret"])
def test_weights_outside_of_the_package(package: Path, name: str) -> None:
    def change(spec) -> None:
        for blob in blobs_of(spec):
            blob.fileName = name

    changed_model(package, change)
    assert re.search(r"leads out of the package.*convert", refusal(package))


def test_a_model_outside_of_the_package(package: Path) -> None:
    manifest = json.loads((package / "Manifest.json").read_text())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = "../../model.mlmodel"
    (package / "Manifest.json").write_text(json.dumps(manifest))
    assert re.search(r"Manifest.json is missing or damaged; convert", refusal(package))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"rootModelIdentifier": 3, "itemInfoEntries": []}', "\ud800"]
)
def test_a_broken_manifest(package: Path, text: str) -> None:
    (package / "Manifest.json").write_text(text, errors="surrogatepass")
    assert re.search(r"Manifest.json is missing or damaged; convert", refusal(package))


def test_no_package(tmp_path: Path) -> None:
    assert re.search(r"does not exist; name an .mlpackage", refusal(tmp_path / "absent"))
    (tmp_path / "file").touch()
    assert re.search(r"is no directory; name an .mlpackage", refusal(tmp_path / "file"))
    assert re.search(r"is no .mlpackage.*convert", refusal(tmp_path))


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(100), b"\xff" * 40])
def test_a_garbage_model(package: Path, content: bytes) -> None:
    (package / MODEL).write_bytes(content)
    assert re.search(r"is no Core ML model|holds no model|not an ML Program", refusal(package))


def test_a_missing_model(package: Path) -> None:
    (package / MODEL).unlink()
    assert re.search(r"is no Core ML model.*convert", refusal(package))


def test_another_kind_of_model(package: Path) -> None:
    changed_model(package, lambda spec: spec.neuralNetwork.layers.add())
    assert re.search(
        r"of kind neuralNetwork, not an ML Program; convert it with convert_to='mlprogram'",
        refusal(package),
    )


def test_an_unknown_operator(package: Path) -> None:
    def change(spec) -> None:
        block_of(spec).operations[-1].type = "telepathy"

    changed_model(package, change)
    assert re.search(r"does not know, in operator set 6: op .* of kind telepathy", refusal(package))


def test_an_unknown_parameter(package: Path) -> None:
    def change(spec) -> None:
        relu = block_of(spec).operations[-1]
        relu.inputs["slope"].CopyFrom(relu.inputs["x"])

    changed_model(package, change)
    with pytest.raises(ArtifactError, match=r"of kind relu fails: .*parameter slope is unknown"):
        Interpreter(read_package(package).program)({"x": torch.zeros(1, 3, 8, 8)})


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_never_give_another_error(package: Path, seed: int) -> None:
    rng = default_rng(seed)
    content = bytearray((package / MODEL).read_bytes())
    for place in rng.integers(0, len(content), 3):
        content[place] = rng.integers(0, 256)
    if seed % 4 == 0:
        content = content[: rng.integers(len(content))]
    (package / MODEL).write_bytes(content)
    try:
        interpreter = Interpreter(read_package(package).program)
        interpreter({one.name: torch.zeros(1, 3, 8, 8) for one in interpreter.program.inputs})
    except ArtifactError as error:
        assert "\n" not in str(error)  # noqa: PT017 - it may as well succeed


@pytest.mark.parametrize("labels", [["ant", "bee", "cat"], [30, 10, 20]])
def test_classifier(labels: list, tmp_path: Path) -> None:
    class Network(nn.Module):
        def forward(self, x):
            return torch.softmax(x, 1)

    x = torch.tensor([[0.5, 2.0, 1.0]])
    with quiet():
        ct.convert(
            torch.export.export(Network(), (x,)).run_decompositions({}),
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            classifier_config=ct.ClassifierConfig(labels),
            skip_model_load=True,
        ).save(tmp_path / "model.mlpackage")
    program = read_package(tmp_path / "model.mlpackage").program
    label, probabilities = Interpreter(program)({program.inputs[0].name: x}).values()
    assert label == labels[1]
    assert list(probabilities) == labels
    np.testing.assert_allclose(list(probabilities.values()), torch.softmax(x, 1)[0], rtol=1e-6)
