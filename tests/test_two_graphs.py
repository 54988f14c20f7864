"""A kind of network that is two graphs: exported, verified, evaluated and timed like any other."""

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import golden_in, network_in, rewrite_network
from small_networks import run
from torch import Tensor
from two_graphs import ENCODER, SIZE, TWO_GRAPHS, TwoGraphsRecipe

from squeezesam.errors import ArtifactError
from squeezesam.files import content_hash
from squeezesam.inference.load import GraphSequence, load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.spec import SEGMENTER
from squeezesam_benchmarks.arm64.device import case_bytes
from squeezesam_benchmarks.subjects import listed_subjects
from squeezesam_export.bundle import artifacts, golden
from squeezesam_export.bundle.array_files import ArrayFile
from squeezesam_export.bundle.exporting import ExportOptions, export
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.kinds import RECIPES
from squeezesam_export.kinds.recipe import NetworkChoice
from squeezesam_export.targets.table import TARGETS

FILES = [
    "tiny_encoder_onnx_fp32.onnx",
    "tiny_decoder_onnx_fp32.onnx",
    "tiny_encoder_executorch_fp32.pte",
    "tiny_decoder_executorch_fp32.pte",
]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, TWO_GRAPHS.name, TwoGraphsRecipe())
        yield


@pytest.fixture(scope="module")
def bundle(_registered: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "bundle"
    choice = NetworkChoice(TWO_GRAPHS.name, SIZE)
    export(ExportOptions(("onnx", "executorch"), ("fp32",), (choice,)), out, lambda _: None)
    return out


def test_each_graph_is_a_file_of_its_own(bundle: Path) -> None:
    (network,) = read_manifest(bundle).networks
    assert [graph.name for graph in network.graphs] == [one.name for one in TWO_GRAPHS.parts]
    assert [one.file for artifact in network.artifacts for one in artifact.graphs] == FILES
    for artifact in network.artifacts:
        assert artifact.parity.mean_mask_iou > 0.999
        assert artifact.size_bytes == sum(
            (bundle / one.file).stat().st_size for one in artifact.graphs
        )
    with np.load(bundle / network.golden[0].file) as arrays:
        rows = {name: len(arrays[name]) for name in arrays}
    assert rows == {
        **dict.fromkeys(("image", "features"), 1),
        **dict.fromkeys(("prompt_maps", "prompt_tokens", "low_res_masks", "iou_predictions"), 4),
    }


def test_verify_reads_everything_once(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hashed: Counter[str] = Counter()
    loaded: Counter[str] = Counter()
    parsed: Counter[str] = Counter()

    def counted_hash(path: Path):  # type: ignore[no-untyped-def]
        hashed[path.relative_to(bundle).as_posix()] += 1
        return content_hash(path)

    class CountedFile(ArrayFile):
        def __init__(self, path: Path) -> None:
            parsed[path.relative_to(bundle).as_posix()] += 1
            super().__init__(path)

    monkeypatch.setattr(artifacts, "content_hash", counted_hash)
    monkeypatch.setattr(golden, "ArrayFile", CountedFile)
    for name in ("onnx", "executorch"):
        target = TARGETS[name]
        assert target.load is not None

        def counted_load(path: Path, load=target.load):  # type: ignore[no-untyped-def]
            loaded[path.name] += 1
            return load(path)

        monkeypatch.setitem(TARGETS, name, dataclasses.replace(target, load=counted_load))
    assert run("verify", bundle) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("two graphs")]
    assert len(rows) == 2
    assert all(row.endswith(" ok") for row in rows)
    everything = {
        path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()
    }
    assert hashed == dict.fromkeys(everything, 1)
    assert loaded == dict.fromkeys(FILES, 1)
    assert parsed == {name: 1 for name in everything if name.endswith(".npz")}


def test_it_is_evaluated_as_any_promptable_network(
    bundle: Path, scenes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("eval", "--model", bundle, "--data", scenes, "--limit", 2, "--clicks", 2) == 0
    assert "shapes" in capsys.readouterr().out


def test_its_files_are_timed_one_by_one(bundle: Path, tmp_path: Path) -> None:
    assert [one.artifact.name for one in listed_subjects(bundle)] == FILES
    assert {one.pipeline for one in listed_subjects(bundle)} == {None}
    results = tmp_path / "results.jsonl"
    quick = ("--rounds", 1, "--iterations", 2, "--threads", 1)
    assert run("bench", "run", "--artifacts", bundle, "--out", results, *quick) == 0
    timed = [json.loads(line) for line in results.read_text().splitlines()]
    assert {one["artifact"]["name"] for one in timed} == set(FILES)
    assert all(one["measurement"]["warm_samples_ms"] for one in timed)


def test_golden_cases_hold_the_inputs_of_each_graph(bundle: Path) -> None:
    """So that native runners can be asked about one file."""
    case = golden_in(bundle, TWO_GRAPHS)[0]
    for kind in TWO_GRAPHS.graphs:
        names, _ = kind.names()
        raw = case_bytes(case, kind, dict.fromkeys(names, "float32"))
        assert len(raw) == 4 * sum(case.tensors[name].numel() for name in names)


def test_a_graph_in_the_place_of_another_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    (artifact, *_) = network_in(bundle, TWO_GRAPHS).artifacts
    swapped = dataclasses.replace(artifact, graphs=artifact.graphs[::-1])
    rewrite_network(copy, TWO_GRAPHS, artifacts=(swapped,))
    with pytest.raises(ArtifactError, match="is a mask decoder, not a photo encoder"):
        load(copy, kind=SEGMENTER)


def test_one_graph_alone_is_no_promptable_network(bundle: Path) -> None:
    path = bundle / FILES[0]
    assert load(path).kind is ENCODER
    with pytest.raises(ArtifactError, match="is a photo encoder, not a promptable network"):
        load(path, kind=SEGMENTER)


def test_the_encoder_runs_once_for_each_photo() -> None:
    loaded = TwoGraphsRecipe().load(NetworkChoice(TWO_GRAPHS.name, SIZE))
    calls: list[str] = []

    def counted(number: int):  # type: ignore[no-untyped-def]
        def run_graph(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            calls.append(TWO_GRAPHS.parts[number].part)
            answer = loaded.graphs[number](*inputs)
            return (answer,) if isinstance(answer, Tensor) else answer

        return run_graph

    network = GraphSequence(TWO_GRAPHS, [counted(0), counted(1)])
    predictor = SamPredictor(lambda *inputs: tuple(network(inputs)), SIZE, looking=None)
    for photo in (np.zeros((8, 9, 3), np.uint8), np.full((8, 9, 3), 200, np.uint8)):
        predictor.set_image(photo)
        for place in (2, 3, 4):
            predictor.predict([[place, place]], [1])
    assert calls == ["encoder", "decoder", "decoder", "decoder"] * 2


def test_an_image_that_is_changed_in_place_is_encoded_again() -> None:
    network = TwoGraphsRecipe().load(NetworkChoice(TWO_GRAPHS.name, SIZE)).network()
    image, *prompts = (torch.rand(spec.shape) for spec in SEGMENTER.inputs(SIZE))
    with torch.inference_mode():
        before, _ = network([image, *prompts])
        image.neg_()
        after, _ = network([image, *prompts])
    assert not torch.equal(before, after)


def test_too_few_tensors_are_refused(bundle: Path) -> None:
    with pytest.raises(ArtifactError, match="not 1 tensors"):
        load(bundle, kind=SEGMENTER).run([torch.zeros(1, 3, SIZE, SIZE)])  # type: ignore[attr-defined]
