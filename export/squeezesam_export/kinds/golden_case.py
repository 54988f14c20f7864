"""A golden case: what is asked about a photo, and all tensors of PyTorch's answer in float32."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from squeezesam.inference.letterbox import Letterbox
from squeezesam.spec import NetworkKind

INPUT_TOLERANCE = 1e-4
"""By which the encoding of one prompt may differ between machines; a click on the next pixel of the
largest photo differs by more."""


@dataclass(frozen=True)
class GoldenClick:
    """A click in photo pixels, with segment-anything's label codes."""

    x: int
    y: int
    label: int


@dataclass(frozen=True)
class CaseRecord:
    """A golden case as the manifest describes it.

    Attributes:
        name: of the case.
        clicks: oldest first. For a network that takes prompts they are the prompt; for one that
            finds clicks they are what it finds.
        box: (x0, y0, x1, y1) in photo pixels.
        previous: an earlier case of the same photo whose mask 0, cleaned, is the previous mask, or
            an output of the network that gave the prompts, moved into the frame of masks.
    """

    name: str
    clicks: tuple[GoldenClick, ...]
    box: tuple[int, ...] | None
    previous: str | None


@dataclass(frozen=True)
class GoldenCase:
    """One golden case of any kind of network.

    Attributes:
        kind: of the network.
        photo: file name of the photo.
        letterbox: how the photo lies in the network's input.
        record: what is asked.
        tensors: all tensors by name: inputs, what graphs hand on, and PyTorch's outputs.
    """

    kind: NetworkKind
    photo: str
    letterbox: Letterbox
    record: CaseRecord
    tensors: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.photo} {self.record.name}"

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Inputs of the network, in call order."""
        return tuple(self.tensors[name] for name in self.kind.names()[0])

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Outputs of the network, in order."""
        return tuple(self.tensors[name] for name in self.kind.names()[1])

    def answered(self, outputs: Sequence[Tensor]) -> Self:
        """The same case with another network's answers."""
        given = zip(self.kind.names()[1], outputs, strict=True)
        return dataclasses.replace(self, tensors={**self.tensors, **dict(given)})


def is_asked(case: GoldenCase, inputs: Sequence[Tensor]) -> bool:
    """Whether inputs of the network, in call order, are those of a golden case."""
    return all(
        torch.allclose(one, own, rtol=0, atol=INPUT_TOLERANCE)
        for one, own in zip(inputs, case.inputs, strict=True)
    )
