"""How the tensors of published checkpoints are called, from our names for them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from squeezesam.networks.configs import RepVitConfig, TinyVitConfig

Renaming = tuple[tuple[str, str], ...]
"""Patterns of our names, each with its replacement on the way to a published name."""


@dataclass(frozen=True)
class Piece:
    """A published tensor, or one of its equal parts along the first axis.

    Attributes:
        name: as published.
        part: which part.
        parts: how many there are.
        groups: how often all parts come one after another, as with a query, a key and a value of
            each head.
    """

    name: str
    part: int = 0
    parts: int = 1
    groups: int = 1


@dataclass(frozen=True)
class Projections:
    """Layers of ours for query, key and value that are one published layer.

    Attributes:
        layers: pattern of what holds them.
        published: what they are together, with the groups of the pattern.
        groups: as in `Piece`.
    """

    layers: str
    published: str
    groups: int = 1

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Of the names of their tensors."""
        return re.compile(rf"(?P<layer>{self.layers})\.(?P<role>query|key|value)\.(?P<kind>\w+)")

    def piece(self, name: str) -> Piece | None:
        """What a tensor of ours is of the published layer; None where it is none of these."""
        found = self.pattern.fullmatch(name)
        if found is None:
            return None
        whole = re.sub(self.layers, self.published, found["layer"])
        part = ("query", "key", "value").index(found["role"])
        return Piece(f"{whole}.{found['kind']}", part, 3, self.groups)


@dataclass(frozen=True)
class Published:
    """The names in the checkpoints of one kind of network.

    Attributes:
        renaming: from our names, applied in its order.
        joined: tensors of ours that are several published ones, one after another.
        projections: see there.
        unused: pattern of published tensors that no inference reads, and that are left out.
    """

    renaming: Renaming
    joined: Mapping[str, tuple[str, ...]]
    projections: tuple[Projections, ...] = ()
    unused: str = r"(?!)"

    def pieces(self, name: str) -> tuple[Piece, ...]:
        """What a tensor of ours is made of."""
        if name in self.joined:
            return tuple(map(Piece, self.joined[name]))
        for projection in self.projections:
            piece = projection.piece(name)
            if piece is not None:
                return (piece,)
        for pattern, replacement in self.renaming:
            name = re.sub(pattern, replacement, name)
        return (Piece(name),)


TRANSFORMER: Renaming = (
    (r"\.norm_among_tokens", ".norm1"),
    (r"\.norm_to_image", ".norm2"),
    (r"(transformer.*)\.norm_mlp", r"\1.norm3"),
    (r"\.norm_to_tokens", ".norm4"),
    (r"\.among_tokens", ".self_attn"),
    (r"\.to_image", ".cross_attn_token_to_image"),
    (r"\.to_tokens", ".cross_attn_image_to_token"),
    (r"\.norm_last", ".norm_final_attn"),
    (r"\.last", ".final_attn_token_to_image"),
    (r"(transformer.*)\.(q|k|v)(?:uery|ey|alue)\.", r"\1.\2_proj."),
    (r"(transformer.*)\.out\.", r"\1.out_proj."),
)
"""The two-way transformer, which all these networks share."""

HEADS: Renaming = (
    (r"^(?:decoder\.)?filters", "mask_decoder.output_hypernetworks_mlps"),
    (r"^(?:decoder\.)?quality", "mask_decoder.iou_prediction_head"),
)
"""What makes masks and predicted IoUs of tokens."""

NUMBERED_MLPS: Renaming = (
    (r"(transformer.*)\.mlp\.0", r"\1.mlp.layers.0.0"),
    (r"(transformer.*)\.mlp\.2", r"\1.mlp.fc"),
    (r"(mlps\.\d+|head)\.0\.", r"\1.layers.0.0."),
    (r"(mlps\.\d+|head)\.2\.", r"\1.layers.1.0."),
    (r"(mlps\.\d+|head)\.4\.", r"\1.fc."),
)
"""Layers of the MLPs of EfficientSAM and of the early SqueezeSAM."""

VIT: Renaming = (
    (r"^encoder\.(?:trunk\.)?patches", "image_encoder.patch_embed.proj"),
    (r"^encoder\.(?:trunk\.)?positions", "image_encoder.pos_embed"),
    (r"^encoder\.(?:trunk\.)?layers", "image_encoder.blocks"),
    (r"(blocks\.\d+)\.norm_attention", r"\1.norm1"),
    (r"(blocks\.\d+)\.norm_mlp", r"\1.norm2"),
    (r"(blocks\.\d+)\.attention\.out", r"\1.attn.proj"),
)
"""The vision transformers of EfficientSAM and of Segment Anything."""

DECODER: Renaming = (
    (r"^encoder\.neck", "image_encoder.neck"),
    (r"^decoder\.frequencies", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"^decoder\.transformer", "mask_decoder.transformer"),
    *TRANSFORMER,
    *HEADS,
)
"""What networks with an image encoder share behind it."""

OUTPUT_TOKENS = {
    "decoder.output_tokens": ("mask_decoder.iou_token.weight", "mask_decoder.mask_tokens.weight")
}

EFFICIENTSAM = Published(
    (
        *VIT,
        (r"(blocks\.\d+\.mlp)\.0", r"\1.fc1"),
        (r"(blocks\.\d+\.mlp)\.2", r"\1.fc2"),
        (r"^decoder\.upscale\.([01])", r"mask_decoder.final_output_upscaling_layers.0.\1"),
        (r"^decoder\.upscale\.3", "mask_decoder.final_output_upscaling_layers.1.0"),
        *DECODER,
        *NUMBERED_MLPS,
    ),
    {
        **OUTPUT_TOKENS,
        "decoder.label_vectors": (
            "prompt_encoder.invalid_points.weight",
            "prompt_encoder.point_embeddings.weight",
            "prompt_encoder.bbox_top_left_embeddings.weight",
            "prompt_encoder.bbox_bottom_right_embeddings.weight",
        ),
    },
    (Projections(r"encoder\.layers\.(\d+)\.attention", r"image_encoder.blocks.\1.attn.qkv"),),
)

EARLY = Published(
    (
        (r"^stem", "patch_embed.proj"),
        (r"^encoder\.0\.", "unet_encoder.down_layers.0.double_conv."),
        (r"^encoder\.(\d+)\.", r"unet_encoder.down_layers.\1.maxpool_conv.1.double_conv."),
        (r"^decoder\.(\d+)\.up", r"unet_decoder.unet_upscaling_layers.\1.up.upsampler_linear.0"),
        (r"^decoder\.(\d+)\.norm", r"unet_decoder.unet_upscaling_layers.\1.up.norm"),
        (r"^decoder\.(\d+)\.mix\.", r"unet_decoder.unet_upscaling_layers.\1.conv.double_conv."),
        (r"(double_conv\.\d)\.0", r"\1.conv.0"),
        (r"(double_conv\.\d)\.2", r"\1.norm"),
        (r"^transformer", "get_iou_predictions_and_mask_tokens.transformer"),
        *TRANSFORMER,
        *HEADS,
        *NUMBERED_MLPS,
    ),
    {
        "output_tokens": (
            "get_iou_predictions_and_mask_tokens.iou_token.weight",
            "get_iou_predictions_and_mask_tokens.mask_tokens.weight",
        )
    },
)
"""The early SqueezeSAM."""

SAM_DECODER: Renaming = (
    (r"^decoder\.upscale", "mask_decoder.output_upscaling"),
    (r"^decoder\.earlier", "prompt_encoder.mask_downscaling"),
    (r"^decoder\.no_mask", "prompt_encoder.no_mask_embed.weight"),
    *DECODER,
    (r"(mlps\.\d+|head)\.0\.", r"\1.layers.0."),
    (r"(mlps\.\d+|head)\.2\.", r"\1.layers.1."),
    (r"(mlps\.\d+|head)\.4\.", r"\1.layers.2."),
    (r"(transformer.*\.mlp|blocks\.\d+\.mlp)\.0", r"\1.lin1"),
    (r"(transformer.*\.mlp|blocks\.\d+\.mlp)\.2", r"\1.lin2"),
)

SAM_JOINED = {
    **OUTPUT_TOKENS,
    "decoder.label_vectors": (
        "prompt_encoder.not_a_point_embed.weight",
        *(f"prompt_encoder.point_embeddings.{label}.weight" for label in range(4)),
    ),
}

SAM_VIT = Published(
    (
        *VIT,
        (r"(blocks\.\d+)\.attention\.down", r"\1.attn.rel_pos_h"),
        (r"(blocks\.\d+)\.attention\.across", r"\1.attn.rel_pos_w"),
        *SAM_DECODER,
    ),
    SAM_JOINED,
    (
        Projections(
            r"encoder\.trunk\.layers\.(\d+)\.attention", r"image_encoder.blocks.\1.attn.qkv"
        ),
    ),
)

CONV_BN: Renaming = ((r"^(encoder\.trunk.*)\.conv\.", r"\1.c."),)

TINY_VIT_STAGES = {5: 1, 6: 2, 7: 3}
"""Stages of attention by their place in our network."""


def tiny_vit() -> Iterator[tuple[str, str]]:
    """The encoder of MobileSAM."""
    yield r"^encoder\.trunk\.([02])\.", r"image_encoder.patch_embed.seq.\1."
    for place, block in ((3, 0), (4, 1)):
        yield rf"^encoder\.trunk\.{place}\.branch\.", f"image_encoder.layers.0.blocks.{block}.conv"
    for place, stage in TINY_VIT_STAGES.items():
        yield rf"^encoder\.trunk\.{place}\.layers", f"image_encoder.layers.{stage}.blocks"
        before = f"image_encoder.layers.{stage - 1}.downsample.conv"
        yield rf"^encoder\.trunk\.{place}\.merge\.", before
    for place, number in ((0, 1), (2, 2), (4, 3)):
        yield rf"(layers\.\d\.(?:blocks\.\d|downsample)\.conv){place}\.", rf"\g<1>{number}."
    yield r"(blocks\.\d)\.attention\.out", r"\1.attn.proj"
    yield r"(blocks\.\d)\.attention\.bias_table", r"\1.attn.attention_biases"
    yield r"(blocks\.\d)\.norm", r"\1.attn.norm"
    yield r"(blocks\.\d)\.local", r"\1.local_conv"
    for place, name in ((0, "norm"), (1, "fc1"), (3, "fc2")):
        yield rf"(blocks\.\d)\.mlp\.{place}\.", rf"\1.mlp_{name}."


MOBILE_SAM = Published(
    (*CONV_BN, *tiny_vit(), *SAM_DECODER, (r"\.mlp_(norm|fc1|fc2)\.", r".mlp.\1.")),
    SAM_JOINED,
    tuple(
        Projections(
            rf"encoder\.trunk\.{place}\.layers\.(\d+)\.attention",
            rf"image_encoder.layers.{stage}.blocks.\1.attn.qkv",
            groups=TinyVitConfig().heads[stage],
        )
        for place, stage in TINY_VIT_STAGES.items()
    ),
    unused=r"image_encoder\.(norm_)?head\.(weight|bias)",
)
"""Its checkpoint also keeps the classifier of TinyViT's pretraining, which no click runs."""


def rep_vit() -> Iterator[tuple[str, str]]:
    """The encoder of EdgeSAM, whose blocks are numbered through."""
    yield r"^encoder\.trunk\.stem\.", "image_encoder.features.0."
    yield r"^encoder\.trunk\.coarse\.", "image_encoder.fuse_stage2."
    yield r"^encoder\.trunk\.coarsest\.", "image_encoder.fuse_stage3.op_list.0."
    number = 0
    for stage, depth in enumerate(RepVitConfig().depths):
        if stage:
            entry = rf"^encoder\.trunk\.stages\.{stage}\.0\."
            yield rf"{entry}before\.", f"image_encoder.features.{number + 1}."
            yield entry, f"image_encoder.features.{number + 2}."
            number += 2
        for block in range(1, depth + 1):
            number += 1
            yield (
                rf"^encoder\.trunk\.stages\.{stage}\.{block}\.",
                f"image_encoder.features.{number}.",
            )
    yield r"\.mixer\.wide", ".token_mixer.0.conv"
    yield r"\.mixer\.narrow", ".token_mixer.0.conv1"
    yield r"\.weigh\.squeeze", ".token_mixer.1.fc1"
    yield r"\.weigh\.excite", ".token_mixer.1.fc2"
    yield r"\.shrink", ".token_mixer.0"
    yield r"\.widen", ".token_mixer.2"
    yield r"(features\.\d+)\.mlp", r"\1.channel_mixer.m"


EDGE_SAM = Published((*CONV_BN, *rep_vit(), *SAM_DECODER), SAM_JOINED)

PUBLISHED: dict[str, Published] = {
    "efficientsam_ti": EFFICIENTSAM,
    "efficientsam_s": EFFICIENTSAM,
    "early": EARLY,
    "sam_vit_b": SAM_VIT,
    "sam_vit_l": SAM_VIT,
    "sam_vit_h": SAM_VIT,
    "mobile_sam": MOBILE_SAM,
    "edge_sam": EDGE_SAM,
}
"""By the variants of which checkpoints were published."""
