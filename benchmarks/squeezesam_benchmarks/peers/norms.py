"""LayerNorm over the channels of an image."""

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over C of [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise every pixel."""
        return super().forward(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
