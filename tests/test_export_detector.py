"""The salient-object detector beside the segmenter: exported, described, verified, loaded."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import golden_in, network_in, parity, rewrite_network, with_hash
from sharing import Shared
from small_networks import DETECTOR_SIZE as SIZE
from small_networks import random_detector, random_network, run

from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.load import (
    InterpretedNetwork,
    LoadedNetwork,
    load,
)
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.networks.building import folded
from squeezesam.networks.weights import load_weights
from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind
from squeezesam_benchmarks.arm64.device import case_bytes
from squeezesam_benchmarks.subjects import listed_subjects
from squeezesam_export.bundle.artifacts import sha256_of
from squeezesam_export.bundle.exporting import ExportOptions
from squeezesam_export.bundle.manifest import GoldenFile, read_manifest, write_manifest
from squeezesam_export.bundle.verification import overlaps
from squeezesam_export.kinds.golden_case import GoldenClick
from squeezesam_export.kinds.saliency import CASE, SaliencyRecipe, click_distance, found
from squeezesam_export.network_options import NetworkChoice
from squeezesam_export.quantization.graph import check_blocks, with_blocks_of
from squeezesam_export.quantization.schemes import SCHEMES, find_scheme
from squeezesam_export.targets import onnx_target
from squeezesam_export.targets.table import TARGETS
from squeezesam_export.targets.target import ExportJob

SIZES = ("--size", SIZE, "--detector-size", SIZE)


@pytest.fixture(scope="module")
def networks(weights: Path, detector_weights: Path) -> tuple[object, ...]:
    """The words that name both networks to `squeezesam export`."""
    return ("--weights", weights, "--detector", detector_weights, *SIZES)


@pytest.fixture(scope="module")
def in_int8(networks: tuple[object, ...], shared: Shared) -> Path:
    """Both networks in int8 for three targets."""
    words = ("--target", "onnx,coreml,executorch", "--precision", "int8")
    return shared.export(*networks, *words)


@pytest.fixture(scope="module")
def in_float(networks: tuple[object, ...], shared: Shared) -> Path:
    return shared.export(*networks, "--target", "onnx,coreml", "--precision", "fp32,fp16")


@pytest.fixture
def float_copy(in_float: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(in_float, tmp_path / "artifacts"))


def altered(directory: Path, change) -> None:  # type: ignore[no-untyped-def]
    path = directory / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# Export and verify


@pytest.mark.slow
def test_artifacts_of_both_networks_stand_side_by_side(in_int8: Path) -> None:
    manifest = read_manifest(in_int8)
    detectors = network_in(in_int8, DETECTOR).artifacts
    assert [one.title for one in detectors] == [
        "saliency_onnx_int8.onnx",
        "saliency_coreml_int8.mlpackage",
        "saliency_executorch_int8.pte",
    ]
    assert [(one.kind, len(one.artifacts)) for one in manifest.networks] == [
        ("segmenter", 3),
        ("detector", 3),
    ]
    assert "--detector" in manifest.command
    for artifact in detectors:
        assert artifact.graphs[0].io_dtypes.keys() == {"image", "saliency_logits"}
        assert artifact.parity.measures.keys() == {"max_click_distance"}


@pytest.mark.slow
def test_nothing_of_the_detector_is_outside_the_xnnpack_delegate(in_int8: Path) -> None:
    *_, artifact = network_in(in_int8, DETECTOR).artifacts
    assert artifact.target == "executorch"
    assert artifact.ops_outside_delegate == ()
    assert (artifact.graphs[0].delegated_ops or 0) > 50


@pytest.mark.slow
def test_verify_shows_both_networks_in_each_runtime(
    in_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", in_int8) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {tuple(line.split()[:3]): line for line in lines}
    for kind in ("segmenter", "detector"):
        for target in ("onnx", "coreml", "executorch"):
            assert rows[kind, target, "int8"].endswith(" ok")


def test_float_artifacts_find_the_clicks_of_pytorch(in_float: Path) -> None:
    for artifact in network_in(in_float, DETECTOR).artifacts:
        if artifact.precision == "fp32":
            assert artifact.parity.measures["max_click_distance"] == 0


def test_without_a_detector_the_manifest_describes_none(exported: Path) -> None:
    manifest = read_manifest(exported)
    assert [one.kind for one in manifest.networks] == ["segmenter"]
    assert "--no-detector" in manifest.command
    assert golden_in(exported, prompted_by="detector") == []
    with pytest.raises(ArtifactError, match="holds no salient-object detector"):
        load(exported, kind=DETECTOR)


@pytest.mark.slow
def test_each_network_has_a_size_of_its_own(
    weights: Path, detector_weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="detector size 96 must be a multiple of 64"):
        ExportOptions(("onnx",), ("fp32",), (NetworkChoice("detector", 96),))
    out, words = tmp_path / "out", ("--target", "onnx", "--precision", "fp32")
    sizes = ("--size", SIZE // 2, "--detector-size", SIZE)
    fixed = ("--weights", weights, "--detector", detector_weights, "--out", out)
    assert run("export", *fixed, *sizes, *words) == 0
    assert run("verify", out) == 0
    manifest = read_manifest(out)
    assert [one.input_size for one in manifest.networks] == [SIZE // 2, SIZE]
    predictor = SaliencyPredictor(load(out), load(out, kind=DETECTOR))
    assert (predictor.size, predictor.detector_size) == (SIZE // 2, SIZE)
    predictor.set_image(EXAMPLES[0].path)
    masks, _, _ = predictor.predict(multimask_output=False)
    assert masks.any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--detector", "missing.safetensors"], "no weights file missing.safetensors"),
        (["--keep-float", "heat_tail"], "unknown block 'heat_tail'"),
    ],
)
def test_bad_options(
    words: list[str],
    message: str,
    weights: Path,
    detector_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fixed = ("--weights", weights, *SIZES, "--detector", detector_weights)
    target = ("--target", "onnx", "--precision", "int8", "--out", tmp_path / "out")
    assert run("export", *fixed, *target, *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_weights_of_the_segmenter_are_no_detector(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--weights", weights, "--detector", weights, "--size", SIZE)
    assert run("export", *words, "--out", tmp_path / "out") == 2
    assert "give weights of a salient-object detector" in capsys.readouterr().err


def test_the_weights_of_the_detector_are_no_segmenter(
    detector_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--weights", detector_weights, "--no-detector", "--size", SIZE)
    assert run("export", *words, "--out", tmp_path / "out") == 2
    assert "give weights of a promptable network" in capsys.readouterr().err


def test_blocks_in_float_are_those_of_each_network() -> None:
    scheme = find_scheme("int8", ["stem", "heat_head", "mask_head"])
    models = [random_network(0), random_detector(0)]
    check_blocks(["stem", "heat_head", "mask_head"], models)
    kept = [with_blocks_of(scheme, model) for model in models]
    assert [getattr(one, "keep_float", None) for one in kept] == [
        ("stem", "mask_head"),
        ("stem", "heat_head"),
    ]


# What is described


def test_golden_clicks_are_those_of_the_predictor(
    in_float: Path, weights: Path, detector_weights: Path
) -> None:
    _, segmenter = load_weights(weights, SIZE)
    _, detector = load_weights(detector_weights, SIZE)
    predictor = SaliencyPredictor(folded(segmenter), folded(detector), cleaning=None, looking=None)
    automatic = {case.photo: case for case in golden_in(in_float, prompted_by="detector")}
    assert automatic.keys() == {example.path.name for example in EXAMPLES}
    assert len(golden_in(in_float)) == 4 * len(EXAMPLES)
    for example, golden in zip(EXAMPLES, network_in(in_float, DETECTOR).golden, strict=True):
        predictor.set_image(read_photo(example.path))
        finding = predictor.finding
        assert finding.salient is not None
        (case,) = golden.cases
        assert case.name == CASE
        assert [[one.x, one.y] for one in case.clicks] == finding.coords.tolist()
        assert {one.label for one in case.clicks} == {1}
        prompted = automatic[example.path.name]
        assert (prompted.record.clicks, prompted.record.previous) == (
            case.clicks,
            "saliency_logits",
        )
        with np.load(in_float / golden.file) as arrays:
            assert (arrays["heat"] == finding.heat).all()
            assert (arrays["heat_clicks"] == finding.salient.clicks).all()
        _, _, low_res_masks = predictor.predict(multimask_output=False)
        given = prompted.outputs[0][0, :1]
        torch.testing.assert_close(torch.from_numpy(low_res_masks), given, atol=1e-4, rtol=1e-4)


def test_the_manifest_suffices_to_find_the_clicks_without_our_code(in_float: Path) -> None:
    """What its texts say, written down once more with the numbers of the JSON alone."""
    manifest = json.loads((in_float / "manifest.json").read_text())
    (network,) = (one for one in manifest["networks"] if one["kind"] == "detector")
    rules, size = network["rules"], network["input_size"]
    map_stride = manifest["contract"]["prompt_encoding"]["map_stride"]
    stride, sampling = rules["heat_map"]["stride"], rules["click_sampling"]
    for golden in network["golden"]:
        sides = golden["width"], golden["height"]
        inside = [
            map_stride * max(1, round(side * size / (map_stride * max(sides)))) for side in sides
        ]
        columns, rows = (max(1, (side + stride // 2 - 1) // stride) for side in inside)
        with np.load(in_float / golden["file"]) as arrays:
            logits = arrays["saliency_logits"][0, 0, :rows, :columns].astype(np.float64)
            heat_clicks = [tuple(click) for click in arrays["heat_clicks"].tolist()]
        chance = (1 + np.tanh(logits / 2)) / 2
        heat = np.floor(rules["heat_map"]["levels"] * chance + 0.5).astype(int)
        blob = max(blobs_of(heat, sampling["threshold"]), key=lambda one: sum(heat[p] for p in one))
        assert 1000 * len(blob) >= sampling["smallest_per_mille"] * heat.size
        assert max(heat[place] for place in blob) >= sampling["peak"]
        row, column = nearest(blob)
        sections = [
            [place for place in blob if (place[0] > row, place[1] > column) == where]
            for where in ((False, False), (False, True), (True, False), (True, True))
        ]
        clicks = [(row, column), *(nearest(one) if one else (row, column) for one in sections)]
        clicks = [(x, y) for y, x in clicks[: sampling["clicks"]]]
        assert clicks == heat_clicks
        (case,) = golden["cases"]
        for click, place in zip(case["clicks"], clicks, strict=True):
            photo = [
                min(((2 * at + 1) * stride // 2) * side // fits, side - 1)
                for at, side, fits in zip(place, sides, inside, strict=True)
            ]
            assert [click["x"], click["y"]] == photo


def blobs_of(heat: np.ndarray, threshold: int) -> list[list[tuple[int, int]]]:
    """Hot places (row, column) that touch, in reading order, each blob by its first place."""
    left = [tuple(place) for place in np.argwhere(heat >= threshold).tolist()]
    blobs = []
    while left:
        blob, edge = set(), [left[0]]
        while edge:
            place = edge.pop()
            if place not in blob:
                blob.add(place)
                edge += [
                    one for one in left if max(abs(one[0] - place[0]), abs(one[1] - place[1])) == 1
                ]
        blobs.append(sorted(blob))
        left = [place for place in left if place not in blob]
    return blobs


def nearest(places: list[tuple[int, int]]) -> tuple[int, int]:
    count, down, across = len(places), sum(y for y, _ in places), sum(x for _, x in places)
    return min(places, key=lambda at: (count * at[0] - down) ** 2 + (count * at[1] - across) ** 2)


def rules_of(content):  # type: ignore[no-untyped-def]
    (network,) = (one for one in content["networks"] if one["kind"] == "detector")
    return network["rules"]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: rules_of(m)["click_sampling"].update(threshold=100),
        lambda m: rules_of(m)["heat_map"].update(stride=2),
        lambda m: rules_of(m).update(edit="as you like"),
    ],
)
def test_other_rules_are_refused(change, float_copy: Path) -> None:  # type: ignore[no-untyped-def]
    altered(float_copy, change)
    with pytest.raises(ArtifactError, match="other inputs, outputs or encodings"):
        read_manifest(float_copy)


def test_a_sampling_out_of_range_is_refused(float_copy: Path) -> None:
    altered(float_copy, lambda m: rules_of(m)["click_sampling"].update(threshold=300))
    with pytest.raises(ArtifactError, match="threshold=300"):
        read_manifest(float_copy)


def test_rules_that_are_none_are_refused(float_copy: Path) -> None:
    altered(float_copy, lambda m: rules_of(m).pop("heat_map"))
    with pytest.raises(ArtifactError, match="rules of detector lacks heat_map"):
        read_manifest(float_copy)


# What goes wrong


@pytest.mark.parametrize("kind", [DETECTOR, SEGMENTER])
def test_golden_clicks_that_this_version_does_not_find(
    kind: NetworkKind, float_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the detector finds, or what the segmenter is asked for it."""

    def moved(golden: GoldenFile) -> GoldenFile:
        case = dataclasses.replace(golden.cases[0], clicks=(GoldenClick(1, 1, 1),))
        return dataclasses.replace(golden, cases=(case, *golden.cases[1:]))

    *others, last = network_in(float_copy, kind).golden
    rewrite_network(float_copy, kind, golden=(*others, moved(last)))
    assert run("verify", float_copy) == 2
    assert "finds other clicks in its heat map" in capsys.readouterr().err


def test_other_heat_than_that_of_its_logits(
    float_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = network_in(float_copy, DETECTOR).golden
    path = float_copy / first.file
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["heat"] = 255 - changed["heat"]
    np.savez_compressed(path, **changed)
    forged = dataclasses.replace(first, sha256=sha256_of(path))
    rewrite_network(float_copy, DETECTOR, golden=(forged, *others))
    assert run("verify", float_copy) == 2
    assert "finds other clicks in its heat map" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("click_sampling", "clicks", "clicks"),
        ("mask_cleaning", "clean", "cleaned"),
        ("photos", "upsampling", "photo_logits"),
    ],
)
def test_vectors_that_this_version_does_not_find(
    name: str, kind: str, answer: str, float_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_manifest(float_copy)
    (vectors,) = (one for one in manifest.vectors if name in one.file)
    path = float_copy / vectors.file
    cases = json.loads(path.read_text())
    found = next(case for case in cases if case["kind"] == kind and case[answer])
    found[answer] = found[answer][1:]
    path.write_text(json.dumps(cases))
    assert run("verify", float_copy) == 2
    assert "altered" in capsys.readouterr().err
    forged = dataclasses.replace(vectors, sha256=sha256_of(path))
    listed = tuple(forged if one == vectors else one for one in manifest.vectors)
    write_manifest(dataclasses.replace(manifest, vectors=listed), float_copy)
    assert run("verify", float_copy) == 2
    assert "other answers than this version" in capsys.readouterr().err


@pytest.mark.slow
def test_a_detector_of_other_weights_fails(
    float_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, *others = network_in(float_copy, DETECTOR).artifacts
    path = float_copy / artifact.graphs[0].file
    job = ExportJob(folded(random_detector(3)), SIZE, SCHEMES["fp32"], kind=DETECTOR)
    onnx_target.export(job, path)
    forged = with_hash(artifact, float_copy)
    rewrite_network(float_copy, DETECTOR, artifacts=(forged, *others))
    assert run("verify", float_copy) == 1
    printed = capsys.readouterr()
    assert "1 of 8 artifacts" in printed.err
    (row,) = (line for line in printed.out.splitlines() if "BROKEN" in line)
    assert row.split()[:3] == ["detector", "onnx", "fp32"]


def test_a_moved_heat_map_moves_the_clicks(in_float: Path) -> None:
    detected = golden_in(in_float, DETECTOR)
    network = load(in_float, kind=DETECTOR)

    def moved(image: torch.Tensor) -> torch.Tensor:
        return network(image).roll(2, dims=3)

    assert parity(network, detected).measures["max_click_distance"] == 0
    assert parity(moved, detected).measures["max_click_distance"] > 0


def test_an_object_that_only_one_finds_is_as_far_off_as_can_be(in_float: Path) -> None:
    first, *_ = golden_in(in_float, DETECTOR)
    width, height = first.letterbox.heat_size
    nothing = [torch.full_like(first.outputs[0], -9.0)]
    assert click_distance(first, nothing) == pytest.approx((width**2 + height**2) ** 0.5)
    nowhere, recipe = first.answered(nothing), SaliencyRecipe()
    assert click_distance(nowhere, nothing) == 0
    assert found(nowhere, nothing).salient is None
    assert recipe.prompt(nowhere, nothing, first.letterbox) is None
    ((record,), derived) = recipe.derived([nowhere])
    assert (record.clicks, derived["heat_clicks"].shape) == ((), (0, 2))
    assert overlaps(recipe.masks(nowhere, nothing), recipe.masks(nowhere, nothing)).item() == 1


# Benchmarks


@pytest.mark.slow
def test_detectors_are_timed_as_networks_without_a_pipeline(in_int8: Path) -> None:
    subjects = listed_subjects(in_int8)
    files = [one.title for one in read_manifest(in_int8).artifacts]
    assert [one.artifact.name for one in subjects] == files
    segmenters, detectors = subjects[:3], subjects[3:]
    assert {one.pipeline for one in segmenters} == {"squeezesam"}
    for one in detectors:
        assert one.pipeline is None
        assert one.kind is DETECTOR
        assert one.artifact.variant == "saliency"
        assert one.artifact.manifest is not None
        weights_sha256 = network_in(in_int8, DETECTOR).weights_sha256
        assert one.artifact.manifest.weights_sha256 == weights_sha256


@pytest.mark.slow
def test_a_golden_photo_as_bytes_for_the_native_runners(in_int8: Path) -> None:
    (case, *_) = golden_in(in_int8, DETECTOR)
    raw = case_bytes(case, DETECTOR, {"image": "float32"})
    assert raw == case.inputs[0].numpy().tobytes()


# Loading


@pytest.mark.slow
def test_detectors_load_by_name_and_by_directory(in_int8: Path, in_float: Path) -> None:
    for directory in (in_int8, in_float):
        first, *_ = golden_in(directory, DETECTOR)
        artifacts = network_in(directory, DETECTOR).artifacts
        files = [directory / one.graphs[0].file for one in artifacts]
        for path in (directory, *files):
            heat = load(path, kind=DETECTOR)(first.inputs[0])
            assert heat.shape == first.outputs[0].shape
            assert heat.dtype == torch.float32
            masks = (SaliencyRecipe().masks(first, one) for one in ([heat], first.outputs))
            assert overlaps(*masks).min() > 0.9
        (package, *_) = (path for path in files if path.suffix == ".mlpackage")
        network = load(package, kind=DETECTOR)
        assert isinstance(network, InterpretedNetwork) == (sys.platform != "darwin")


@pytest.mark.parametrize("target", ["onnx", "coreml", "executorch"])
@pytest.mark.slow
def test_each_runtime_tells_the_networks_apart(target: str, in_int8: Path) -> None:
    for kind, other in ((SEGMENTER, DETECTOR), (DETECTOR, SEGMENTER)):
        artifacts = network_in(in_int8, kind).artifacts
        (artifact,) = (one for one in artifacts if one.target == target)
        path = in_int8 / artifact.graphs[0].file
        network = TARGETS[target].loader(path)
        assert isinstance(network, LoadedNetwork)
        assert network.kind is kind
        with pytest.raises(ArtifactError, match=f"is a {kind.title}, not a {other.title}"):
            load(path, kind=other)


@pytest.mark.slow
def test_an_image_of_another_size_is_refused(in_int8: Path) -> None:
    for artifact in network_in(in_int8, DETECTOR).artifacts:
        network = load(in_int8 / artifact.graphs[0].file, kind=DETECTOR)
        with pytest.raises(ArtifactError, match="--size"):
            network(torch.zeros(1, 3, 2 * SIZE, 2 * SIZE))
