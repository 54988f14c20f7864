"""Weights files: safetensors whose metadata says what network they belong to."""

import dataclasses
import json
from pathlib import Path

import torch

from squeezesam.config import (
    DETECTORS,
    DetectorConfig,
    ReferenceConfig,
    SqueezeSamConfig,
    detector_config,
    variant_config,
)
from squeezesam.errors import ConfigError, WeightsError
from squeezesam.files import PathLike, check_name, whole_file
from squeezesam.network.build import build_trained
from squeezesam.network.detector import SaliencyDetector
from squeezesam.network.model import SqueezeSam
from squeezesam.network.unet import UNet
from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind
from squeezesam.tensor_files import SHOWN, read_tensors, write_tensors

ZOO = Path(__file__).parent / "zoo"


def save_weights(model: UNet, path: PathLike, variant: str, dtype: torch.dtype) -> None:
    """Write the network's weights; the metadata holds the variant and its configuration.

    Args:
        model: the network.
        path: the .safetensors file.
        variant: name in `squeezesam.config.VARIANTS` or `DETECTORS`.
        dtype: element type of the file; loading gives float32 again.

    Raises:
        OutputError: the place cannot be written to.
    """
    tensors = {
        name: value.to(dtype).contiguous() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    metadata = {"variant": variant, "config": json.dumps(dataclasses.asdict(model.config))}
    with whole_file(Path(path)) as partial:
        write_tensors(tensors, partial, metadata)


def load_weights(path: PathLike, size: int | None = None) -> tuple[str, SqueezeSam]:
    """The variant's name and its network, in eval mode and float32.

    Raises:
        WeightsError: missing, damaged, or not the weights of the variant that it names.
    """
    variant, model = load_trained(path, size)
    if not isinstance(model, SqueezeSam):
        raise WeightsError(
            f"{path} holds the salient-object detector {variant!r}, which takes no prompts; "
            "give weights of a SqueezeSAM variant"
        )
    return variant, model


def load_detector(path: PathLike, size: int | None = None) -> tuple[str, SaliencyDetector]:
    """Name and network of a salient-object detector, in eval mode and float32.

    Raises:
        WeightsError: missing, damaged, or not the weights of a detector.
    """
    variant, model = load_trained(path, size)
    if not isinstance(model, SaliencyDetector):
        raise WeightsError(
            f"{path} holds the SqueezeSAM {variant!r}; give weights of a salient-object detector"
        )
    return variant, model


def load_trained(
    path: PathLike, size: int | None = None
) -> tuple[str, SqueezeSam | SaliencyDetector]:
    """Name and network of any weights file, in eval mode and float32.

    Raises:
        WeightsError: missing, damaged, not finite, or not the weights of the network that it names.
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
    try:
        model.load_state_dict(
            {
                name: value.float() if value.is_floating_point() else value
                for name, value in tensors.items()
            }
        )
    except RuntimeError as error:
        raise WeightsError(
            f"{path} says variant {variant!r} but its tensors do not fit it; use matching weights"
        ) from error
    return variant, model.eval()


def known_config(name: str) -> SqueezeSamConfig | ReferenceConfig | DetectorConfig:
    """Configuration of a variant or detector.

    Raises:
        ConfigError: unknown.
    """
    return detector_config(name) if name in DETECTORS else variant_config(name)


def network_kind(name: str) -> NetworkKind:
    """What a variant or detector takes and gives."""
    return DETECTOR if name in DETECTORS else SEGMENTER


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
