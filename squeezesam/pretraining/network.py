"""The network of a pretraining: a vision transformer that sees some tokens, and what predicts all.

The encoder is EfficientSAM's. Its layers see the shown tokens alone. In the decoder the hidden
tokens ask (queries), and answer together with the shown ones (keys and values). Then all tokens are
put back in order, and a linear layer gives what is to be predicted. Only the encoder is kept.
"""

import torch
from torch import Tensor, nn

from squeezesam.networks.configs import EfficientSamConfig, check_size
from squeezesam.networks.efficientsam import EPS, ImageEncoder
from squeezesam.networks.reference import ProjectedAttention
from squeezesam.networks.unet import SizedNetwork
from squeezesam.pretraining.masking import Split, in_order, taken
from squeezesam.pretraining.options import DecoderOptions

LONGEST_WAVE = 10_000.0
"""Of the sine and cosine codes of positions, over 2 pi tokens."""


def sine_positions(side: int, width: int) -> Tensor:
    """MAE's codes of the positions of side x side tokens, row by row: [1, T, C].

    Args:
        side: tokens along each side.
        width: channels C, a multiple of 4.
    """
    rates = LONGEST_WAVE ** -(torch.arange(width // 4) / (width // 4))
    angles = torch.arange(side)[:, None] * rates  # [side, C / 4]
    codes = torch.cat([angles.sin(), angles.cos()], dim=1)
    across, down = codes.repeat(side, 1), codes.repeat_interleave(side, dim=0)
    return torch.cat([across, down], dim=1)[None]


class CrossLayer(nn.Module):
    """Hidden tokens ask all tokens: cross-attention and MLP, each after a norm."""

    def __init__(self, options: DecoderOptions) -> None:
        super().__init__()
        width, wide = options.width, options.width * options.mlp_ratio
        self.norm_asking = nn.LayerNorm(width, EPS)
        self.norm_asked = nn.LayerNorm(width, EPS)
        self.attention = ProjectedAttention(width, options.heads)
        self.norm_mlp = nn.LayerNorm(width, EPS)
        self.mlp = nn.Sequential(nn.Linear(width, wide), nn.GELU(), nn.Linear(wide, width))

    def forward(self, hidden: Tensor, shown: Tensor) -> Tensor:
        """Hidden tokens [B, M, C] after a look at themselves and at the shown ones [B, V, C]."""
        asked = self.norm_asked(torch.cat([shown, hidden], dim=1))
        hidden = hidden + self.attention(self.norm_asking(hidden), asked, asked)
        return hidden + self.mlp(self.norm_mlp(hidden))


class MaskedNetwork(SizedNetwork):
    """An encoder that is pretrained, with the decoder that it needs for that alone.

    Args:
        config: of the encoder.
        options: of the decoder.
        channels: what is predicted of each token.
        size: side of the square input in pixels, a multiple of 32.

    Raises:
        ConfigError: `size` is not a multiple of 32.
    """

    positions: Tensor

    def __init__(
        self, config: EfficientSamConfig, options: DecoderOptions, channels: int, size: int
    ) -> None:
        super().__init__()
        self.config, self.options = config, options
        self.encoder = ImageEncoder(config, 1)
        self.encoder.neck.requires_grad_(False)  # it comes behind what is pretrained
        with torch.no_grad():  # as in MAE; the position of the class token goes unused
            self.encoder.positions[:, 1:] = sine_positions(config.grid, config.width)
        self.norm_encoded = nn.LayerNorm(config.width, EPS)
        self.enter = nn.Linear(config.width, options.width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, options.width) * 0.02)
        self.layers = nn.ModuleList(CrossLayer(options) for _ in range(options.depth))
        self.norm = nn.LayerNorm(options.width, EPS)
        self.head = nn.Linear(options.width, channels)
        self.set_size(size)

    def set_size(self, size: int) -> None:
        """See `SizedNetwork.set_size`."""
        check_size(size, 2 * self.config.bottom_stride)
        self.size, side = size, size // self.config.bottom_stride
        self.encoder.side = side
        positions = sine_positions(side, self.options.width).to(self.mask_token.device)
        self.register_buffer("positions", positions, persistent=False)

    @property
    def tokens(self) -> int:
        """How many tokens an image has."""
        return self.encoder.side**2

    def forward(self, image: Tensor, shown: Tensor, hidden: Tensor) -> Tensor:
        """What is predicted of every token.

        Args:
            image: [B, 3, S, S], as `squeezesam.spec` scales it.
            shown: [B, V] places of the tokens that the encoder sees.
            hidden: [B, T - V] places of the others.

        Returns:
            [B, T, channels].
        """
        parts = Split(shown, hidden)
        seen = taken(self.encoder.embed(image), shown)
        for layer in self.encoder.layers:
            seen = layer(seen)
        positions = self.positions.expand(len(image), -1, -1)
        seen = self.enter(self.norm_encoded(seen)) + taken(positions, shown)
        asking = self.mask_token + taken(positions, hidden)
        for layer in self.layers:
            asking = layer(asking, seen)
        return self.head(self.norm(in_order(seen, asking, parts)))
