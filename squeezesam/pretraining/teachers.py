"""Teachers of a pretraining: what makes a map of features of a photo, and where maps are kept.

One of our networks teaches with the features at the bottom of its encoder: `base` with those of its
UNet at 1/32, an EfficientSAM with its image embeddings. The ONNX encoders of the SAM family come
from a higher package, by the entry points of GROUP.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.data.records import AnnotatedImage
from squeezesam.distillation.teacher import with_outside_weights
from squeezesam.errors import ConfigError, DataError, OutputError, WeightsError
from squeezesam.files import content_hash, whole_file
from squeezesam.inference.load import named_path
from squeezesam.inference.prompting import prompting_of
from squeezesam.networks.building import TrainedNetwork
from squeezesam.networks.efficientsam import EfficientSam
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import load_weights, read_tensors, write_tensors
from squeezesam.pretraining.options import CacheOptions
from squeezesam.spec import MapChannel

GROUP = "squeezesam.encoders"
"""Entry points by the suffix of a file: functions of its path that give an `Encoder`."""

RECIPE = "1"
"""Raised when the same teacher and photo come to give other features."""


class PhotoFeatures(NamedTuple):
    """What a teacher makes of a photo.

    Attributes:
        map: [C, h, w].
        extent: shares of the map's width and height that the photo takes up, from its top left.
    """

    map: Tensor
    extent: tuple[float, float]


Encoder = Callable[[NDArray[np.uint8]], tuple[Any, tuple[float, float]]]
"""A photo [H, W, 3] RGB to the fields of `PhotoFeatures`; the map may be an array."""


@dataclass(frozen=True)
class FeatureTeacher:
    """An encoder whose features are worth learning.

    Attributes:
        encode: makes them.
        identity: any text that changes when the features may.
        channels: C of its maps.
    """

    encode: Encoder
    identity: str
    channels: int


def load_feature_teacher(text: str) -> FeatureTeacher:
    """The teacher that a path, or the name of a variant whose weights are shipped, stands for.

    Raises:
        ArtifactError, WeightsError: the file is missing, damaged or of no known kind.
        ConfigError: the network has no such features.
        MissingDependencyError: what it needs is not installed.
    """
    path = named_path(text)
    loaders = {entry.name: entry for entry in entry_points(group=GROUP)}
    loader = loaders.get(path.suffix.removeprefix("."))
    encode = loader.load()(path) if loader else NetworkEncoder(load_weights(path)[1], text)
    digest = hashlib.sha256(RECIPE.encode())
    for file in with_outside_weights(path):
        digest.update(content_hash(file).digest())
    found, _ = encode(np.zeros((64, 64, 3), np.uint8))
    return FeatureTeacher(encode, digest.hexdigest(), len(found))


class NetworkEncoder:
    """The encoder of one of our networks; see the module.

    Args:
        network: a SqueezeSAM or an EfficientSAM, in eval mode.
        name: for messages.

    Raises:
        ConfigError: another kind of network.
    """

    def __init__(self, network: TrainedNetwork, name: str) -> None:
        if not isinstance(network, SqueezeSam | EfficientSam):
            raise ConfigError(
                f"{name} cannot teach features; give weights of a SqueezeSAM or an EfficientSAM, "
                "or an ONNX encoder of the SAM family"
            )
        self.network = network

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, tuple[float, float]]:
        """The map [C, S/stride, S/stride] of a photo, and the part of it on the photo."""
        height, width = pixels.shape[:2]
        size = self.network.size
        frame = prompting_of(self.network.kind).frame.fit(width, height, size)
        with torch.inference_mode():
            (features,) = bottom_features(self.network, frame.apply(pixels))
        return features, (frame.inside[0] / size, frame.inside[1] / size)


def bottom_features(network: SqueezeSam | EfficientSam, image: Tensor) -> Tensor:
    """What the encoder makes of an image [B, 3, S, S] without any prompt: [B, C, h, w]."""
    if isinstance(network, EfficientSam):
        return network.encoder(image)
    x = network.stem(image)
    x = torch.cat([x, x.new_zeros(len(x), len(MapChannel), *x.shape[2:])], dim=1)
    for stage in network.encoder:
        x = stage(x)
    return x


class CachedTeacher:
    """A teacher that keeps its features on disk, so that a photo is encoded once.

    An entry is named by the SHA-256 of teacher and photo, and appears whole or not at all. Every
    process may read and write. When the cache is full, what is not in it is made again each time:
    photos are drawn at random, so that to give up one entry for another would gain nothing.

    Args:
        teacher: who is asked.
        folder: for the entries.
        options: how many there may be.
    """

    RECOUNTED = 32
    """Entries that a process writes before it counts again what all have written."""

    def __init__(self, teacher: FeatureTeacher, folder: Path, options: CacheOptions) -> None:
        self.teacher, self.folder, self.options = teacher, folder, options
        self._room, self._written = 0.0, 0

    def features(self, image: AnnotatedImage, pixels: NDArray[np.uint8]) -> PhotoFeatures:
        """What the teacher makes of a photo, in float16: kept features and new ones are the same.

        Args:
            image: the photo as its data set has it.
            pixels: of the same photo, [H, W, 3].

        Raises:
            DataError: the photo cannot be read, or the teacher answers what float16 cannot hold.
            OutputError: the folder cannot be written to.
        """
        try:
            content = image.source.read()
        except OSError as error:
            raise DataError(f"photo {image.name} cannot be read ({error}); restore it") from error
        name = hashlib.sha256(self.teacher.identity.encode() + content).hexdigest()
        path = self.folder / name[:2] / f"{name}.safetensors"
        if path.exists():
            try:
                return read_features(path)
            except (WeightsError, KeyError):
                path.unlink(missing_ok=True)  # damaged; what can be made again is no loss
        found, extent = self.teacher.encode(pixels)
        features = PhotoFeatures(torch.as_tensor(found).half(), extent)
        if not features.map.isfinite().all():
            raise DataError(
                f"the teacher answers NaN or infinity to photo {image.name}; leave the photo out, "
                "or take a teacher in float32"
            )
        size = features.map.nbytes
        if self._has_room(size):
            self._keep(features, path)
            self._room -= size
        return features

    def _has_room(self, size: int) -> bool:
        if self._written % self.RECOUNTED == 0:
            used = sum(file.stat().st_size for file in self.folder.glob("??/*.safetensors"))
            self._room = self.options.gigabytes * 1e9 - used
        return size <= self._room

    def _keep(self, features: PhotoFeatures, path: Path) -> None:
        across, down = features.extent
        extent = torch.tensor([across, down], dtype=torch.float64)
        try:
            with whole_file(path) as partial:
                write_tensors({"map": features.map.contiguous(), "extent": extent}, partial, {})
        except OutputError:
            if not path.parent.is_dir():
                raise
            return  # another process is writing the same entry, or the disk is full
        self._written += 1


def read_features(path: Path) -> PhotoFeatures:
    """An entry of the cache.

    Raises:
        WeightsError: it is damaged.
        KeyError: it is no entry.
    """
    tensors, _ = read_tensors(path)
    across, down = tensors["extent"].tolist()
    return PhotoFeatures(tensors["map"], (across, down))
