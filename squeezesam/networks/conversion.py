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
from squeezesam.networks.building import build_network
from squeezesam.networks.configs import variant_config
from squeezesam.networks.published_names import PUBLISHED, Piece
from squeezesam.networks.weights import MAX_FILE_BYTES, SHOWN, listed, misfits, save_tensors
from squeezesam.strict_json import shown

STATE = "model"
"""Where published checkpoints keep the tensors beside other things."""

PROGRAM_MEMBER = "/constants.pkl"
"""What a zip of TorchScript holds and no checkpoint does."""

KNOWN_SHARE = 0.5
"""Share of a network's tensors that a checkpoint must have to count as one of its kind."""


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
        checkpoint: as it was published; `PUBLISHED` says of which networks.
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
    variant, tensors = read_published(checkpoint)
    origin = {"source": checkpoint.name, "source_sha256": content_hash(checkpoint).hexdigest()}
    save_tensors(tensors, variant_config(variant), out, variant, torch.float32, origin)
    return variant


def read_published(checkpoint: Path) -> tuple[str, dict[str, Tensor]]:
    """The variant of a published checkpoint, and the tensors of its network in float32.

    Raises:
        WeightsError: as `convert` does.
    """
    published = checkpoint_tensors(checkpoint)
    fit = best_fit(published)
    if fit.share < KNOWN_SHARE:
        raise WeightsError(
            f"{checkpoint} is of no network that can be converted, with tensors such as "
            f"{listed(sorted(published))}; give a checkpoint of {', '.join(PUBLISHED)}"
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
    return fit.variant, tensors


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
            members = archive.infolist()
            is_program = any(name.endswith(PROGRAM_MEMBER) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(
            f"{checkpoint} is cut, or no checkpoint that PyTorch wrote since 2020 ({error}); "
            "get it again"
        ) from error
    if is_program:
        raise WeightsError(
            f"{checkpoint} is a program of TorchScript, which was not run; give tensors alone"
        )
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise WeightsError(
            f"{checkpoint} is compressed, as no checkpoint that PyTorch wrote is; get it again"
        )
    size = sum(member.file_size for member in members)
    if size > MAX_FILE_BYTES:
        raise WeightsError(
            f"{checkpoint} holds {size} bytes, more than any network here; give another file"
        )
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
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
    fits = [fit_of(variant, published) for variant in PUBLISHED]
    return max(fits, key=lambda fit: (fit.share, not fit.troubles))


def fit_of(variant: str, published: Mapping[str, Tensor]) -> Fit:
    """How far the tensors of a checkpoint are those of a variant."""
    with torch.device("meta"):
        network = build_network(variant_config(variant))
    ours = {name: tensor.shape for name, tensor in network.state_dict().items()}
    names = PUBLISHED[variant]
    pieces = {name: names.pieces(name) for name in ours}
    wanted = {piece.name for made in pieces.values() for piece in made}
    missing = wanted - published.keys()
    unexpected = {
        name for name in published.keys() - wanted if not re.fullmatch(names.unused, name)
    }
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
        len(one) // piece.parts if one.ndim and len(one) % (piece.parts * piece.groups) == 0 else -1
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
    return torch.cat([part_of(published[piece.name], piece).detach().float() for piece in pieces])


def part_of(tensor: Tensor, piece: Piece) -> Tensor:
    """The part of a published tensor that a piece is."""
    return tensor.unflatten(0, (piece.groups, piece.parts, -1))[:, piece.part].flatten(0, 1)
