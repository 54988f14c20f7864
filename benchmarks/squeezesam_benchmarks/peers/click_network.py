"""One click end to end as one network, and what of it a later click on the same photo runs."""

from collections.abc import Callable

from torch import Tensor, nn

from squeezesam.spec import POINT_KINDS, POINTS, NetworkKind, TensorSpec, embedding_specs
from squeezesam_benchmarks.peers.layers import PeerNetwork

CLICK_INPUTS = 3
"""Inputs of a click: the image, the points and their kinds. What else a kind takes, such as an
earlier mask, is left out."""

Features = Callable[[int], tuple[TensorSpec, ...]]
"""What an encoder gives to its decoder, for a side of the square input in pixels."""


class LaterClick(PeerNetwork):
    """Prompt encoder and mask decoder: all that a click runs on a photo that is encoded already.

    Args:
        decoder: takes the features, points and their kinds, and gives masks and predicted IoUs.
        kind: of the whole network.
        features: see `Features`.
        size: side of the square input of the whole network in pixels.
    """

    def __init__(
        self, decoder: nn.Module, kind: NetworkKind, features: Features, size: int
    ) -> None:
        super().__init__(size)
        self.decoder, self.kind, self.features = decoder, kind, features

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and predicted IoUs."""
        masks, ious = self.decoder(*inputs)
        return masks, ious

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        points = (one for one in self.kind.inputs(self.size) if one.name in (POINTS, POINT_KINDS))
        return *self.features(self.size), *points

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        return self.kind.outputs(self.size)


class ClickNetwork(PeerNetwork):
    """A network of the Segment Anything family, as the first click on a photo runs it.

    Args:
        encoder: of `image` into the features, one or several.
        decoder: as in `LaterClick`.
        kind: whose inputs, but for an earlier mask, and outputs it has.
        size: side of the square input in pixels.
        features: see `Features`.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        kind: NetworkKind,
        size: int,
        features: Features = embedding_specs,
    ) -> None:
        super().__init__(size)
        self.encoder, self.kind = encoder, kind
        self.click = LaterClick(decoder, kind, features, size)

    def encoded(self, image: Tensor) -> tuple[Tensor, ...]:
        """What the decoder takes of an image [1, 3, size, size]."""
        features = self.encoder(image)
        return (features,) if isinstance(features, Tensor) else tuple(features)

    def forward(self, image: Tensor, points: Tensor, point_kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and predicted IoUs; the kind says what each tensor is."""
        masks, ious = self.click(*self.encoded(image), points, point_kinds)
        return masks, ious

    def later_click(self) -> LaterClick:
        """The decoder alone."""
        return self.click

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        return self.kind.inputs(self.size)[:CLICK_INPUTS]

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        return self.kind.outputs(self.size)
