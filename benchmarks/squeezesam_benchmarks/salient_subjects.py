"""Pairs of segmenter and detector to time together, and the photo that they are timed on."""

import dataclasses
from pathlib import Path

from PIL import Image

from squeezesam.errors import ArtifactError
from squeezesam.examples import EXAMPLES
from squeezesam.inference.load import load
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.spec import DETECTOR, POINT_SEGMENTER, SEGMENTER, NetworkKind
from squeezesam_benchmarks.devices import WEB, BenchmarkArtifact, Device, SalientWay
from squeezesam_benchmarks.results.records import TimedFile
from squeezesam_benchmarks.subjects import exported_subjects
from squeezesam_export.bundle.artifacts import sha256_of, size_of
from squeezesam_export.targets.table import TARGETS

PHOTO_SIZE = (3000, 4000)
"""Width and height in pixels of the photo: 12 megapixels, upright as the shipped one is."""

PHOTO_QUALITY = 90
WEIGHTS = "PyTorch"


def write_photo(folder: Path, size: tuple[int, int] = PHOTO_SIZE) -> Path:
    """A shipped photo, enlarged and saved as JPEG.

    It has less detail than a camera's, so it decodes faster.
    """
    path = folder / "photo.jpg"
    with Image.open(EXAMPLES[0].path) as photo:
        enlarged = photo.resize(size, Image.Resampling.BICUBIC)
    enlarged.save(path, quality=PHOTO_QUALITY)
    return path


def paired_subjects(
    directory: Path, precision: str, device: Device, photo: Path
) -> list[BenchmarkArtifact]:
    """The segmenters of an export directory in a precision, each with the detector of its kind.

    A segmenter that draws its prompts itself is asked in browsers only. Networks that are asked
    otherwise, such as those of two graphs, are left out.

    Raises:
        ArtifactError: no manifest, an altered artifact, or no such pair that runs there.
    """
    subjects = exported_subjects(directory, device)
    of_precision = [one for one in subjects if one.artifact.precision == precision]
    detectors = {one.target: one for one in of_precision if one.kind is DETECTOR}
    pairs = [
        with_detector(one, detectors[one.target], photo)
        for one in of_precision
        if is_asked(one.kind, device) and one.target in detectors
    ]
    if not pairs:
        raise ArtifactError(
            f"{directory} holds no {precision} segmenter with its detector that runs there; export "
            "both, or name two files with --model and --detector"
        )
    return pairs


def is_asked(kind: NetworkKind, device: Device) -> bool:
    """Whether a device times the automatic masks of a kind of network."""
    return kind.is_like(SEGMENTER) or (kind is POINT_SEGMENTER and device.facts.place == WEB)


def named_pair(model: Path, detector: Path, photo: Path) -> BenchmarkArtifact:
    """Two files of the user.

    Raises:
        ArtifactError, ConfigError, WeightsError: one is missing, damaged or in the other's place.
        MissingDependencyError: its runtime is not installed.
    """
    pair = with_detector(named_subject(model), named_subject(detector), photo)
    # Refuses what does not go together before a worker spends its time on it.
    SaliencyPredictor(load(model, kind=SEGMENTER), load(detector, kind=DETECTOR))
    return pair


def named_subject(path: Path) -> BenchmarkArtifact:
    """A file of the user, of which nothing is known but its content.

    Raises:
        ArtifactError: it is missing.
    """
    if not path.is_file():
        raise ArtifactError(f"no artifact {path}; give a file that export wrote, or weights")
    targets = (name for name, target in TARGETS.items() if target.suffix == path.suffix)
    described = TimedFile(path.name, sha256_of(path), size_of(path))
    return BenchmarkArtifact(path, next(targets, WEIGHTS), described)


def with_detector(
    segmenter: BenchmarkArtifact, detector: BenchmarkArtifact, photo: Path
) -> BenchmarkArtifact:
    """The segmenter, to be timed on the whole way of the two."""
    way = SalientWay(detector.path, detector.artifact, photo)
    return dataclasses.replace(segmenter, pipeline=None, salient=way)
