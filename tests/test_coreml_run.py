"""`squeezesam coreml-run`, as a stranger would use it on models that are none of ours."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from coreml_faults import Saved
from PIL import Image
from small_networks import run
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_export.mlprogram.package import read_package
from squeezesam_export.targets.quiet import quiet

with quiet():
    import coremltools as ct

SIDE = 64
CLASSES = ["tench", "goldfish", "hammerhead", "hen", "ostrich"]


class SqueezeExcite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(width, width // 4, 1), nn.Conv2d(width // 4, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.up(F.relu(self.down(pooled))))


class MobileBlock(nn.Module):
    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        hidden = 3 * width
        self.body = nn.Sequential(
            *(nn.Conv2d(width, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.Hardswish()),
            nn.Conv2d(hidden, hidden, 5, stride, 2, groups=hidden, bias=False),
            *(nn.BatchNorm2d(hidden), nn.ReLU6(), SqueezeExcite(hidden)),
            *(nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out)),
        )
        self.residual = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class MobileClassifier(nn.Module):
    """In the manner of MobileNetV3."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish()),
            *(MobileBlock(16, 16, 1), MobileBlock(16, 24, 2), MobileBlock(24, 24, 1)),
        )
        self.head = nn.Sequential(nn.Linear(24, 32), nn.Hardswish(), nn.Dropout(), nn.Linear(32, 5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.head(self.features(x).mean((2, 3))), dim=1)


class VitBlock(nn.Module):
    """Patches, a class token, one pre-norm transformer block."""

    def __init__(self, width: int = 48, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.class_token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (SIDE // 16) ** 2 + 1, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        batch, tokens, _ = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.out(mixed)
        return x + self.mlp(self.norm2(x))


def settled(model: nn.Module) -> nn.Module:
    """In eval mode, with BatchNorms that have seen something."""
    with torch.no_grad():
        for _ in range(3):
            model.train()(torch.randn(4, 3, SIDE, SIDE))
    return model.eval()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "image.png"
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def tensor_of(photo: Path) -> Tensor:
    return torch.from_numpy(np.asarray(Image.open(photo)).transpose(2, 0, 1).copy())[None].float()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """Traced and converted in float16, as coremltools' own examples do it."""
    torch.manual_seed(0)
    model = settled(MobileClassifier())
    path = tmp_path_factory.mktemp("classifier") / "classifier.mlpackage"
    with quiet():
        traced = torch.jit.trace(model, torch.rand(1, 3, SIDE, SIDE))
        shape = (1, 3, SIDE, SIDE)
        picture = ct.ImageType(name="image", shape=shape, scale=1 / 127.5, bias=[-1, -1, -1])
        labels = ct.ClassifierConfig(CLASSES)
        ct.convert(traced, inputs=[picture], classifier_config=labels).save(path)
    return model, path


def test_a_classifier(
    classifier: tuple[nn.Module, Path], photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, package = classifier
    out = package.parent / "outputs.npz"
    assert run("coreml-run", package, "--input", photo, "--out", out) == 0
    printed = capsys.readouterr().out
    with torch.inference_mode():
        wanted = model(tensor_of(photo) / 127.5 - 1)[0]
    assert CLASSES[int(wanted.argmax())] in printed
    assert "no Neural Engine rounding" in printed
    with np.load(out) as outputs:
        assert str(outputs["classLabel"]) == CLASSES[int(wanted.argmax())]
        shares = dict(
            zip(outputs["classLabel_probs.keys"], outputs["classLabel_probs.values"], strict=True)
        )
    np.testing.assert_allclose([shares[name] for name in CLASSES], wanted, atol=2e-3)


def test_a_package_runs_without_the_rest_of_coremltools(
    classifier: tuple[nn.Module, Path], photo: Path
) -> None:
    """Its import takes seconds, prints notes on versions and imports PyTorch's tools."""
    program = (
        "import sys; from squeezesam.cli import main; status = main(sys.argv[1:]); "
        "sys.exit(status or str({'coremltools', 'torchao'} & sys.modules.keys() or ''))"
    )
    words = [sys.executable, "-c", program, "coreml-run", classifier[1], "--input", photo]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert "classLabel" in done.stdout


@pytest.mark.parametrize("system", ["iOS16", "iOS18"])
@pytest.mark.parametrize("precision", ["FLOAT32", "FLOAT16"])
def test_a_vision_transformer(system: str, precision: str, photo: Path, tmp_path: Path) -> None:
    """Its attention is several operators before iOS 18, and one since."""
    torch.manual_seed(0)
    model = settled(VitBlock())
    package, out = tmp_path / "vit.mlpackage", tmp_path / "outputs.npz"
    with quiet():
        ct.convert(
            torch.jit.trace(model, torch.rand(1, 3, SIDE, SIDE)),
            inputs=[ct.ImageType(name="image", shape=(1, 3, SIDE, SIDE), scale=1 / 255)],
            outputs=[ct.TensorType(name="tokens", dtype=np.float32)],
            minimum_deployment_target=ct.target[system],
            compute_precision=ct.precision[precision],
        ).save(package)
    assert run("coreml-run", package, "--input", f"image={photo}", "--out", out) == 0
    with torch.inference_mode():
        wanted = model(tensor_of(photo) / 255)
    kinds = {operation.kind for operation in read_package(package).program.operations}
    assert ("scaled_dot_product_attention" in kinds) == (system == "iOS18")
    tolerance = 1e-5 if precision == "FLOAT32" else 1e-2
    with np.load(out) as outputs:
        np.testing.assert_allclose(outputs["tokens"], wanted, atol=tolerance, rtol=tolerance)


def small_package(path: Path, *inputs: object, **options: object) -> Path:
    """A convolution and a mean, 3 numbers in all."""
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with quiet():
        traced = torch.jit.trace(model, torch.rand(1, 3, SIDE, SIDE))
        ct.convert(traced, inputs=list(inputs), **options).save(path)
    return path


def test_a_classifier_whose_classes_are_numbers(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = ct.ImageType(name="image", shape=(1, 3, SIDE, SIDE))
    labels = ct.ClassifierConfig([10, 11, 12])
    package = small_package(tmp_path / "a.mlpackage", picture, classifier_config=labels)
    assert run("coreml-run", package, "--input", photo) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    (label,) = (row for row in rows if row[:2] == ["classLabel", "int"])
    assert label[-1] in ("10", "11", "12")


def test_enumerated_shapes_run_and_are_no_dynamic_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = ct.EnumeratedShapes([(1, 3, SIDE, SIDE), (1, 3, 32, 48)])
    package = small_package(tmp_path / "a.mlpackage", ct.TensorType(name="x", shape=shapes))
    assert run("coreml-placement", package) == 0
    assert "dynamic-shape" not in capsys.readouterr().out
    for shape, status in (((1, 3, 32, 48), 0), ((1, 3, 32, 32), 2)):
        np.save(tmp_path / "x.npy", np.ones(shape, np.float32))
        assert run("coreml-run", package, "--input", tmp_path / "x.npy") == status
    assert "give 1x3x64x64 or 1x3x32x48" in capsys.readouterr().err


def test_numbers_that_an_input_cannot_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = (1, 3, SIDE, SIDE)
    package = small_package(tmp_path / "a.mlpackage", ct.TensorType(name="x", shape=shape))
    np.save(tmp_path / "x.npy", np.full(shape, 1e300))
    assert run("coreml-run", package, "--input", tmp_path / "x.npy") == 2
    assert "beyond float32" in capsys.readouterr().err


def test_what_a_package_takes_and_gives(
    classifier: tuple[nn.Module, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("coreml-run", classifier[1]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["input", "image", "picture,", "RGB", f"{SIDE}x{SIDE}"] in lines
    assert ["output", "classLabel", "string"] in lines


def test_a_photo_of_another_size_is_stretched_and_that_is_said(
    classifier: tuple[nn.Module, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (100, 50), "red").save(tmp_path / "wide.jpg")
    assert run("coreml-run", classifier[1], "--input", tmp_path / "wide.jpg") == 0
    assert f"100x50 resized to {SIDE}x{SIDE}" in capsys.readouterr().out


def lose_weights(package: Path) -> None:
    (weights,) = package.rglob("weight.bin")
    weights.unlink()


def lose_manifest(package: Path) -> None:
    (package / "Manifest.json").unlink()


def lead_elsewhere(package: Path) -> None:
    manifest = json.loads((package / "Manifest.json").read_text())
    for item in manifest["itemInfoEntries"].values():
        item["path"] = "../../secret"
    (package / "Manifest.json").write_text(json.dumps(manifest))


def describe_another_output(package: Path) -> None:
    saved = Saved(package)
    saved.spec.description.output[0].name = "another"
    saved.save()


def name_an_absent_operator_set(package: Path) -> None:
    saved = Saved(package)
    saved.function.opset = "CoreML99"
    saved.save()


def come_from_the_future(package: Path) -> None:
    saved = Saved(package)
    blocks = saved.function.block_specializations
    blocks["CoreML99"].CopyFrom(blocks[saved.function.opset])
    saved.function.opset = "CoreML99"
    saved.save()


def lengthen_a_constant(package: Path) -> None:
    saved = Saved(package)
    values = [one.attributes["val"].immediateValue.tensor for one in saved.of_kind("const")]
    next(one for one in values if one.WhichOneof("value") == "bytes").bytes.values += b"more"
    saved.save()


def empty_a_constant(package: Path) -> None:
    saved = Saved(package)
    next(saved.of_kind("const")).attributes["val"].ClearField("immediateValue")
    saved.save()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (describe_another_output, "does not give: another"),
        (name_an_absent_operator_set, "no block for its operator set"),
        (come_from_the_future, "does not know, in operator set 99"),
        (lengthen_a_constant, "bytes for"),
        (empty_a_constant, "a constant has no value"),
        (lose_weights, "No such file"),
        (lose_manifest, "Manifest.json"),
        (lead_elsewhere, "Manifest.json"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_a_damaged_package_is_refused_in_one_line(
    damage: Callable[[Path], None],
    message: str,
    classifier: tuple[nn.Module, Path],
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    package = Path(shutil.copytree(classifier[1], tmp_path / "copy.mlpackage"))
    damage(package)
    assert run("coreml-run", package, "--input", photo) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "picture=image.png"], "no input 'picture'"),
        (["--input", "image.npy"], "which input?"),
        (["--input", "missing.png"], "missing.png"),
        (["--input", "image=a.png", "--input", "image=b.png"], "given already"),
        (["--input", "image.png", "--out", "outputs.txt"], "must end in .npz"),
    ],
)
def test_bad_inputs(
    words: list[str],
    message: str,
    classifier: tuple[nn.Module, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("coreml-run", classifier[1], *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
