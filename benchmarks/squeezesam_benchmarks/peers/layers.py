"""What all networks to compare with are made of.

ONNX Runtime has an operator of its own that never holds all scores. Of four forms tried at 1024 px
(written out, `scaled_dot_product_attention` at opset 20, ONNX's `Attention` at 23, and this) it
took the least processor time on global attention; in windows all were alike. ExecuTorch decomposes
`scaled_dot_product_attention` into a safe softmax whose comparisons leave the XNNPACK delegate, so
it gets the products written out, in three dimensions because four cost copies.
"""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam.networks.efficientsam import mixed_by_products
from squeezesam.networks.reference import ProjectedAttention
from squeezesam.spec import TensorSpec


class PeerNetwork(nn.Module):
    """A network that knows its inputs and outputs.

    Args:
        size: side of the square input in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Inputs, in call order."""
        raise NotImplementedError

    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Outputs, in order."""
        raise NotImplementedError

    def later_click(self) -> "PeerNetwork | None":
        """The part that runs for a later click on the same photo; None where all of it does."""
        return None


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over C of [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise every pixel."""
        return super().forward(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class TokenMlp(nn.Sequential):
    """LayerNorm, then two linear layers around a GELU."""

    def __init__(self, width: int, ratio: int, eps: float) -> None:
        super().__init__(
            nn.LayerNorm(width, eps=eps),
            nn.Linear(width, width * ratio),
            nn.GELU(),
            nn.Linear(width * ratio, width),
        )


Form = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""(query, key, value [B, H, T, D], bias of the scores [H, T, T] or None) -> [B, H, T, D]."""

Network = TypeVar("Network", bound=nn.Module)


def fused_by_torch(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """PyTorch's own."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def fused_by_onnxruntime(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """ONNX Runtime's operator, for export only; with a bias it is no faster than written out."""
    if bias is not None:
        return mixed_by_products(query, key, value, bias)
    heads = query.shape[1]
    joined = [x.transpose(1, 2).flatten(2) for x in (query, key, value)]  # [B, T, H * D]
    mixed = torch.onnx.ops.symbolic(
        "com.microsoft::MultiHeadAttention",
        joined,
        {"num_heads": heads},
        dtype=query.dtype,
        shape=joined[0].shape,
        version=1,
    )
    return mixed.unflatten(2, (heads, -1)).transpose(1, 2)


class PeerAttention(ProjectedAttention):
    """Multi-head attention in a form that can be chosen."""

    form: Form = staticmethod(fused_by_torch)

    def bias(self) -> Tensor | None:
        """What is added to the scores."""
        return None

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """In the chosen form."""
        return self.form(query, key, value, self.bias())


def in_form(network: Network, form: Form) -> Network:
    """A copy of a network whose attention has another form."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, PeerAttention):
            module.form = form
    return network
