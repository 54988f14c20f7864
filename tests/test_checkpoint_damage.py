"""A checkpoint that is damaged in any part is refused before the network is touched."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import random_network
from torch.optim.swa_utils import AveragedModel

from squeezesam.errors import WeightsError
from squeezesam.training.checkpoint import Checkpoint
from squeezesam.training.optimizer import HybridOptimizer


def trained(folder: Path, seed: int) -> tuple[Checkpoint, torch.nn.Module]:
    """A network after one step, and what keeps its training in a folder."""
    model = random_network(seed)
    optimizer = HybridOptimizer(model, 1e-3, 0.0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return Checkpoint(folder, model, AveragedModel(model), optimizer, {"seed": "0"}), model


def refused(folder: Path, match: str | None) -> None:
    """Loading into another network ends in an error, and leaves that network as it is."""
    other, model = trained(folder, seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=match):
        other.load()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the header of a file."""
    content = path.read_bytes()
    end = 8 + struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8:end])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[end:])


WRONG_TEXTS = {
    "updates": ["NaN", "Infinity", "-1", "1e400", "[1]", "{}", '"2"', "1" * 5000, "", "16777216"],
    "step": ["NaN", "-1", "2", "1.5", "null", "[" * 100_000, "9" * 400],
    "recipe": ["1", "[]", "null", "NaN", '{"seed": 0}', '{"seed": [0]}', "{" * 5000, '"a"'],
}


@pytest.mark.parametrize(("field", "text"), [(f, t) for f in WRONG_TEXTS for t in WRONG_TEXTS[f]])
def test_a_checkpoint_is_looked_at_before_the_model_is_touched(
    field: str, text: str, tmp_path: Path
) -> None:
    checkpoint, _ = trained(tmp_path, seed=0)
    checkpoint.save(1)
    path = tmp_path / "checkpoint-00000001" / "model.safetensors"
    edited(path, lambda header: header["__metadata__"].update({field: text}))
    refused(tmp_path, "checkpoint-00000001")


@pytest.mark.parametrize("part", ["model", "averaged", *HybridOptimizer.MOMENTS])
@pytest.mark.parametrize("fault", ["missing", "other shape", "other name", "cut off"])
def test_every_part_is_looked_at_first(part: str, fault: str, tmp_path: Path) -> None:
    checkpoint, _ = trained(tmp_path, seed=0)
    checkpoint.save(1)
    path = tmp_path / "checkpoint-00000001" / f"{part}.safetensors"

    def change(header: dict[str, Any]) -> None:
        name = next(name for name in header if name.endswith("weight"))
        if fault == "other shape":
            header[name]["shape"] = [*header[name]["shape"], 1]
        else:
            header["other"] = header.pop(name)

    match fault:
        case "missing":
            path.unlink()
        case "cut off":
            path.write_bytes(path.read_bytes()[:-4])
        case _:
            edited(path, change)
    refused(tmp_path, None)


def test_a_whole_checkpoint_is_restored(tmp_path: Path) -> None:
    checkpoint, saved = trained(tmp_path, seed=0)
    checkpoint.save(1)
    other, model = trained(tmp_path, seed=1)
    assert other.load() == 1
    for name, value in model.state_dict().items():
        assert torch.equal(value, saved.state_dict()[name])
