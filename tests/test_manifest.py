"""The manifest: written, read back, and refused when anything is odd."""

import copy
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezesam.errors import ArtifactError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.spec import SEGMENTER
from squeezesam_export.bundle.artifacts import checked_path, load_first_runnable, sha256_of, size_of
from squeezesam_export.bundle.manifest import (
    SCHEMA_VERSION,
    Artifact,
    BundleNetwork,
    GoldenFile,
    GraphFile,
    HashedFile,
    Manifest,
    Parity,
    graphs_of,
    read_manifest,
    write_manifest,
)
from squeezesam_export.contract import CONTRACT, PREPROCESSING
from squeezesam_export.kinds.golden_case import CaseRecord, GoldenClick
from squeezesam_export.quantization.schemes import SCHEMES

SIZE = 128
ARTIFACT = Artifact(
    target="onnx",
    precision="fp32",
    keep_float=(),
    requirement="ONNX opset 18",
    graphs=(
        GraphFile(
            file="nano_onnx_fp32.onnx",
            sha256="1" * 64,
            files={},
            size_bytes=12,
            io_dtypes={"image": "float32"},
            delegated_ops=None,
            ops_outside_delegate=("aten.add",),
        ),
    ),
    measured_with="ONNX Runtime",
    parity=Parity(1e-6, None, 1.0, 1.0, {"max_iou_error": 0.5}),
)
NETWORK = BundleNetwork(
    kind=SEGMENTER.name,
    variant="nano",
    weights_sha256="0" * 64,
    input_size=SIZE,
    graphs=graphs_of(SEGMENTER, SIZE),
    preprocessing=PREPROCESSING,
    rules=None,
    artifacts=(ARTIFACT,),
    golden=(
        GoldenFile(
            file="golden/segmenter/a.npz",
            sha256="2" * 64,
            photo="a.jpg",
            width=4,
            height=3,
            prompted_by=None,
            cases=(CaseRecord("box", (GoldenClick(1, 2, 0),), (0, 1, 2, 3), None),),
        ),
    ),
)
MANIFEST = Manifest(
    schema_version=SCHEMA_VERSION,
    networks=(NETWORK,),
    contract=CONTRACT,
    bounds={"fp32": SCHEMES["fp32"].bounds},
    vectors=(
        HashedFile("golden/mask_cleaning.json", "3" * 64),
        HashedFile("golden/looks.json", "5" * 64),
    ),
    tool_versions={"torch": "2.13.0", "coremltools": None},
    git_commit=None,
    created="2026-01-31",
    calibration_photos=("a.jpg",),
    command="squeezesam export",
)


def with_artifacts(artifacts: Sequence[Artifact], size: int = SIZE) -> Manifest:
    """The manifest of a network of some size in other artifacts."""
    network = dataclasses.replace(
        NETWORK,
        artifacts=tuple(artifacts),
        input_size=size,
        graphs=graphs_of(SEGMENTER, size),
    )
    return dataclasses.replace(MANIFEST, networks=(network,))


Change = Callable[[dict[str, Any]], None]


def test_a_manifest_is_read_back_as_written(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path)
    assert read_manifest(tmp_path) == MANIFEST


def network_of(content: dict[str, Any]) -> Any:
    return content["networks"][0]


def artifact_of(content: dict[str, Any]) -> Any:
    return network_of(content)["artifacts"][0]


def file_of(content: dict[str, Any]) -> Any:
    return artifact_of(content)["graphs"][0]


CHANGES: dict[str, tuple[Change, str]] = {
    "future schema": (lambda m: m.update(schema_version=SCHEMA_VERSION + 1), "has schema version"),
    "schema as text": (lambda m: m.update(schema_version="1"), "schema_version"),
    "no schema": (lambda m: m.pop("schema_version"), "lacks schema_version"),
    "unknown field": (lambda m: m.update(colour="red"), "unknown colour"),
    "missing field": (lambda m: file_of(m).pop("sha256"), r"graphs\[0\] lacks sha256"),
    "wrong type": (lambda m: file_of(m).update(size_bytes="12"), "size_bytes"),
    "bool as int": (lambda m: file_of(m).update(size_bytes=True), "size_bytes"),
    "unknown precision": (lambda m: artifact_of(m).update(precision="int3"), "precision"),
    "unknown target": (lambda m: artifact_of(m).update(target="abacus"), "abacus"),
    "unknown runtime": (lambda m: artifact_of(m).update(measured_with="x"), "measured with 'x'"),
    "no measure": (lambda m: artifact_of(m)["parity"].update(measures={}), "max_iou_error"),
    "infinite figure": (
        lambda m: artifact_of(m)["parity"].update(max_mask_error=float("inf")),
        "Infinity",
    ),
    "object as list": (lambda m: network_of(m).update(golden={}), "golden"),
    "other threshold": (lambda m: m["contract"].update(mask_threshold=0.5), "encodings"),
    "other size": (lambda m: network_of(m).update(input_size=256), "encodings"),
    "odd size": (lambda m: network_of(m).update(input_size=100), "inputs of 100 pixels"),
    "no bounds": (lambda m: m.pop("bounds"), "lacks bounds"),
    "bounds without a number": (
        lambda m: m["bounds"]["fp32"].pop("mean_mask_iou"),
        "lacks mean_mask_iou",
    ),
    "other padding": (lambda m: network_of(m)["preprocessing"].update(pad_byte=0), "encodings"),
    "rules of no kind": (lambda m: network_of(m).update(rules={"peak": 1}), "encodings"),
    "no artifacts": (lambda m: network_of(m).update(artifacts=[]), "no artifact"),
    "no graphs": (lambda m: artifact_of(m).update(graphs=[]), "0 graphs, not 1"),
    "no cases": (lambda m: network_of(m)["golden"][0].update(cases=[]), "no golden case"),
    "cases of another": (
        lambda m: network_of(m)["golden"].append(
            {**network_of(m)["golden"][0], "prompted_by": "detector"}
        ),
        "'detector', which it does not list",
    ),
    "unknown kind": (lambda m: network_of(m).update(kind="abacus"), "unknown kind of network"),
    "no networks": (lambda m: m.update(networks=[]), "no network"),
    "a network twice": (lambda m: m["networks"].append(network_of(m)), "twice"),
}


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_older_manifests_are_refused_with_what_to_do(version: int, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": version}))
    with pytest.raises(ArtifactError, match=f"has schema version {version}, .*export again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", CHANGES)
def test_an_odd_manifest_is_refused(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    write_manifest(MANIFEST, tmp_path)
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text())
    original = copy.deepcopy(content)
    change(content)
    assert content != original
    path.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=message):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_damaged_manifest_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        read_manifest(tmp_path)


def test_no_export_directory(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ArtifactError, match="no export directory"):
            load_first_runnable(path, SEGMENTER)


@pytest.mark.parametrize("name", ["../a", "/etc/hostname", "", ".", "a/../../b"])
def test_names_outside_the_directory_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="refused"):
        checked_path(tmp_path, name, "")


def test_a_directory_hash_depends_on_names_and_contents(tmp_path: Path) -> None:
    package = tmp_path / "a.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weights").write_bytes(b"12")
    (package / "Manifest.json").write_bytes(b"{}")
    before = sha256_of(package)
    assert sha256_of(package) == before
    assert size_of(package) == 4
    (package / "Data" / "weights").write_bytes(b"13")
    assert sha256_of(package) != before
    (package / "Data" / "weights").write_bytes(b"12")
    (package / "Data" / "weights").rename(package / "Data" / "weight")
    assert sha256_of(package) != before


def test_the_contract_suffices_to_encode_without_our_code() -> None:
    """What its texts say, written down once more with the numbers of the JSON alone."""
    manifest = json.loads(json.dumps(MANIFEST, default=vars))
    (network,) = manifest["networks"]
    prompt, pixels = manifest["contract"]["prompt_encoding"], network["preprocessing"]
    stride, size = prompt["map_stride"], network["input_size"]
    example = EXAMPLES[0]
    photo = read_photo(example.path)
    height, width = photo.shape[:2]

    inside = [
        stride * max(1, round(side * size / (stride * max(width, height))))
        for side in (width, height)
    ]
    letterbox = Letterbox.fit(width, height, size)
    assert list(letterbox.inside) == inside
    image = letterbox.apply(photo)[0]
    padding = (pixels["pad_byte"] - pixels["pixel_mean"]) * pixels["pixel_scale"]
    assert (image[:, :, inside[0] :] == padding).all()

    labels = prompt["point_labels"]
    clicks = [(example.garment, labels["positive"]), (example.background, labels["negative"])]
    box = (60, 90, 230, 300)
    checked = check_prompts(
        [place for place, _ in clicks],
        [label for _, label in clicks],
        box,
        width=width,
        height=height,
    )
    maps, tokens = encode_prompts(*prompt_slots(checked, letterbox.scale), None, size)

    scale = np.array(inside) / (width, height)
    points = [((np.array(place) + 0.5) * scale, label) for place, label in clicks]
    corners = [
        (np.array(box[:2]) * scale, labels["box_top_left"]),
        (np.array(box[2:]) * scale, labels["box_bottom_right"]),
    ]
    rows = np.zeros(tokens.shape[1:])
    first = prompt["point_slots"] - len(points)
    octaves = 2.0 ** np.arange(prompt["position_frequencies"]) * np.pi
    for row, (place, label) in zip(rows[first:], points + corners, strict=True):
        (x, y) = place / size
        features = [np.sin(octaves * x), np.cos(octaves * x), np.sin(octaves * y)]
        one_hot = np.arange(len(labels) - 1) == label
        row[:] = np.concatenate([*features, np.cos(octaves * y), one_hot])
    np.testing.assert_allclose(tokens[0].numpy(), rows, atol=1e-4)

    centres = np.arange(size // stride) + 0.5
    for channel, (place, _) in zip(("positive", "negative"), points, strict=True):
        x, y = place / stride
        distance = np.hypot(centres[None, :] - x, centres[:, None] - y)
        disc = np.clip(prompt["disc_radius"] + 0.5 - distance, 0, 1)
        drawn = maps[0, prompt["map_channels"].index(channel)].numpy()
        np.testing.assert_allclose(drawn, disc, atol=1e-4)
