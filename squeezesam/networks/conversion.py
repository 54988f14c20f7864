"""Published PyTorch checkpoints as weights files of ours.

A checkpoint is a pickle, which can run code when it is read. Here it is read by PyTorch's own
reader of tensors alone, so that nothing else of it ever runs; its names and shapes are compared
with those that we expect before any tensor is touched.
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezesam.errors import OutputError, WeightsError
from squeezesam.files import check_name, content_hash
from squeezesam.networks.building import TrainedNetwork, build_network
from squeezesam.networks.configs import variant_config
from squeezesam.networks.weights import MAX_FILE_BYTES, SHOWN, listed, misfits, save_weights
from squeezesam.strict_json import shown

STATE = "model"
"""Where published checkpoints keep the tensors beside other things."""

PROGRAM_MEMBER = "/constants.pkl"
"""What a zip of TorchScript holds and no checkpoint does."""

KNOWN_SHARE = 0.5
"""Share of a network's tensors that a checkpoint must have to count as one of its kind."""


@dataclass(frozen=True)
class Piece:
    """A published tensor, or one of its equal parts along the first axis.

    Attributes:
        name: as published.
        part: which part.
        parts: how many there are.
    """

    name: str
    part: int = 0
    parts: int = 1


Renaming = tuple[tuple[str, str], ...]
"""Patterns of our names, each with its replacement on the way to a published name."""

TRANSFORMER_NAMES: Renaming = (
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
    (r"(transformer.*)\.mlp\.0", r"\1.mlp.layers.0.0"),
    (r"(transformer.*)\.mlp\.2", r"\1.mlp.fc"),
)
"""The two-way transformer, which the authors' networks share."""

HEAD_NAMES: Renaming = (
    (r"^(?:decoder\.)?filters", "mask_decoder.output_hypernetworks_mlps"),
    (r"^(?:decoder\.)?quality", "mask_decoder.iou_prediction_head"),
    (r"(mlps\.\d+|head)\.0\.", r"\1.layers.0.0."),
    (r"(mlps\.\d+|head)\.2\.", r"\1.layers.1.0."),
    (r"(mlps\.\d+|head)\.4\.", r"\1.fc."),
)
"""What makes masks and predicted IoUs of tokens."""

EFFICIENTSAM_NAMES: Renaming = (
    (r"^encoder\.patches", "image_encoder.patch_embed.proj"),
    (r"^encoder\.positions", "image_encoder.pos_embed"),
    (r"^encoder\.neck", "image_encoder.neck"),
    (r"^encoder\.layers\.(\d+)\.norm_attention", r"image_encoder.blocks.\1.norm1"),
    (r"^encoder\.layers\.(\d+)\.norm_mlp", r"image_encoder.blocks.\1.norm2"),
    (r"^encoder\.layers\.(\d+)\.mlp\.0", r"image_encoder.blocks.\1.mlp.fc1"),
    (r"^encoder\.layers\.(\d+)\.mlp\.2", r"image_encoder.blocks.\1.mlp.fc2"),
    (r"^encoder\.layers\.(\d+)\.attention\.out", r"image_encoder.blocks.\1.attn.proj"),
    (r"^decoder\.frequencies", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"^decoder\.transformer", "mask_decoder.transformer"),
    (r"^decoder\.upscale\.([01])", r"mask_decoder.final_output_upscaling_layers.0.\1"),
    (r"^decoder\.upscale\.3", "mask_decoder.final_output_upscaling_layers.1.0"),
    *TRANSFORMER_NAMES,
    *HEAD_NAMES,
)

EARLY_NAMES: Renaming = (
    (r"^stem", "patch_embed.proj"),
    (r"^encoder\.0\.", "unet_encoder.down_layers.0.double_conv."),
    (r"^encoder\.(\d+)\.", r"unet_encoder.down_layers.\1.maxpool_conv.1.double_conv."),
    (r"^decoder\.(\d+)\.up", r"unet_decoder.unet_upscaling_layers.\1.up.upsampler_linear.0"),
    (r"^decoder\.(\d+)\.norm", r"unet_decoder.unet_upscaling_layers.\1.up.norm"),
    (r"^decoder\.(\d+)\.mix\.", r"unet_decoder.unet_upscaling_layers.\1.conv.double_conv."),
    (r"(double_conv\.\d)\.0", r"\1.conv.0"),
    (r"(double_conv\.\d)\.2", r"\1.norm"),
    (r"^transformer", "get_iou_predictions_and_mask_tokens.transformer"),
    *TRANSFORMER_NAMES,
    *HEAD_NAMES,
)

JOINED = {
    "decoder.label_vectors": (
        "prompt_encoder.invalid_points.weight",
        "prompt_encoder.point_embeddings.weight",
        "prompt_encoder.bbox_top_left_embeddings.weight",
        "prompt_encoder.bbox_bottom_right_embeddings.weight",
    ),
    "decoder.output_tokens": (
        "mask_decoder.iou_token.weight",
        "mask_decoder.mask_tokens.weight",
    ),
    "output_tokens": (
        "get_iou_predictions_and_mask_tokens.iou_token.weight",
        "get_iou_predictions_and_mask_tokens.mask_tokens.weight",
    ),
}
"""Our tensors that are several published ones, one after another: EfficientSAM's `decoder.`, and
that of the early SqueezeSAM."""

PROJECTION = re.compile(r"encoder\.layers\.(\d+)\.attention\.(query|key|value)\.(\w+)")
"""Our tensors that are a third of a published one; only EfficientSAM's encoder has them."""


def pieces_of(name: str, renaming: Renaming) -> tuple[Piece, ...]:
    """What a tensor of ours is made of."""
    if name in JOINED:
        return tuple(map(Piece, JOINED[name]))
    projection = PROJECTION.fullmatch(name)
    if projection:
        layer, role, kind = projection.groups()
        part = ("query", "key", "value").index(role)
        return (Piece(f"image_encoder.blocks.{layer}.attn.qkv.{kind}", part, 3),)
    for pattern, replacement in renaming:
        name = re.sub(pattern, replacement, name)
    return (Piece(name),)


SOURCES = {
    "efficientsam_ti": EFFICIENTSAM_NAMES,
    "efficientsam_s": EFFICIENTSAM_NAMES,
    "early": EARLY_NAMES,
}
"""Variants of which checkpoints were published, and how our names become the names there."""


@dataclass(frozen=True)
class Fit:
    """How far the tensors of a checkpoint are those of a variant.

    Attributes:
        variant: its name.
        ours: our tensors as their shapes, by name.
        pieces: what each is made of.
        troubles: what is missing, unexpected or of another shape, in words.
        share: of the published tensors of the variant that are there.
    """

    variant: str
    ours: Mapping[str, torch.Size]
    pieces: Mapping[str, tuple[Piece, ...]]
    troubles: str
    share: float


def convert(checkpoint: Path, out: Path) -> str:
    """Write the weights of a published checkpoint as a file of ours.

    Args:
        checkpoint: as it was published; `SOURCES` says of which networks.
        out: a new .safetensors file; its metadata names the checkpoint and its SHA-256.

    Returns:
        The variant.

    Raises:
        OutputError: `out` exists, or cannot be written.
        WeightsError: the checkpoint is missing, damaged, holds something else than tensors, or is
            of no network that we know.
    """
    check_name(out, OutputError)
    if out.exists():
        raise OutputError(f"{out} exists; name a new file")
    variant, network = read_published(checkpoint)
    origin = {"source": checkpoint.name, "source_sha256": content_hash(checkpoint).hexdigest()}
    save_weights(network, out, variant, torch.float32, origin)
    return variant


def read_published(checkpoint: Path) -> tuple[str, TrainedNetwork]:
    """The variant of a published checkpoint, and its network in float32.

    Raises:
        WeightsError: as `convert` does.
    """
    published = checkpoint_tensors(checkpoint)
    fit = best_fit(published)
    if fit.share < KNOWN_SHARE:
        raise WeightsError(
            f"{checkpoint} is of no network that can be converted, with tensors such as "
            f"{listed(sorted(published))}; give a checkpoint of {', '.join(SOURCES)}"
        )
    if fit.troubles:
        raise WeightsError(
            f"{checkpoint} is like {fit.variant}, but {fit.troubles}; "
            "give the checkpoint as it was published"
        )
    tensors = {
        name: joined(published, fit.pieces[name]).reshape(shape) for name, shape in fit.ours.items()
    }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            names = listed([piece.name for piece in fit.pieces[name]])
            raise WeightsError(f"{checkpoint} holds NaN or infinity in {names}; get it again")
    network = build_network(variant_config(fit.variant))
    network.load_state_dict(tensors)
    return fit.variant, network.eval()  # type: ignore[return-value]


def checkpoint_tensors(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name; nothing else in it is ever executed.

    Raises:
        WeightsError: missing, damaged, too large, or not tensors by name.
    """
    check_name(checkpoint, WeightsError)
    if not checkpoint.is_file():
        raise WeightsError(f"no checkpoint {checkpoint}; give a file that PyTorch wrote")
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            size = sum(member.file_size for member in archive.infolist())
            is_program = any(name.endswith(PROGRAM_MEMBER) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(
            f"{checkpoint} is cut, or no checkpoint that PyTorch wrote since 2020 ({error}); "
            "get it again"
        ) from error
    if size > MAX_FILE_BYTES:
        raise WeightsError(
            f"{checkpoint} unpacks to {size} bytes, more than any network here; give another file"
        )
    if is_program:
        raise WeightsError(
            f"{checkpoint} is a program of TorchScript, which was not run; give tensors alone"
        )
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{checkpoint} holds something else than tensors, which was not run: "
            f"{cause(error)}; trust no such file"
        ) from error
    except Exception as error:  # whatever the reader makes of a damaged file
        raise WeightsError(f"{checkpoint} is damaged ({cause(error)}); get it again") from error
    state = content.get(STATE, content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not state:
        raise WeightsError(f"{checkpoint} holds no tensors by name; give another file")
    for name, value in state.items():
        if not isinstance(name, str) or not is_plain(value):
            named = repr(name[:SHOWN]) if isinstance(name, str) else shown(name)
            raise WeightsError(
                f"{checkpoint} holds {named}, which is no tensor of real numbers; "
                "give the checkpoint as it was published"
            )
    return state


def is_plain(value: Any) -> bool:
    """Whether a value is a tensor of real numbers in memory."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and (value.is_floating_point() or value.dtype == torch.int64)
    )


def cause(error: Exception) -> str:
    """The gist of an error of PyTorch's in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = [line for line in lines if "Unsupported" in line or "GLOBAL" in line]
    return (found or lines or [type(error).__name__])[0][:120]


def best_fit(published: Mapping[str, Tensor]) -> Fit:
    """The variant of which a checkpoint has most; of equals, the one that it fits."""
    fits = [fit_of(variant, published) for variant in SOURCES]
    return max(fits, key=lambda fit: (fit.share, not fit.troubles))


def fit_of(variant: str, published: Mapping[str, Tensor]) -> Fit:
    """How far the tensors of a checkpoint are those of a variant."""
    with torch.device("meta"):
        network = build_network(variant_config(variant))
    ours = {name: tensor.shape for name, tensor in network.state_dict().items()}
    pieces = {name: pieces_of(name, SOURCES[variant]) for name in ours}
    wanted = {piece.name for made in pieces.values() for piece in made}
    missing, unexpected = wanted - published.keys(), published.keys() - wanted
    misshapen = dict.fromkeys(  # A published tensor that ours are parts of is named once.
        pieces[name][0].name
        for name, shape in ours.items()
        if all(piece.name in published for piece in pieces[name])
        and not fits([published[piece.name] for piece in pieces[name]], pieces[name], shape)
    )
    troubles = misfits(sorted(missing), sorted(unexpected), misshapen)
    matched = len(wanted) - len(missing) - len(misshapen)
    return Fit(variant, ours, pieces, troubles, matched / len(wanted))


def fits(tensors: list[Tensor], pieces: tuple[Piece, ...], shape: torch.Size) -> bool:
    """Whether published tensors, one after another, are a tensor of some shape."""
    if not shape:
        return tensors[0].shape == shape
    lengths = [
        len(one) // piece.parts if one.ndim and len(one) % piece.parts == 0 else -1
        for one, piece in zip(tensors, pieces, strict=True)
    ]
    whole = (sum(lengths), *tensors[0].shape[1:])
    same = {tuple(one.shape[1:]) for one in tensors} == {tuple(tensors[0].shape[1:])}
    return same and min(lengths) > 0 and tuple(shape) in (whole, (1, *whole))


def joined(published: Mapping[str, Tensor], pieces: tuple[Piece, ...]) -> Tensor:
    """The pieces one after another, real numbers in float32."""
    first = published[pieces[0].name]
    if not first.is_floating_point():
        return first.clone()
    parts = [published[piece.name].chunk(piece.parts)[piece.part] for piece in pieces]
    return torch.cat([part.detach().float() for part in parts])
