"""Weights files: safetensors whose metadata says what network they belong to."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from squeezesam.errors import ConfigError, WeightsError
from squeezesam.files import PathLike, check_name, whole_file
from squeezesam.networks.building import TrainedNetwork, build_trained
from squeezesam.networks.configs import (
    DETECTORS,
    VARIANTS,
    NetworkConfig,
    ReferenceConfig,
    detector_config,
    variant_config,
)
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.spec import NetworkKind

LENGTH_BYTES = 8
"""Bytes of the header's length; the header is padded to a multiple of as many."""
MAX_FILE_BYTES = 3_000_000_000
"""More than the largest network here, Segment Anything's with ViT-H, has in float32."""
MAX_HEADER_BYTES = 1 << 20
MAX_METADATA_BYTES = 1 << 16
SHOWN = 80
ENCODER = "encoder"
"""What the metadata of a file says it holds that has a pretrained encoder alone."""
MOST_NAMED = 3
"""Tensors that a message names."""

CHECKPOINT_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".pkl"})
"""Of PyTorch's checkpoints, which are pickles, bare or in a zip."""
PICKLE_STARTS = (b"PK\x03\x04", b"\x80")


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whose bytes depend on nothing but tensors and metadata.

    The library keeps metadata in a hash map of random order, so the header is written anew.
    """
    content = save(dict(tensors), dict(metadata))
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    fields = json.loads(content[LENGTH_BYTES:end])
    fields["__metadata__"] = dict(sorted(metadata.items()))
    header = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % LENGTH_BYTES)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(LENGTH_BYTES, "little"))
        file.write(header)
        file.write(memoryview(content)[end:])


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; all numbers are finite.

    Raises:
        WeightsError: missing or damaged, a size, header or metadata beyond the bounds of this
            module, or a tensor that holds NaN or infinity.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {path}; give a .safetensors file")
    try:
        with path.open("rb") as file:
            start = file.read(LENGTH_BYTES)
        size = int.from_bytes(start, "little")
        whole = path.stat().st_size
        if whole > MAX_FILE_BYTES:
            raise WeightsError(
                f"{path} has {whole} bytes, more than weights of squeezesam; give another file"
            )
        if size > MAX_HEADER_BYTES and start.startswith(PICKLE_STARTS):
            raise checkpoint_error(path)
        if size > MAX_HEADER_BYTES:
            raise WeightsError(
                f"{path} is not a safetensors file of weights: it declares a header of {size} "
                f"bytes, more than {MAX_HEADER_BYTES}; download it again"
            )
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except WeightsError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"{path} is not a safetensors file ({str(error)[:SHOWN]}); download it again"
        ) from error
    for name, value in metadata.items():
        if len(value.encode()) > MAX_METADATA_BYTES:
            raise WeightsError(
                f"{path} holds {len(value)} characters of metadata {name[:SHOWN]!r}, more than "
                f"{MAX_METADATA_BYTES} bytes; it is no weights file of squeezesam"
            )
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise WeightsError(
                f"{path} holds NaN or infinity in {name[:SHOWN]!r}; use other weights"
            )
    return tensors, metadata


def checkpoint_error(path: Path) -> WeightsError:
    """The error of a checkpoint of PyTorch in the place of weights."""
    return WeightsError(
        f"{path} is a checkpoint of PyTorch, of which nothing was run; make weights of it with "
        "`squeezesam convert`"
    )


def misfits(missing: Iterable[str], unknown: Iterable[str], misshapen: Iterable[str]) -> str:
    """What is wrong with the tensors of a file, in words; empty where nothing is.

    Args:
        missing: names that a network has and the file lacks.
        unknown: names that the file has and the network lacks.
        misshapen: names of tensors that have another shape in the file.
    """
    groups = {"lacks": missing, "has the unknown": unknown, "has other shapes of": misshapen}
    return "; ".join(f"{what} {listed(names)}" for what, n in groups.items() if (names := [*n]))


def listed(names: Sequence[str]) -> str:
    """A few of many names."""
    few = ", ".join(repr(name[:SHOWN]) for name in names[:MOST_NAMED])
    return few if len(names) <= MOST_NAMED else f"{few} and {len(names) - MOST_NAMED} more"


ZOO = Path(__file__).parents[1] / "zoo"


def save_weights(
    model: TrainedNetwork,
    path: PathLike,
    variant: str,
    dtype: torch.dtype,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Write the network's weights; the metadata holds the variant and its configuration.

    Args:
        model: the network.
        path: the .safetensors file.
        variant: name in `squeezesam.networks.configs.VARIANTS` or `DETECTORS`.
        dtype: element type of the file; loading gives float32 again.
        origin: what else the metadata says, such as where the weights came from.

    Raises:
        OutputError: the place cannot be written to.
    """
    save_tensors(model.state_dict(), model.config, path, variant, dtype, origin or {})


def save_tensors(
    tensors: Mapping[str, Tensor],
    config: NetworkConfig,
    path: PathLike,
    variant: str,
    dtype: torch.dtype,
    origin: Mapping[str, str],
) -> None:
    """As `save_weights`, of the tensors of a network that has not been built."""
    converted = {
        name: value.to(dtype).contiguous() if value.is_floating_point() else value
        for name, value in tensors.items()
    }
    named = {"variant": variant, "config": json.dumps(dataclasses.asdict(config))}
    with whole_file(Path(path)) as partial:
        write_tensors(converted, partial, {**origin, **named})


def save_encoder(
    model: EfficientSam,
    path: PathLike,
    variant: str,
    dtype: torch.dtype,
    origin: Mapping[str, str],
) -> None:
    """Write a pretrained encoder: the vision transformer of a network, without what comes after.

    `start_from_encoder` reads it; to all else it is no whole network.

    Args:
        model: the network, of which the neck and the decoder are left out.
        path: the .safetensors file.
        variant: name in `squeezesam.networks.configs.VARIANTS`.
        dtype: element type of the file.
        origin: what else the metadata says, such as how it was trained.

    Raises:
        OutputError: the place cannot be written to.
    """
    tensors = encoder_tensors(model)
    save_tensors(tensors, model.config, path, variant, dtype, {**origin, "holds": ENCODER})


def encoder_tensors(model: TrainedNetwork) -> dict[str, Tensor]:
    """The tensors by name that `save_encoder` keeps of a network."""
    return {
        name: value
        for name, value in model.state_dict().items()
        if name.startswith("encoder.") and not name.startswith("encoder.neck.")
    }


def start_from_encoder(model: TrainedNetwork, path: PathLike, variant: str) -> bool:
    """Take over the encoder of a file of `save_encoder`; all else of the network stays as it is.

    Args:
        model: a network of the variant.
        path: of any weights file.
        variant: name of the network.

    Returns:
        Whether the file is one of `save_encoder`; where it is not, nothing is done.

    Raises:
        ConfigError: the encoder is of another variant.
        WeightsError: the file is missing or damaged, or not of this version's network.
    """
    tensors, metadata = read_tensors(Path(path))
    if metadata.get("holds") != ENCODER:
        return False
    found = metadata.get("variant", "")
    if found != variant:
        raise ConfigError(f"{path} holds an encoder of {found[:SHOWN]!r}, not of {variant!r}")
    wanted = {name: value.shape for name, value in encoder_tensors(model).items()}
    if wanted != {name: value.shape for name, value in tensors.items()}:
        raise WeightsError(
            f"{path} holds an encoder of another {variant!r} than this version's; pretrain it again"
        )
    model.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    return True


def load_weights(
    path: PathLike, size: int | None = None, kind: NetworkKind | None = None
) -> tuple[str, TrainedNetwork]:
    """Name and network of a weights file, in eval mode and float32, as it is trained.

    `squeezesam.load` gives the network for inference.

    Args:
        path: the .safetensors file.
        size: side of the square input in pixels; None for that of the kind of network.
        kind: the only kind of network to accept; None accepts any.

    Raises:
        WeightsError: missing, damaged, not finite, not the weights of the network that it names,
            or of another kind.
    """
    path = Path(path)
    check_name(path, WeightsError)
    tensors, metadata = read_tensors(path)
    variant = metadata.get("variant", "")
    try:
        config = known_config(variant) if variant else None
    except ConfigError as error:
        raise WeightsError(
            f"{path} says that it holds the unknown variant {variant[:SHOWN]!r}; "
            "use weights that came with this version"
        ) from error
    if config is None or isinstance(config, ReferenceConfig):
        raise WeightsError(
            f"{path} does not hold weights of a SqueezeSAM variant; retrain or convert"
        )
    if metadata.get("holds") == ENCODER:
        raise WeightsError(
            f"{path} holds a pretrained encoder alone, which answers nothing yet; train with "
            f"--variant {variant} --init {path}"
        )
    found = network_kind(variant)
    if kind is not None and found is not kind:
        raise WeightsError(
            f"{path} holds the {found.title} {variant!r}; give weights of a {kind.title}"
        )
    if metadata.get("config") != json.dumps(dataclasses.asdict(config)):
        raise WeightsError(
            f"{path} was made for another {variant!r} network than this version's; "
            "use the weights that came with this version"
        )
    model = build_trained(config, size)
    for name, _ in model.named_parameters():
        if name in tensors and not tensors[name].is_floating_point():
            raise WeightsError(
                f"{path} is quantized already ({name} is {tensors[name].dtype}); give the float "
                f"weights that it was made from"
            )
    wanted = model.state_dict()
    troubles = misfits(
        sorted(wanted.keys() - tensors.keys()),
        sorted(tensors.keys() - wanted.keys()),
        sorted(n for n in wanted.keys() & tensors.keys() if wanted[n].shape != tensors[n].shape),
    )
    if troubles:
        raise WeightsError(f"{path} says variant {variant!r} but {troubles}; use matching weights")
    model.load_state_dict(
        {
            name: value.float() if value.is_floating_point() else value
            for name, value in tensors.items()
        }
    )
    return variant, model.eval()


def declared_variant(path: PathLike) -> str | None:
    """The known variant that a weights file says it is of; None where it says none.

    Raises:
        WeightsError: missing, damaged or not finite.
    """
    variant = read_tensors(Path(path))[1].get("variant", "")
    return variant if variant in VARIANTS or variant in DETECTORS else None


def known_config(name: str) -> NetworkConfig:
    """Configuration of a variant or detector.

    Raises:
        ConfigError: unknown.
    """
    return detector_config(name) if name in DETECTORS else variant_config(name)


def network_kind(name: str) -> NetworkKind:
    """What a variant or detector takes and gives.

    Raises:
        ConfigError: unknown.
    """
    return known_config(name).kind


def shipped_weights(variant: str) -> Path:
    """The weights that come with the package.

    Raises:
        ConfigError: unknown variant.
        WeightsError: no weights of this variant are shipped.
    """
    known_config(variant)
    path = ZOO / f"{variant}.safetensors"
    if not path.is_file():
        instead = "give --detector" if variant in DETECTORS else "choose 'base'"
        raise WeightsError(f"no weights of {variant!r} are shipped; train them or {instead}")
    return path
