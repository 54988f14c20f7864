"""Schemes, calibration and quantization-aware training, on a small network with random weights."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from small_networks import SIZE, random_network, run
from torch import nn

from squeezesam.errors import (
    ConfigError,
    DataError,
    ImageError,
    MissingDependencyError,
    SqueezeSamError,
    WeightsError,
)
from squeezesam.networks.building import folded, unfolded
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import load_weights, save_weights
from squeezesam.spec import DETECTOR, SEGMENTER, input_specs
from squeezesam.training.config import Stage
from squeezesam_export.bundle.manifest import Parity, read_manifest
from squeezesam_export.bundle.verification import broken_bound, mask_ious
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.segmenter import calibrate_segmenter
from squeezesam_export.qat import RoundingNetwork
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.calibration import (
    MAX_PHOTOS,
    MIN_PHOTOS,
    SHIPPED_PHOTOS,
    Calibration,
    calibration_photos,
)
from squeezesam_export.quantization.graph import FUSION, block_names, block_of, check_blocks
from squeezesam_export.quantization.schemes import SCHEMES, QuantizedScheme, find_scheme
from squeezesam_export.targets import coreml_target, executorch_target, onnx_target
from squeezesam_export.targets.onnx_quantization import per_channel_int8
from squeezesam_export.targets.table import ALL, TARGETS, plan
from squeezesam_export.targets.target import ExportJob


@pytest.fixture(scope="module")
def model() -> SqueezeSam:
    return folded(random_network(0))


@pytest.fixture(scope="module")
def calibration(model: SqueezeSam) -> Calibration:
    return calibrate_segmenter(model, SHIPPED_PHOTOS, SIZE)


@pytest.fixture(scope="module")
def float_size(model: SqueezeSam, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes of the network as an ONNX file in float32."""
    path = tmp_path_factory.mktemp("float") / "float.onnx"
    onnx_target.export(ExportJob(model, SIZE, SCHEMES["fp32"]), path)
    return path.stat().st_size


def fill(folder: Path, photos: int) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(photos):
        pixels = rng.integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


def inputs_of(model: SqueezeSam, seed: int) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [torch.rand(spec.shape) - 0.5 for spec in input_specs(model.size)]


# Calibration


def test_calibration_sees_every_kind_of_prompt(calibration: Calibration) -> None:
    assert len(calibration.photos) == 16
    assert len(calibration.inputs[SEGMENTER.name]) == 7 * 16, (
        "two looks each, and one for the correction"
    )
    maps = torch.cat([prompt_maps for _, prompt_maps, _ in calibration.inputs[SEGMENTER.name]])
    for channel in maps.abs().amax(dim=(2, 3)).unbind(dim=1):
        assert (channel > 0).any(), "this channel was never used"
    assert maps[:, 3].min() < 0 < maps[:, 3].max(), "previous masks have an inside and an outside"


def test_calibration_repeats_itself(model: SqueezeSam, calibration: Calibration) -> None:
    again = calibrate_segmenter(model, SHIPPED_PHOTOS, SIZE)
    assert again.photos == calibration.photos
    for one, other in zip(
        again.inputs[SEGMENTER.name], calibration.inputs[SEGMENTER.name], strict=True
    ):
        assert all(map(torch.equal, one, other))


def test_of_many_photos_an_even_selection_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2 * MAX_PHOTOS):
        (folder / f"{number:03}.jpg").touch()
    (folder / "notes.txt").touch()
    assert calibration_photos(folder) == [f"{2 * number:03}.jpg" for number in range(MAX_PHOTOS)]


@pytest.mark.parametrize("photos", [0, 1, MIN_PHOTOS - 1])
def test_too_few_photos(photos: int, tmp_path: Path, model: SqueezeSam) -> None:
    with pytest.raises(DataError, match=f"too few photos.* {photos};.*at least {MIN_PHOTOS}"):
        calibrate_segmenter(model, fill(tmp_path / "photos", photos), SIZE)


def test_black_photos(tmp_path: Path, model: SqueezeSam) -> None:
    folder = fill(tmp_path / "photos", MIN_PHOTOS)
    Image.new("RGB", (32, 24)).save(folder / "black.png")
    with pytest.raises(DataError, match=r"black\.png shows a single colour"):
        calibrate_segmenter(model, folder, SIZE)


def test_a_damaged_photo(tmp_path: Path, model: SqueezeSam) -> None:
    folder = fill(tmp_path / "photos", MIN_PHOTOS)
    (folder / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        calibrate_segmenter(model, folder, SIZE)


def test_nan_activations(tmp_path: Path) -> None:
    broken = random_network(0)
    with torch.no_grad():
        broken.transformer[0].mlp_in.conv.weight[0, 0] = torch.nan
    with pytest.raises(WeightsError, match="NaN or infinity"):
        calibrate_segmenter(folded(broken), fill(tmp_path / "photos", MIN_PHOTOS), SIZE)


def test_bad_input_is_one_line_and_leaves_nothing(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = fill(tmp_path / "photos", 1), tmp_path / "out"
    words = ("--target", "onnx", "--precision", "int8", "--calibration", folder, "--out", out)
    assert run("export", "--no-detector", "--weights", weights, "--size", SIZE, *words) == 2
    error = capsys.readouterr().err
    assert "has too few photos" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_weights_that_are_quantized_already(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    name = "stem.conv.weight"
    tensors[name] = (tensors[name] * 127).to(torch.int8)
    path = tmp_path / "int8.safetensors"
    from safetensors import safe_open

    with safe_open(weights, framework="pt") as file:
        save_file(tensors, path, metadata=file.metadata())
    with pytest.raises(WeightsError, match=r"quantized already \(stem.conv.weight is torch.int8\)"):
        load_weights(path)


# Schemes


def test_options_that_would_do_nothing(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ("export", "--no-detector", "--weights", weights, "--target", "onnx")
    for words, message in (
        (("--precision", "fp32", "--calibration", tmp_path), "--calibration is for int8"),
        (("--precision", "fp32", "--keep-float", "stem"), "--keep-float is for int8"),
        (("--precision", "all,fp32"), "--precision all stands alone"),
    ):
        assert run(*fixed, "--out", tmp_path / "out", *words) == 2
        assert message in capsys.readouterr().err


def test_a_scheme_that_a_target_lacks() -> None:
    with pytest.raises(ConfigError, match="onnx has no palette4; choose from fp32, fp16, int8"):
        plan(["onnx", "coreml"], ["palette4"], ())


def test_all_is_what_each_target_has() -> None:
    combinations = plan(["onnx", "executorch"], [ALL], ())
    names = [(target.name, scheme.name) for target, scheme in combinations]
    assert names == [
        *(("onnx", name) for name in TARGETS["onnx"].schemes),
        *(("executorch", name) for name in TARGETS["executorch"].schemes),
    ]


def test_targets_name_known_schemes() -> None:
    for target in TARGETS.values():
        assert set(target.schemes) <= SCHEMES.keys()


def test_blocks_cover_the_network(model: SqueezeSam) -> None:
    names = block_names(model)
    assert len(set(names)) == len(names)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert block_of(name, names) != FUSION, name
    check_blocks(names, [model])
    with pytest.raises(ConfigError, match="unknown block 'encoder'"):
        check_blocks(["encoder"], [model])


def test_bounds_look_at_the_mean_too() -> None:
    good = Parity(0.1, 30.0, 0.99, 0.995, {"max_iou_error": 0.01})

    def broken(**changes: object) -> str:
        parity = dataclasses.replace(good, **changes)  # type: ignore[arg-type]
        return str(broken_bound(RECIPES[SEGMENTER.name], parity, SCHEMES["int8"].bounds))

    assert broken() == "None"
    assert broken(min_mask_iou=0.5) == "smallest mask IoU 0.5000 is below 0.8"
    assert broken(mean_mask_iou=0.9) == "mean mask IoU 0.9000 is below 0.95"
    assert broken(measures={"max_iou_error": 0.2}) == "a predicted IoU is off by 0.2000, over 0.15"


def test_a_bound_says_how_far_clicks_are_off() -> None:
    moved = Parity(0.1, 30.0, 0.99, 0.995, {"max_click_distance": 5.0})
    broken = broken_bound(RECIPES[DETECTOR.name], moved, SCHEMES["int8"].bounds)
    assert broken == "a click is 5.0 pixels of the heat map off, over 4"


def test_int8_weights_are_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    weight[2] = 0
    integers, scales = per_channel_int8(weight, axis=0)
    assert np.abs(integers).max(axis=(1, 2, 3)).tolist() == [127, 127, 0, 127]
    error = np.abs(integers * scales[:, None, None, None] - weight)
    assert (error <= scales[:, None, None, None] * 0.5001).all()


# Artifacts


@pytest.mark.parametrize(
    "precision",
    ["int8", *(pytest.param(name, marks=pytest.mark.slow) for name in ("w8a16", "int8-weights"))],
)
def test_quantized_onnx(
    precision: str, model: SqueezeSam, calibration: Calibration, float_size: int, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    scheme = find_scheme(precision, ["decoder.1"])
    path = tmp_path / "a.onnx"
    onnx_target.export(ExportJob(model, SIZE, scheme, calibration.inputs[SEGMENTER.name]), path)
    assert path.stat().st_size < 0.6 * float_size

    graph = onnx.load(path).graph
    producers = {output: node for node in graph.node for output in node.output}
    from_integers, from_floats = 0, 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] not in producers:
            from_floats += 1
        elif node.op_type == "Conv":
            assert producers[node.input[1]].op_type == "DequantizeLinear"
            from_integers += 1
    assert from_floats == 2, "the two convolutions of decoder.1"
    assert from_integers > 15

    network = onnx_target.load(path)
    for seed in range(3):
        inputs = inputs_of(model, seed)
        with torch.inference_mode():
            masks, _ = model(*inputs)
        given, _ = network(*inputs)
        assert not torch.equal(given, masks)
        assert mask_ious(given, masks).mean() > 0.9


@pytest.mark.slow
def test_quantized_executorch_is_as_good_as_its_graph(
    model: SqueezeSam, calibration: Calibration, tmp_path: Path
) -> None:
    """All in the delegate, and no further from float than the quantized graph in PyTorch."""
    path = tmp_path / "a.pte"
    job = ExportJob(model, SIZE, SCHEMES["int8"], calibration.inputs[SEGMENTER.name])
    lowered = executorch_target.export_xnnpack(job, path)
    assert lowered.outside == ()
    quantized = pt2e.quantized(model, calibration.inputs[SEGMENTER.name], ())
    network = executorch_target.load(path)
    of_runtime, of_graph = [], []
    for inputs in calibration.inputs[SEGMENTER.name][::8]:
        given, _ = network(*inputs)
        with torch.no_grad():
            masks, _ = model(*inputs)
            of_runtime.append((given - masks).square().mean().item())
            of_graph.append((quantized(*inputs)[0] - masks).square().mean().item())
        assert mask_ious(given, masks).mean() > 0.9
    # Not the same values: XNNPACK adds in fixed point, and a step up or down is carried on.
    assert sum(of_runtime) == pytest.approx(sum(of_graph), rel=0.3)


@pytest.mark.slow
def test_blocks_kept_in_float_stay_out_of_the_quantized_graph(
    model: SqueezeSam, calibration: Calibration
) -> None:
    names = block_names(model)

    def quantized_ops(keep_float: tuple[str, ...]) -> int:
        some = calibration.inputs[SEGMENTER.name][:2]
        graph = pt2e.quantized(model, some, keep_float)
        return sum("quantize_per" in str(node.target) for node in graph.graph.nodes)

    everything, less, nothing = map(quantized_ops, ((), ("encoder.1",), names))
    assert everything > less > 50
    assert nothing == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "operator"),
    [
        ("int8", "quantize"),
        ("int8-weights", "constexpr_affine_dequantize"),
        ("palette6", "constexpr_lut_to_dense"),
        ("palette4", "constexpr_lut_to_dense"),
    ],
)
def test_quantized_core_ml(
    precision: str,
    operator: str,
    model: SqueezeSam,
    calibration: Calibration,
    tmp_path: Path,
) -> None:
    ct = pytest.importorskip("coremltools")
    counts = []
    for keep_float in ((), ("decoder.1",)):
        scheme = SCHEMES[precision]
        assert isinstance(scheme, QuantizedScheme)
        path = tmp_path / f"{len(keep_float)}.mlpackage"
        kept = dataclasses.replace(scheme, keep_float=keep_float)
        lowered = coreml_target.export(
            ExportJob(model, SIZE, kept, calibration.inputs[SEGMENTER.name][:4]), path
        )
        function = ct.utils.load_spec(str(path)).mlProgram.functions["main"]
        (block,) = function.block_specializations.values()
        counts.append(sum(operation.type == operator for operation in block.operations))
    assert counts[0] > counts[1] > 10
    assert lowered.requirement.startswith("Core ML, iOS1")


def test_core_ml_int8_without_executorch(
    model: SqueezeSam,
    calibration: Calibration,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [*filter(lambda name: name.startswith("executorch"), sys.modules)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "executorch", None)
    job = ExportJob(model, SIZE, SCHEMES["int8"], calibration.inputs[SEGMENTER.name][:1])
    with pytest.raises(MissingDependencyError, match=r"squeezesam\[executorch\]"):
        coreml_target.export(job, tmp_path / "a.mlpackage")


@pytest.mark.slow
def test_the_manifest_says_what_was_quantized_and_how(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--target", "onnx", "--precision", "fp32,int8", "--keep-float", "stem,mask_head")
    photos = fill(tmp_path / "photos", MIN_PHOTOS)
    size = ("--size", SIZE, "--calibration", photos)
    assert run("export", "--no-detector", "--weights", weights, *words, *size, "--out", out) == 0
    manifest = read_manifest(out)
    assert [one.keep_float for one in manifest.artifacts] == [(), ("stem", "mask_head")]
    assert manifest.calibration_photos == tuple(f"{n:03}.png" for n in range(MIN_PHOTOS))
    assert "--keep-float stem,mask_head" in manifest.command
    assert f"--calibration {photos}" in manifest.command


# Quantization-aware training


def test_unfolding_changes_no_answer_and_can_be_folded_again() -> None:
    network = random_network(0)
    back = unfolded(folded(network))
    assert back.state_dict().keys() == network.state_dict().keys()
    inputs = inputs_of(network, 0)
    with torch.inference_mode():
        for given, wanted in zip(back(*inputs), network(*inputs), strict=True):
            torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)
        for given, wanted in zip(folded(back)(*inputs), network(*inputs), strict=True):
            torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_rounding_network_rounds_and_learns() -> None:
    network = random_network(0)
    rounding = RoundingNetwork(network, Stage(SIZE, 1, 2))
    inputs = [torch.cat([one, one]) for one in inputs_of(network, 0)]
    masks, ious = rounding(*inputs)
    with torch.no_grad():
        wanted, _ = network(*inputs)
    assert not torch.equal(masks, wanted)
    assert mask_ious(masks, wanted).mean() > 0.8
    (masks.square().mean() + ious.mean()).backward()
    assert all(parameter.grad is not None for parameter in rounding.parameters())
    with torch.no_grad():
        given, _ = rounding.weights()(*inputs)
    torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)
    with pytest.raises(ConfigError, match="traced for 64 px, not 96"):
        rounding.set_size(96)


@pytest.mark.slow
def test_qat_resumes_to_the_same_weights(
    weights: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def qat(out: Path, *words: object) -> None:
        fixed = ("--stage", f"{SIZE}:3:2", "--workers", 0, "--learning-rate", 1e-3)
        assert run("qat", "--data", scenes, "--weights", weights, "--out", out, *fixed, *words) == 0

    qat(tmp_path / "unbroken")
    qat(tmp_path / "broken", "--minutes", 0)
    assert "after 1 of 3 steps" in capsys.readouterr().out
    save_weights(random_network(1), tmp_path / "other.safetensors", "nano", torch.float32)
    other = ("--data", scenes, "--weights", tmp_path / "other.safetensors", "--workers", 0)
    fixed = ("--stage", f"{SIZE}:3:2", "--learning-rate", 1e-3, "--out", tmp_path / "broken")
    assert run("qat", *other, *fixed) == 2
    assert "start" in capsys.readouterr().err
    qat(tmp_path / "broken")
    _, unbroken = load_weights(tmp_path / "unbroken" / "nano.safetensors")
    _, broken = load_weights(tmp_path / "broken" / "nano.safetensors")
    _, start = load_weights(weights)
    ends = broken.state_dict()
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, ends[name]), name
    assert not torch.equal(unbroken.stem.conv.weight, folded(start).stem.conv.weight)


@pytest.mark.parametrize("words", [("--stage", "64:1"), ("--minutes", "-1"), ("--share", "x")])
def test_bad_qat_options(
    words: tuple[str, ...], weights: Path, scenes: Path, tmp_path: Path
) -> None:
    fixed = ("--data", scenes, "--weights", weights, "--out", tmp_path / "out")
    try:
        status = run("qat", *fixed, *words)
    except SystemExit as error:  # argparse itself
        status = int(str(error.code))
    except SqueezeSamError:
        pytest.fail("a traceback on the command line")
    assert status == 2
    assert not (tmp_path / "out").exists()
