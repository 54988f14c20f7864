"""Stand-ins for the trained networks that find what is brighter than mid-grey."""

import torch
from torch.nn import functional as F

from squeezesam.spec import MAP_STRIDE, NUM_MASKS, SALIENCY_STRIDE

STEEPNESS = 20


def bright_detector(image):
    return STEEPNESS * F.avg_pool2d(image.mean(dim=1, keepdim=True), SALIENCY_STRIDE)


def bright_network(image, prompt_maps, prompt_tokens):
    """The bright pixels where anything is asked for."""
    logits = STEEPNESS * F.avg_pool2d(image.mean(dim=1, keepdim=True), MAP_STRIDE)
    asked = prompt_maps.abs().amax() > 0 or prompt_tokens.abs().amax() > 0
    masks = logits if asked else -torch.ones_like(logits)
    return masks.expand(-1, NUM_MASKS, -1, -1), torch.full((1, NUM_MASKS), 0.9)
