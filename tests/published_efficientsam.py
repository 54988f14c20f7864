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


def published_shapes(config: EfficientSamConfig, channels: int = 256) -> Shapes:
    """Shapes by name, in the published order."""
    width, hidden = config.width, config.width * config.mlp_ratio
    shapes: Shapes = {"image_encoder.pos_embed": (1, 1 + config.grid**2, width)}

    def layer(name: str, *weight: int) -> None:
        shapes[f"{name}.weight"] = weight
        shapes[f"{name}.bias"] = weight[:1]

    layer("image_encoder.patch_embed.proj", width, 3, 16, 16)
    for index in range(config.depth):
        block = f"image_encoder.blocks.{index}"
        layer(f"{block}.norm1", width)
        layer(f"{block}.attn.qkv", 3 * width, width)
        layer(f"{block}.attn.proj", width, width)
        layer(f"{block}.norm2", width)
        layer(f"{block}.mlp.fc1", hidden, width)
        layer(f"{block}.mlp.fc2", width, hidden)
    shapes["image_encoder.neck.0.weight"] = (channels, width, 1, 1)
    layer("image_encoder.neck.1", channels)
    shapes["image_encoder.neck.2.weight"] = (channels, channels, 3, 3)
    layer("image_encoder.neck.3", channels)
    gaussian = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    shapes[gaussian] = (2, channels // 2)
    for name in ("invalid_points", "point_embeddings", "bbox_top_left_embeddings"):
        shapes[f"prompt_encoder.{name}.weight"] = (1, channels)
    shapes["prompt_encoder.bbox_bottom_right_embeddings.weight"] = (1, channels)

    def attention(name: str, inner: int) -> None:
        for part in ("q_proj", "k_proj", "v_proj"):
            layer(f"{name}.{part}", inner, channels)
        layer(f"{name}.out_proj", channels, inner)

    transformer = "mask_decoder.transformer"
    for index in range(config.decoder_depth):
        block = f"{transformer}.layers.{index}"
        attention(f"{block}.self_attn", channels)
        layer(f"{block}.norm1", channels)
        attention(f"{block}.cross_attn_token_to_image", channels // 2)
        layer(f"{block}.norm2", channels)
        layer(f"{block}.mlp.layers.0.0", config.decoder_mlp, channels)
        layer(f"{block}.mlp.fc", channels, config.decoder_mlp)
        layer(f"{block}.norm3", channels)
        layer(f"{block}.norm4", channels)
        attention(f"{block}.cross_attn_image_to_token", channels // 2)
    attention(f"{transformer}.final_attn_token_to_image", channels // 2)
    layer(f"{transformer}.norm_final_attn", channels)
    shapes["mask_decoder.iou_token.weight"] = (1, channels)
    shapes["mask_decoder.mask_tokens.weight"] = (4, channels)
    upscaling = "mask_decoder.final_output_upscaling_layers"
    for index, (wide, narrow) in enumerate(((channels, channels // 4), (channels // 4, 32))):
        shapes[f"{upscaling}.{index}.0.weight"] = (wide, narrow, 2, 2)
        shapes[f"{upscaling}.{index}.0.bias"] = (narrow,)
        if not index:
            layer(f"{upscaling}.0.1", narrow)

    def mlp(name: str, width_out: int) -> None:
        layer(f"{name}.layers.0.0", channels, channels)
        layer(f"{name}.layers.1.0", channels, channels)
        layer(f"{name}.fc", width_out, channels)

    for index in range(4):
        mlp(f"mask_decoder.output_hypernetworks_mlps.{index}", 32)
    mlp("mask_decoder.iou_prediction_head", 4)
    return shapes


def published_early_shapes(config: EarlySamConfig) -> Shapes:
    """Shapes by name of the early SqueezeSAM, in the published order."""
    shapes: Shapes = {}
    bottom = config.encoder[-1]

    def layer(name: str, *weight: int) -> None:
        shapes[f"{name}.weight"] = weight
        shapes[f"{name}.bias"] = weight[:1]

    def norm(name: str, width: int) -> None:
        layer(name, width)
        shapes[f"{name}.running_mean"] = shapes[f"{name}.running_var"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()

    def twice(name: str, before: int, after: int) -> None:
        for index, width in enumerate((before, after)):
            layer(f"{name}.double_conv.{index}.conv.0", after, width, 3, 3)
            norm(f"{name}.double_conv.{index}.norm", after)

    layer("patch_embed.proj.0", config.stem, 5, 2, 2)
    layer("patch_embed.proj.1", config.stem)
    widths = (config.stem, *config.encoder)
    for index, (before, after) in enumerate(pairwise(widths)):
        pooled = ".maxpool_conv.1" if index else ""
        twice(f"unet_encoder.down_layers.{index}{pooled}", before, after)

    def attention(name: str, inner: int) -> None:
        for part in ("q_proj", "k_proj", "v_proj"):
            layer(f"{name}.{part}", inner, bottom)
        layer(f"{name}.out_proj", bottom, inner)

    tokens = "get_iou_predictions_and_mask_tokens"
    for index in range(config.transformer_depth):
        block = f"{tokens}.transformer.layers.{index}"
        attention(f"{block}.self_attn", bottom)
        layer(f"{block}.norm1", bottom)
        attention(f"{block}.cross_attn_token_to_image", bottom // 2)
        layer(f"{block}.norm2", bottom)
        layer(f"{block}.mlp.layers.0.0", config.mlp_width, bottom)
        layer(f"{block}.mlp.fc", bottom, config.mlp_width)
        layer(f"{block}.norm3", bottom)
        layer(f"{block}.norm4", bottom)
        attention(f"{block}.cross_attn_image_to_token", bottom // 2)
    attention(f"{tokens}.transformer.final_attn_token_to_image", bottom // 2)
    layer(f"{tokens}.transformer.norm_final_attn", bottom)
    shapes[f"{tokens}.iou_token.weight"] = (1, bottom)
    shapes[f"{tokens}.mask_tokens.weight"] = (4, bottom)
    for index, (before, after) in enumerate(pairwise(reversed(config.encoder))):
        block = f"unet_decoder.unet_upscaling_layers.{index}"
        layer(f"{block}.up.upsampler_linear.0", 2 * before, before)
        norm(f"{block}.up.norm", 2 * before)
        twice(f"{block}.conv", before // 2 + after, after)

    def mlp(name: str, width_out: int) -> None:
        layer(f"{name}.layers.0.0", bottom, bottom)
        layer(f"{name}.layers.1.0", bottom, bottom)
        layer(f"{name}.fc", width_out, bottom)

    for index in range(4):
        mlp(f"mask_decoder.output_hypernetworks_mlps.{index}", config.encoder[0])
    mlp("mask_decoder.iou_prediction_head", 4)
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
