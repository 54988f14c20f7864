"""The two-way transformer of Segment Anything (arXiv 2304.02643), for networks to compare with.

In the `reference` variant LayerNorm and `scaled_dot_product_attention` stay as they are there,
though they leave the XNNPACK delegate: what they cost is part of the comparison.
"""

from torch import Tensor, nn
from torch.nn import functional as F

CROSS_ATTENTION_DOWNSAMPLE = 2


class ProjectedAttention(nn.Module):
    """Multi-head attention whose inner width is the embedding's over `downsample`."""

    def __init__(self, width: int, heads: int, downsample: int = 1) -> None:
        super().__init__()
        inner = width // downsample
        self.heads = heads
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, T, C] -> [B, H, T, C / H]

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = self.mix(
            self.split_heads(self.query(query)),
            self.split_heads(self.key(key)),
            self.split_heads(self.value(value)),
        )
        return self.out(mixed.transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    """Tokens attend to themselves and to the image; then the image attends to the tokens."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        *,
        first: bool,
        attention: type[ProjectedAttention],
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.first = first
        self.among_tokens = attention(width, heads)
        self.norm_among_tokens = nn.LayerNorm(width)
        self.to_image = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_to_image = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_width), activation(), nn.Linear(mlp_width, width)
        )
        self.norm_mlp = nn.LayerNorm(width)
        self.to_tokens = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_to_tokens = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, cells: Tensor, token_positions: Tensor, cell_positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.first:  # tokens are still their own positions
            tokens = self.among_tokens(tokens, tokens, tokens)
        else:
            placed = tokens + token_positions
            tokens = tokens + self.among_tokens(placed, placed, tokens)
        tokens = self.norm_among_tokens(tokens)
        placed_cells = cells + cell_positions
        tokens = tokens + self.to_image(tokens + token_positions, placed_cells, cells)
        tokens = self.norm_to_image(tokens)
        tokens = self.norm_mlp(tokens + self.mlp(tokens))
        cells = cells + self.to_tokens(placed_cells, tokens + token_positions, tokens)
        return tokens, self.norm_to_tokens(cells)


class TwoWayTransformer(nn.Module):
    """Layers in both directions, then a last look of the tokens at the image."""

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        mlp_width: int,
        attention: type[ProjectedAttention] = ProjectedAttention,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(
                width,
                heads,
                mlp_width,
                first=index == 0,
                attention=attention,
                activation=activation,
            )
            for index in range(depth)
        )
        self.last = attention(width, heads, CROSS_ATTENTION_DOWNSAMPLE)
        self.norm_last = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, cells: Tensor, cell_positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image cells exchange what they know.

        Args:
            tokens: [B, T, C], which also serve as their own positions.
            cells: [B, H * W, C].
            cell_positions: [1, H * W, C].

        Returns:
            tokens [B, T, C] and cells [B, H * W, C].
        """
        positions = tokens
        for layer in self.layers:
            tokens, cells = layer(tokens, cells, positions, cell_positions)
        seen = self.last(tokens + positions, cells + cell_positions, cells)
        return self.norm_last(tokens + seen), cells
