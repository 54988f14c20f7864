"""Golden inputs: prompts on the shipped photos, with PyTorch's answers in float32.

They check artifacts here and, read from the same files, the apps' own code on a phone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam.examples import EXAMPLES, Example
from squeezesam.image_io import read_photo
from squeezesam.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.runtimes import NetworkCallable
from squeezesam.spec import (
    IMAGE,
    IOU_PREDICTIONS,
    LOW_RES_MASKS,
    PIXEL_MEAN,
    PIXEL_SCALE,
    PROMPT_MAPS,
    PROMPT_TOKENS,
    PointLabel,
)
from squeezesam.transforms import Letterbox, photo_tensor
from squeezesam_export.artifacts import checked_path, sha256_of
from squeezesam_export.finite import finite_only
from squeezesam_export.manifest import Click, GoldenCase, GoldenFile, Manifest

FOLDER = "golden"
BOX_MARGIN = (50, 80)
"""Photo pixels, across and down, by which the golden box exceeds the clicks on the object."""


@dataclass(frozen=True)
class Answered:
    """One golden case: inputs and PyTorch's outputs, as in squeezesam.spec."""

    name: str
    inputs: tuple[Tensor, Tensor, Tensor]
    low_res_masks: Tensor
    iou_predictions: Tensor


def cases_of(example: Example) -> tuple[GoldenCase, ...]:
    """One click, three clicks, a box, and a correction of the first answer."""
    garment = Click(*example.garment, PointLabel.POSITIVE)
    legs = Click(*example.legs, PointLabel.POSITIVE)
    background = Click(*example.background, PointLabel.NEGATIVE)
    across, down = BOX_MARGIN
    box = (
        min(garment.x, legs.x) - across,
        min(garment.y, legs.y) - down,
        max(garment.x, legs.x) + across,
        max(garment.y, legs.y) + down,
    )
    return (
        GoldenCase("one click", (garment,), None, None),
        GoldenCase("three clicks", (garment, legs, background), None, None),
        GoldenCase("box", (), box, None),
        GoldenCase("correction", (garment, legs), None, "one click"),
    )


def write_golden(model: NetworkCallable, size: int, directory: Path) -> tuple[GoldenFile, ...]:
    """Answer the cases of all shipped photos and write them below `directory`.

    Raises:
        WeightsError: an answer is NaN or infinity.
    """
    (directory / FOLDER).mkdir()
    checked = finite_only(model)
    files = []
    for example in EXAMPLES:
        photo = read_photo(example.path)
        height, width = photo.shape[:2]
        letterbox = Letterbox.fit(width, height, size)
        image = letterbox.apply(photo)
        answered: dict[str, Answered] = {}
        for case in cases_of(example):
            previous = answered[case.previous].low_res_masks[:, :1] if case.previous else None
            maps_and_tokens = encode_case(case, letterbox, previous)
            with torch.inference_mode():
                answered[case.name] = Answered(
                    case.name,
                    (image, *maps_and_tokens),
                    *checked(image, *maps_and_tokens),
                )
        relative = f"{FOLDER}/{example.path.stem}.npz"
        write_answers(list(answered.values()), directory / relative)
        files.append(
            GoldenFile(
                file=relative,
                sha256=sha256_of(directory / relative),
                photo=example.path.name,
                width=width,
                height=height,
                cases=cases_of(example),
            )
        )
    return tuple(files)


def encode_case(
    case: GoldenCase, letterbox: Letterbox, previous: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Prompt maps and tokens, by the same code as the predictor's."""
    prompts = check_prompts(
        [(click.x, click.y) for click in case.clicks],
        [click.label for click in case.clicks],
        case.box,
        width=letterbox.width,
        height=letterbox.height,
    )
    coords, labels = prompt_slots(prompts, letterbox.scale)
    return encode_prompts(coords, labels, previous, letterbox.size)


def write_answers(answers: list[Answered], path: Path) -> None:
    """Write the cases of one photo, one row a case."""
    image, _, _ = answers[0].inputs
    arrays: dict[str, Any] = {
        IMAGE: (image / PIXEL_SCALE + PIXEL_MEAN).round().to(torch.uint8),
        PROMPT_MAPS: torch.cat([answer.inputs[1] for answer in answers]),
        PROMPT_TOKENS: torch.cat([answer.inputs[2] for answer in answers]),
        LOW_RES_MASKS: torch.cat([answer.low_res_masks for answer in answers]),
        IOU_PREDICTIONS: torch.cat([answer.iou_predictions for answer in answers]),
    }
    np.savez_compressed(path, **arrays)


def read_golden(directory: Path, manifest: Manifest) -> list[Answered]:
    """All golden cases of an export directory.

    Raises:
        ArtifactError: a file is missing or altered, or does not hold what the manifest says.
    """
    answers = []
    for golden in manifest.golden:
        path = checked_path(directory, golden.file, golden.sha256)
        arrays = read_arrays(path, manifest, len(golden.cases))
        image = photo_tensor(arrays[IMAGE][0].transpose(1, 2, 0))[None]
        rows = {
            name: torch.from_numpy(array).split(1)
            for name, array in arrays.items()
            if name != IMAGE
        }
        answers += [
            Answered(
                f"{golden.photo} {case.name}",
                (image, rows[PROMPT_MAPS][i], rows[PROMPT_TOKENS][i]),
                rows[LOW_RES_MASKS][i],
                rows[IOU_PREDICTIONS][i],
            )
            for i, case in enumerate(golden.cases)
        ]
    return answers


def read_arrays(path: Path, manifest: Manifest, cases: int) -> dict[str, Any]:
    """The arrays of one golden file, of the shapes and types that they must have.

    Raises:
        ArtifactError: it holds something else.
    """
    tensors = (*manifest.contract.inputs, *manifest.contract.outputs)
    wanted: dict[str, Any] = {
        spec.name: ("float32", (cases, *spec.shape[1:])) for spec in tensors
    } | {IMAGE: ("uint8", manifest.contract.inputs[0].shape)}
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise ArtifactError(f"{path} is no golden file ({error}); export again") from error
    found = {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
    if found != wanted:
        raise ArtifactError(f"{path} holds {found}, not {wanted}; export again")
    return arrays
