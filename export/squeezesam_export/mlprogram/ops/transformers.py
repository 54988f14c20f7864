"""Attention, from iOS 18 on."""

import math

import torch
from torch import Tensor

from squeezesam_export.mlprogram.registry import op


@op("scaled_dot_product_attention", since=8)
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """softmax(query @ key.T / sqrt(E) + mask) @ value: [*B, L, E], [*B, S, E], [*B, S, V].

    A mask of booleans says what takes part.
    """
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, -1) @ value
