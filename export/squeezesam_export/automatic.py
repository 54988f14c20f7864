"""Both stages of an export together: the mask that it gives without any click."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from squeezesam.runtimes import LoadedNetwork
from squeezesam.transforms import Letterbox
from squeezesam_export.artifacts import artifact_path
from squeezesam_export.golden import Answered, encode_case
from squeezesam_export.manifest import Artifact, Manifest
from squeezesam_export.parity import overlaps
from squeezesam_export.salient_golden import Detected
from squeezesam_export.targets import TARGETS


def automatic_iou(
    directory: Path,
    manifest: Manifest,
    artifact: Artifact,
    detected: Sequence[Detected],
    masks: Mapping[str, Answered],
) -> float | None:
    """Smallest IoU of a pair's automatic masks with PyTorch's, over the golden photos.

    Args:
        directory: of the export.
        manifest: of it.
        artifact: of the detector; its segmenter is of the same target and scheme.
        detected: PyTorch's heat maps.
        masks: PyTorch's, by the names of the photos in which it found something.

    Returns:
        None where there is no such segmenter.
    """
    kind = artifact.target, artifact.precision
    partners = [one for one in manifest.artifacts if (one.target, one.precision) == kind]
    if not partners:
        return None
    load = TARGETS[artifact.target].loader
    detector, segmenter = (load(artifact_path(directory, one)) for one in (artifact, partners[0]))
    return min(photo_iou(detector, segmenter, photo, masks.get(photo.name)) for photo in detected)


def photo_iou(
    detector: LoadedNetwork, segmenter: LoadedNetwork, photo: Detected, wanted: Answered | None
) -> float:
    """IoU of one automatic mask with PyTorch's; no mask only resembles no mask."""
    saliency_logits = detector(*photo.inputs)
    cases = photo.cases_of(saliency_logits)
    if not cases or wanted is None:
        return float(not cases and wanted is None)
    image, *_ = wanted.inputs
    whole = Letterbox.fit(photo.letterbox.width, photo.letterbox.height, image.shape[-1])
    earlier = photo.mask_input(saliency_logits, whole)
    logits, _ = segmenter(image, *encode_case(cases[0], whole, earlier))
    masks = (wanted.masks(one[:, :1]) for one in (logits, wanted.low_res_masks))
    return overlaps(*masks).item()
