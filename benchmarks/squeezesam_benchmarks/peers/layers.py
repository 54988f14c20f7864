"""What all networks to compare with are made of.

ONNX Runtime has an operator of its own that never holds all scores. Of four forms tried at 1024 px
(written out, `scaled_dot_product_attention` at opset 20, ONNX's `Attention` at 23, and this) it
took the least processor time on global attention; in windows all were alike. ExecuTorch gets what
`written_out` makes of a network.
"""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from squeezesam.networks.products import Form, ProductAttention, mixed_by_products
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


Network = TypeVar("Network", bound=nn.Module)


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


def in_form(network: Network, form: Form) -> Network:
    """A copy of a network whose attention has another form."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, ProductAttention):
            module.form = form
    return network
