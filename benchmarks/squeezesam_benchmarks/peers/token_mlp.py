"""The MLP of a vision transformer's layer."""

from torch import nn


class TokenMlp(nn.Sequential):
    """LayerNorm, then two linear layers around a GELU."""

    def __init__(self, width: int, ratio: int, eps: float) -> None:
        super().__init__(
            nn.LayerNorm(width, eps=eps),
            nn.Linear(width, width * ratio),
            nn.GELU(),
            nn.Linear(width * ratio, width),
        )
