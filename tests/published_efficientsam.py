"""Names and shapes of the published checkpoints, and random values for them."""

import hashlib
import math
import re
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from squeezesam.networks.configs import EarlySamConfig, EfficientSamConfig

PROMPTS = re.compile(r"prompt_encoder\.|.*(iou|mask)_tokens?\.")

Shapes = dict[str, tuple[int, ...]]

NAMES_SHA256 = {
    "efficientsam_ti": "c0a4083e257b53e2293a2640fc8d612b8982c9042320a65dc690908d42513290",
    "efficientsam_s": "6cde6070629c6bca918062c54deef0aed5026433b768d27fd42f5127946a6761",
    "early": "1ce42078b35f9b2f510e63f281aec205433a55f8970cf76cb057d64a57b54954",
}
"""Of the lines NAME SHAPE of the published state dicts, in their order."""


def layer(shapes: Shapes, name: str, *weight: int) -> None:
    """Add a layer or a norm."""
    shapes[f"{name}.weight"] = weight
    shapes[f"{name}.bias"] = weight[:1]


def attention(shapes: Shapes, name: str, width: int, inner: int) -> None:
    """Add attention whose inner width may be less."""
    for part in ("q_proj", "k_proj", "v_proj"):
        layer(shapes, f"{name}.{part}", inner, width)
    layer(shapes, f"{name}.out_proj", width, inner)


def two_way(shapes: Shapes, name: str, width: int, depth: int, hidden: int) -> None:
    """Add a two-way transformer."""
    for index in range(depth):
        block = f"{name}.layers.{index}"
        attention(shapes, f"{block}.self_attn", width, width)
        layer(shapes, f"{block}.norm1", width)
        attention(shapes, f"{block}.cross_attn_token_to_image", width, width // 2)
        layer(shapes, f"{block}.norm2", width)
        layer(shapes, f"{block}.mlp.layers.0.0", hidden, width)
        layer(shapes, f"{block}.mlp.fc", width, hidden)
        layer(shapes, f"{block}.norm3", width)
        layer(shapes, f"{block}.norm4", width)
        attention(shapes, f"{block}.cross_attn_image_to_token", width, width // 2)
    attention(shapes, f"{name}.final_attn_token_to_image", width, width // 2)
    layer(shapes, f"{name}.norm_final_attn", width)


def heads(shapes: Shapes, width: int, features: int) -> None:
    """Add what makes masks and predicted IoUs of tokens: three layers for each mask and for all."""
    names = {f"output_hypernetworks_mlps.{index}": features for index in range(4)}
    for name, width_out in {**names, "iou_prediction_head": 4}.items():
        layer(shapes, f"mask_decoder.{name}.layers.0.0", width, width)
        layer(shapes, f"mask_decoder.{name}.layers.1.0", width, width)
        layer(shapes, f"mask_decoder.{name}.fc", width_out, width)


def published_shapes(config: EfficientSamConfig, channels: int = 256) -> Shapes:
    """Shapes by name, in the published order."""
    width, hidden = config.width, config.width * config.mlp_ratio
    shapes: Shapes = {"image_encoder.pos_embed": (1, 1 + config.grid**2, width)}

    layer(shapes, "image_encoder.patch_embed.proj", width, 3, 16, 16)
    for index in range(config.depth):
        block = f"image_encoder.blocks.{index}"
        layer(shapes, f"{block}.norm1", width)
        layer(shapes, f"{block}.attn.qkv", 3 * width, width)
        layer(shapes, f"{block}.attn.proj", width, width)
        layer(shapes, f"{block}.norm2", width)
        layer(shapes, f"{block}.mlp.fc1", hidden, width)
        layer(shapes, f"{block}.mlp.fc2", width, hidden)
    shapes["image_encoder.neck.0.weight"] = (channels, width, 1, 1)
    layer(shapes, "image_encoder.neck.1", channels)
    shapes["image_encoder.neck.2.weight"] = (channels, channels, 3, 3)
    layer(shapes, "image_encoder.neck.3", channels)
    gaussian = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    shapes[gaussian] = (2, channels // 2)
    for name in ("invalid_points", "point_embeddings", "bbox_top_left_embeddings"):
        shapes[f"prompt_encoder.{name}.weight"] = (1, channels)
    shapes["prompt_encoder.bbox_bottom_right_embeddings.weight"] = (1, channels)
    two_way(shapes, "mask_decoder.transformer", channels, config.decoder_depth, config.decoder_mlp)
    shapes["mask_decoder.iou_token.weight"] = (1, channels)
    shapes["mask_decoder.mask_tokens.weight"] = (4, channels)
    upscaling = "mask_decoder.final_output_upscaling_layers"
    for index, (wide, narrow) in enumerate(((channels, channels // 4), (channels // 4, 32))):
        shapes[f"{upscaling}.{index}.0.weight"] = (wide, narrow, 2, 2)
        shapes[f"{upscaling}.{index}.0.bias"] = (narrow,)
        if not index:
            layer(shapes, f"{upscaling}.0.1", narrow)
    heads(shapes, channels, 32)
    return shapes


def published_early_shapes(config: EarlySamConfig) -> Shapes:
    """Shapes by name of the early SqueezeSAM, in the published order."""
    shapes: Shapes = {}
    bottom = config.encoder[-1]

    def norm(name: str, width: int) -> None:
        layer(shapes, name, width)
        shapes[f"{name}.running_mean"] = shapes[f"{name}.running_var"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()

    def twice(name: str, before: int, after: int) -> None:
        for index, width in enumerate((before, after)):
            layer(shapes, f"{name}.double_conv.{index}.conv.0", after, width, 3, 3)
            norm(f"{name}.double_conv.{index}.norm", after)

    layer(shapes, "patch_embed.proj.0", config.stem, 5, 2, 2)
    layer(shapes, "patch_embed.proj.1", config.stem)
    widths = (config.stem, *config.encoder)
    for index, (before, after) in enumerate(pairwise(widths)):
        pooled = ".maxpool_conv.1" if index else ""
        twice(f"unet_encoder.down_layers.{index}{pooled}", before, after)
    tokens = "get_iou_predictions_and_mask_tokens"
    depth, hidden = config.transformer_depth, config.mlp_width
    two_way(shapes, f"{tokens}.transformer", bottom, depth, hidden)
    shapes[f"{tokens}.iou_token.weight"] = (1, bottom)
    shapes[f"{tokens}.mask_tokens.weight"] = (4, bottom)
    for index, (before, after) in enumerate(pairwise(reversed(config.encoder))):
        block = f"unet_decoder.unet_upscaling_layers.{index}"
        layer(shapes, f"{block}.up.upsampler_linear.0", 2 * before, before)
        norm(f"{block}.up.norm", 2 * before)
        twice(f"{block}.conv", before // 2 + after, after)
    heads(shapes, bottom, config.encoder[0])
    return shapes


def names_sha256(shapes: Shapes) -> str:
    """Of all names and shapes in their order."""
    lines = "".join(f"{name} {shape}\n" for name, shape in shapes.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def random_state(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Values of a size that keeps activations near 1, the same on every machine."""
    drawn = np.random.default_rng(seed)
    state = {}
    for name, shape in shapes.items():
        values = drawn.standard_normal(shape).astype(np.float32)
        if not shape:
            state[name] = torch.tensor(7)
            continue
        if len(shape) == 1:
            values = values * 0.1 + name.endswith((".weight", "_var"))
        elif "upscaling" in name:
            values /= math.sqrt(shape[0])
        elif not (PROMPTS.match(name) or name.endswith("pos_embed")):
            values /= math.sqrt(math.prod(shape[1:]))
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state
