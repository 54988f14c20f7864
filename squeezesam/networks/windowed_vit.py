"""Segment Anything's vision transformer (arXiv 2304.02643): most of its layers attend in windows.

Every score gets a share for the distance in y and one for that in x, each a product of the query
with a learnt vector.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.configs import WindowedVitConfig
from squeezesam.networks.efficientsam import EPS, stretched
from squeezesam.networks.products import ProductAttention, TokenNorm
from squeezesam.networks.tiny_vit import by_windows


class RelativeAttention(ProductAttention):
    """Attention on a square of tokens, [B, side^2, C], that knows their distances.

    Args:
        width: channels.
        heads: of attention.
        side: of the square for which the distances were learnt.

    Attributes:
        side: of the square; that of the learnt one where it has not been set.
    """

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__(width, heads)
        self.side = side
        self.down = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.across = nn.Parameter(torch.zeros(2 * side - 1, width // heads))

    def by_distance(self, learnt: Tensor) -> Tensor:
        """Vectors of each place of a query and of a key along one axis, [side, D, side]."""
        count = 2 * self.side - 1
        if len(learnt) != count:
            learnt = F.interpolate(learnt.T[None], count, mode="linear")[0].T
        places = torch.arange(self.side, device=learnt.device)
        return learnt[places[:, None] - places + self.side - 1].transpose(1, 2)

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """In the chosen form, [B, H, T, D] each."""
        square = query.unflatten(2, (self.side, self.side))
        rows = square @ self.by_distance(self.down)
        columns = (square.transpose(2, 3) @ self.by_distance(self.across)).transpose(2, 3)
        shares = rows[..., :, None] + columns[..., None, :]  # [B, H, y, x, side, side]
        return self.form(query, key, value, shares.flatten(4).flatten(2, 3))


class WindowedLayer(nn.Module):
    """Attention and MLP, each after a norm and beside an identity: [B, H, W, C] to the same.

    Args:
        config: of the transformer.
        window: side of its windows in tokens; None attends to all tokens.
    """

    def __init__(self, config: WindowedVitConfig, window: int | None) -> None:
        super().__init__()
        width, hidden = config.width, config.width * config.mlp_ratio
        self.window = window
        self.norm_attention = TokenNorm(width, EPS)
        self.attention = RelativeAttention(width, config.heads, window or config.grid)
        self.norm_mlp = TokenNorm(width, EPS)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def attend(self, tokens: Tensor) -> Tensor:
        """What attention makes of tokens [B, T, C] of a square."""
        return self.attention(tokens, tokens, tokens)

    def forward(self, image: Tensor) -> Tensor:
        side = self.window or image.shape[1]
        image = image + by_windows(self.norm_attention(image), side, self.attend)
        return image + self.mlp(self.norm_mlp(image))


class WindowedVit(nn.Module):
    """image [B, 3, S, S], normalised -> [B, width, S/16, S/16].

    Args:
        config: widths and depths.
        patch: side of a token in pixels.
    """

    def __init__(self, config: WindowedVitConfig, patch: int) -> None:
        super().__init__()
        self.side = config.grid
        self.patches = nn.Conv2d(3, config.width, patch, patch)
        self.positions = nn.Parameter(torch.randn(1, config.grid, config.grid, config.width) * 0.02)
        self.layers = nn.ModuleList(
            WindowedLayer(config, None if index in config.whole else config.window)
            for index in range(config.depth)
        )

    def set_side(self, side: int) -> None:
        """Prepare for images of a side of so many tokens."""
        self.side = side
        for layer in self.layers:
            if layer.window is None:
                layer.attention.side = side

    def forward(self, image: Tensor) -> Tensor:
        positions: Tensor = self.positions
        if positions.shape[1] != self.side:
            positions = stretched(positions, self.side)
        image = self.patches(image).permute(0, 2, 3, 1) + positions
        for layer in self.layers:
            image = layer(image)
        return image.permute(0, 3, 1, 2)
