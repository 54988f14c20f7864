"""A tiny promptable network of two graphs with random weights, and its recipe."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.spec import (
    MAP_STRIDE,
    NUM_MASKS,
    TOKEN_FEATURES,
    MapChannel,
    NetworkKind,
    TensorSpec,
    detector_input_specs,
    in_sequence,
    input_specs,
    output_specs,
)
from squeezesam_export.kinds.recipe import LoadedWeights, NetworkChoice
from squeezesam_export.kinds.segmenter import SegmenterRecipe

SIZE = 64
CHANNELS, STRIDE = 8, 4


def features(size: int) -> tuple[TensorSpec, ...]:
    side = size // STRIDE
    return (TensorSpec("features", (1, CHANNELS, side, side), "what the photo shows"),)


ENCODER = NetworkKind(
    "two-graph encoder", "photo encoder", detector_input_specs, features, SIZE, part="encoder"
)
DECODER = NetworkKind(
    "two-graph decoder",
    "mask decoder",
    lambda size: features(size) + input_specs(size)[1:],
    output_specs,
    SIZE,
    part="decoder",
)
TWO_GRAPHS = in_sequence("two graphs", "network of two graphs", ENCODER, DECODER)


class Encoder(nn.Module):
    """Runs once for each photo: image -> features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, STRIDE, STRIDE)

    def forward(self, image: Tensor) -> Tensor:
        return F.relu(self.stem(image))


class Decoder(nn.Module):
    """Runs for each click: features, prompt maps and tokens -> masks and predicted IoUs."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(CHANNELS + len(MapChannel), CHANNELS, 3, padding=1)
        self.mask_head = nn.Conv2d(CHANNELS, NUM_MASKS, 1)
        self.iou_head = nn.Linear(TOKEN_FEATURES, NUM_MASKS)

    def forward(
        self, features: Tensor, prompt_maps: Tensor, prompt_tokens: Tensor
    ) -> tuple[Tensor, Tensor]:
        large = F.interpolate(features, scale_factor=STRIDE // MAP_STRIDE, mode="bilinear")
        mixed = F.relu(self.mix(torch.cat([large, prompt_maps], dim=1)))
        return self.mask_head(mixed), torch.sigmoid(self.iou_head(prompt_tokens.mean(dim=1)))


class TwoGraphsRecipe(SegmenterRecipe):
    """Asked and compared as the segmenter is."""

    kind = TWO_GRAPHS
    flags = None

    def load(self, choice: NetworkChoice) -> LoadedWeights:
        """Random weights, whose masks are neither empty nor full."""
        torch.manual_seed(0)
        graphs = Encoder().eval(), Decoder().eval()
        nn.init.normal_(graphs[1].mask_head.weight)
        return LoadedWeights(self, choice.size, "tiny", "0" * 64, graphs)
