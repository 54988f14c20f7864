"""Weights, checkpoints, export directories and artifacts: what others may have sent."""

import shutil
from functools import partial
from pathlib import Path

import torch
from small_networks import SIZE, random_network, run

from squeezesam.inference.load import load
from squeezesam.networks.weights import load_weights, save_weights
from squeezesam.spec import input_specs
from squeezesam.training.checkpoint import Checkpoint
from squeezesam.training.optimizer import HybridOptimizer
from squeezesam_export.bundle.artifacts import check_files
from squeezesam_export.bundle.golden import read_golden
from squeezesam_export.bundle.manifest import read_manifest
from tests.fuzz.engine import Target
from tests.fuzz.mutation import Rng, mutated_file, pick


def prepare_weights(folder: Path) -> None:
    """Weights of the smallest network."""
    save_weights(random_network(4), folder / "nano.safetensors", "nano", torch.float16)


def checkpoint(folder: Path) -> Checkpoint:
    """Of a run that is about to start."""
    model = random_network(4)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    return Checkpoint(folder, model, averaged, HybridOptimizer(model, 1e-3, 0.0), {"a": "1"})


def prepare_checkpoint(folder: Path) -> None:
    """A folder of a run after one step."""
    run_folder = folder / "run"
    run_folder.mkdir()
    one = checkpoint(run_folder)
    sum(parameter.sum() for parameter in one.model.parameters()).backward()
    one.optimizer.step()
    one.save(1)


def export_to(folder: Path, target: str) -> Path:
    """A small export for one runtime, without the detector."""
    save_weights(random_network(4), folder / "nano.safetensors", "nano", torch.float32)
    words = ("--target", target, "--precision", "fp32", "--no-detector", "--size", SIZE)
    out = folder / "export"
    assert run("export", *words, "--weights", folder / "nano.safetensors", "--out", out) == 0
    (folder / "nano.safetensors").unlink()
    return out


def prepare_artifact(target: str, suffix: str, folder: Path) -> None:
    """One artifact alone."""
    out = export_to(folder, target)
    artifact = next(out.glob(f"*{suffix}"))
    artifact.rename(folder / artifact.name)
    shutil.rmtree(out)


def check_artifact(path: Path) -> None:
    """Load it, and ask it once."""
    network = load(path)
    network(*(torch.zeros(spec.shape) for spec in input_specs(network.size)))


def check_export(path: Path) -> None:
    """Manifest, hashes and golden answers."""
    manifest = read_manifest(path)
    check_files(path, manifest)
    check_golden(path)


def check_golden(path: Path) -> None:
    """Golden answers whose hash the sender has made right."""
    for network in read_manifest(path).networks:
        read_golden(path, network)


def manifest_case(rng: Rng, seeds: list[Path], folder: Path) -> Path:
    """An export directory of which only the manifest is wrong."""
    copy = folder / "export"
    shutil.copytree(pick(rng, seeds), copy)
    mutated_file(rng, copy / "manifest.json")
    return copy


def golden_case(rng: Rng, seeds: list[Path], folder: Path) -> Path:
    """One whose golden files are wrong, but as the manifest says."""
    from squeezesam_export.bundle.artifacts import sha256_of

    copy = folder / "export"
    shutil.copytree(pick(rng, seeds), copy)
    path = pick(rng, sorted(copy.glob("golden/*/*.npz")))
    before = sha256_of(path)
    mutated_file(rng, path)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace(before, sha256_of(path)))
    return copy


def prepare_export(folder: Path) -> None:
    """A whole export."""
    export_to(folder, "onnx")


TARGETS = (
    Target("weights", prepare_weights, partial(load_weights, size=SIZE)),
    Target("checkpoints", prepare_checkpoint, lambda path: checkpoint(path).load()),
    Target("manifests", prepare_export, check_export, manifest_case),
    Target("golden", prepare_export, check_golden, golden_case),
    *(
        Target(suffix[1:], partial(prepare_artifact, target, suffix), check_artifact)
        for target, suffix in (
            ("onnx", ".onnx"),
            ("executorch", ".pte"),
            ("coreml", ".mlpackage"),
        )
    ),
)
