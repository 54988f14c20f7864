"""Reading the golden files of an export directory, strictly."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam.spec import (
    DETECTOR,
    IMAGE,
    IOU_PREDICTIONS,
    LOW_RES_MASKS,
    PROMPT_MAPS,
    PROMPT_TOKENS,
    SALIENCY_LOGITS,
    SEGMENTER,
    NetworkKind,
)
from squeezesam.transforms import Letterbox, scaled
from squeezesam_export.array_files import ArrayFile, Form, check_forms
from squeezesam_export.artifacts import checked_path
from squeezesam_export.golden import Answered, GoldenAnswer
from squeezesam_export.manifest import GoldenCase, GoldenFile, Manifest
from squeezesam_export.salient_golden import DETECTOR_IMAGE, HEAT, Detected


def read_answers(directory: Path, manifest: Manifest, kind: NetworkKind) -> Sequence[GoldenAnswer]:
    """The golden cases of one kind of network.

    Raises:
        ArtifactError: a file is missing or altered, or does not hold what the manifest says.
    """
    read = read_golden if kind is SEGMENTER else read_detected
    return read(directory, manifest)


def read_golden(directory: Path, manifest: Manifest) -> list[Answered]:
    """All golden cases of prompts in an export directory.

    Raises:
        ArtifactError: a file is missing or altered, or does not hold what the manifest says.
    """
    return [
        answer
        for golden in manifest.golden
        for case, answer in zip(golden.cases, read_file(directory, manifest, golden), strict=True)
        if not is_automatic(case, golden)
    ]


def read_automatic(directory: Path, manifest: Manifest) -> dict[str, Answered]:
    """PyTorch's masks without any click, by the names of the photos in which it found something.

    Raises:
        ArtifactError: as `read_golden` does.
    """
    return {
        golden.photo: answer
        for golden in manifest.golden
        for case, answer in zip(golden.cases, read_file(directory, manifest, golden), strict=True)
        if is_automatic(case, golden)
    }


def is_automatic(case: GoldenCase, golden: GoldenFile) -> bool:
    """Whether the clicks of a case are the detector's.

    What they are hangs on its weights, so they are no part of a segmenter's parity.
    """
    return golden.salient is not None and case.name == golden.salient.case


def read_file(directory: Path, manifest: Manifest, golden: GoldenFile) -> list[Answered]:
    """The cases of one photo.

    Raises:
        ArtifactError: as `read_golden` does.
    """
    path = checked_path(directory, golden.file, golden.sha256)
    arrays = read_arrays(path, manifest, golden)
    image = image_of(arrays, IMAGE)
    names = (PROMPT_MAPS, PROMPT_TOKENS, LOW_RES_MASKS, IOU_PREDICTIONS)
    rows = {name: torch.from_numpy(arrays[name]).split(1) for name in names}
    return [
        Answered(
            f"{golden.photo} {case.name}",
            (image, rows[PROMPT_MAPS][i], rows[PROMPT_TOKENS][i]),
            rows[LOW_RES_MASKS][i],
            rows[IOU_PREDICTIONS][i],
        )
        for i, case in enumerate(golden.cases)
    ]


def read_detected(directory: Path, manifest: Manifest) -> list[Detected]:
    """PyTorch's heat maps of the golden photos in an export directory, if it holds a detector.

    Raises:
        ArtifactError: as `read_golden` does, or this version finds other clicks in them.
    """
    found = []
    for golden in manifest.golden:
        if golden.salient is None:
            continue
        path = checked_path(directory, golden.file, golden.sha256)
        arrays = read_arrays(path, manifest, golden)
        detected = Detected(
            golden.photo,
            (image_of(arrays, DETECTOR_IMAGE),),
            Letterbox.fit(golden.width, golden.height, manifest.size_of(DETECTOR)),
            torch.from_numpy(arrays[SALIENCY_LOGITS]),
        )
        cases = tuple(case for case in golden.cases if is_automatic(case, golden))
        same_heat = np.array_equal(detected.arrays()[HEAT], arrays[HEAT])
        if not same_heat or (detected.record(), detected.cases()) != (golden.salient, cases):
            raise ArtifactError(
                f"{path}: this version finds other clicks in its heat map; export again"
            )
        found.append(detected)
    return found


def image_of(arrays: Mapping[str, Any], name: str) -> Tensor:
    """The input that a golden file holds under a name as bytes."""
    return scaled(torch.from_numpy(arrays[name]).float())


def read_arrays(path: Path, manifest: Manifest, golden: GoldenFile) -> dict[str, Any]:
    """The arrays of one golden file, of the shapes and types that they must have.

    Raises:
        ArtifactError: it holds something else.
    """
    tensors = (*manifest.contract.inputs, *manifest.contract.outputs)
    floats, bytes_ = np.dtype(np.float32), np.dtype(np.uint8)
    wanted = {spec.name: Form(floats, (len(golden.cases), *spec.shape[1:])) for spec in tensors}
    wanted[IMAGE] = Form(bytes_, manifest.contract.inputs[0].shape)
    if manifest.detector is not None:
        (image,), (logits,) = manifest.detector.contract.inputs, manifest.detector.contract.outputs
        letterbox = Letterbox.fit(golden.width, golden.height, manifest.size_of(DETECTOR))
        wanted[DETECTOR_IMAGE] = Form(bytes_, image.shape)
        wanted[logits.name] = Form(floats, logits.shape)
        wanted[HEAT] = Form(bytes_, letterbox.heat_size[::-1])
    try:
        file = ArrayFile(path)
        check_forms(file.forms, wanted)
        return {name: file.read(name) for name in wanted}
    except ValueError as error:
        raise ArtifactError(f"{path} is no golden file: {error}; export again") from error
