"""One click end to end as one network: encoder, neck, prompt encoder and mask decoder."""

import torch
from torch import Tensor, nn

from squeezesam.spec import IOU_PREDICTIONS, LOW_RES_MASKS, PointLabel, TensorSpec
from squeezesam_benchmarks.peers.neck import Neck
from squeezesam_benchmarks.peers.peer_network import PeerNetwork
from squeezesam_benchmarks.peers.sam_decoder import MASK_TOKENS, SamDecoder, SamDecoderConfig
from squeezesam_benchmarks.peers.sam_prompts import SamPrompts

ENCODER_STRIDE = 16
MASK_STRIDE = 4
POINT_SLOTS = 2
"""One click and one padding point, as in Segment Anything's own ONNX export. EfficientSAM pads to
six points; two are in its favour."""

IMAGE, POINT_COORDS, POINT_LABELS = "image", "point_coords", "point_labels"


class ClickNetwork(PeerNetwork):
    """A network of the Segment Anything family.

    Args:
        encoder: of [1, 3, size, size] into [1, encoder_width, size / 16, size / 16].
        encoder_width: its channels.
        decoder: dimensions of the decoder.
        labels: codes of the points that the prompt encoder knows.
        adds_no_mask: whether a learnt vector says that no mask is among the prompts.
        size: side of the square input in pixels.
    """

    def __init__(
        self,
        encoder: nn.Module,
        encoder_width: int,
        decoder: SamDecoderConfig,
        labels: tuple[PointLabel, ...],
        *,
        adds_no_mask: bool,
        size: int,
    ) -> None:
        super().__init__(size)
        self.masks = MASK_TOKENS - decoder.first_mask
        self.encoder = encoder
        self.neck = Neck(encoder_width, decoder.width)
        self.prompts = SamPrompts(decoder.width, size, size // ENCODER_STRIDE, labels)
        no_mask = torch.randn(1, decoder.width, 1, 1)
        self.no_mask = nn.Parameter(no_mask) if adds_no_mask else None
        self.decoder = SamDecoder(decoder)

    def forward(self, image: Tensor, coords: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Masks for the points.

        Args:
            image: [1, 3, size, size], RGB normalised as the family does.
            coords: [1, N, 2] in input pixels.
            labels: [1, N], codes of `PointLabel` as floats.

        Returns:
            masks [1, M, size / 4, size / 4] as logits and predicted IoUs [1, M].
        """
        features = self.neck(self.encoder(image))
        if self.no_mask is not None:
            features = features + self.no_mask
        return self.decoder(features, self.prompts(coords, labels), self.prompts.cell_positions)

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        return (
            TensorSpec(IMAGE, (1, 3, self.size, self.size), "RGB minus ImageNet mean over std"),
            TensorSpec(POINT_COORDS, (1, POINT_SLOTS, 2), "x, y in input pixels"),
            TensorSpec(POINT_LABELS, (1, POINT_SLOTS), "-1 padding, 0 negative, 1 positive"),
        )

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        side = self.size // MASK_STRIDE
        return (
            TensorSpec(LOW_RES_MASKS, (1, self.masks, side, side), "mask logits"),
            TensorSpec(IOU_PREDICTIONS, (1, self.masks), "predicted IoU of each mask"),
        )
