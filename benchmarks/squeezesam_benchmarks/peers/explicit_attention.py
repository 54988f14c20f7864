"""Attention written out as batched products, which both runtimes take whole."""

import torch
from torch import Tensor

from squeezesam.network.two_way_transformer import ProjectedAttention


class ExplicitAttention(ProjectedAttention):
    """Scale, product, softmax, product.

    `scaled_dot_product_attention` would decompose into a safe softmax whose comparisons leave the
    XNNPACK delegate, and products of four dimensions into copies.
    """

    def adjusted(self, scores: Tensor) -> Tensor:
        """What the softmax sees of scores [B * heads, T, T']."""
        return scores

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scaled = query.flatten(0, 1) * query.shape[-1] ** -0.5
        scores = torch.bmm(scaled, key.flatten(0, 1).transpose(1, 2))
        weights = torch.softmax(self.adjusted(scores), dim=-1)
        return torch.bmm(weights, value.flatten(0, 1)).unflatten(0, query.shape[:2])
