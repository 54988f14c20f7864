"""The golden files of an export directory: written, and read strictly.

They check artifacts here and, read from the same files, the apps' own code on a phone. Vectors are
drawn inputs with their answers, for the apps' code alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from squeezesam import strict_json
from squeezesam.errors import ArtifactError
from squeezesam.examples import EXAMPLES, PHOTOS
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import scaled
from squeezesam.spec import IMAGE, PIXEL_MEAN, PIXEL_SCALE, TensorSpec
from squeezesam.strict_json import JsonError, shown
from squeezesam.vectors import answers as answer_vectors
from squeezesam.vectors import looks as look_vectors
from squeezesam.vectors import masks as mask_vectors
from squeezesam.vectors import photos as photo_vectors
from squeezesam.vectors import prompts as prompt_vectors
from squeezesam_export.bundle.array_files import ArrayFile, Form, check_forms
from squeezesam_export.bundle.artifacts import GOLDEN, Hasher, checked_path, content_sha256
from squeezesam_export.bundle.manifest import BundleNetwork, GoldenFile, HashedFile, Manifest
from squeezesam_export.kinds.golden_case import GoldenCase, is_asked
from squeezesam_export.kinds.recipe import KindRecipe, LoadedWeights, Vectors

VECTORS: dict[str, Vectors] = {
    "mask_cleaning.json": mask_vectors.golden_vectors,
    "looks.json": look_vectors.golden_vectors,
    "photos.json": photo_vectors.golden_vectors,
    "prompts.json": prompt_vectors.golden_vectors,
    "answers.json": answer_vectors.golden_vectors,
}
"""What goes with every bundle, by the name of the file."""


def golden_cases(loaded: LoadedWeights) -> list[GoldenCase]:
    """The golden cases of a network on all shipped photos.

    Raises:
        WeightsError: an answer is NaN or infinity.
    """
    network, recipe = loaded.network(), loaded.recipe
    return [
        case for example in EXAMPLES for case in recipe.golden_cases(network, example, loaded.size)
    ]


def prompted_cases(
    recipe: KindRecipe, found: Sequence[GoldenCase], asked: LoadedWeights
) -> list[GoldenCase]:
    """What a network is asked for the findings of another; nothing where it finds nothing.

    Args:
        recipe: of the network that finds.
        found: its golden cases.
        asked: the network that is asked.

    Raises:
        WeightsError: an answer is NaN or infinity.
    """
    network, cases = asked.network(), []
    for case in found:
        photo = read_photo(PHOTOS / case.photo)
        letterbox = asked.recipe.frame.fit(photo.shape[1], photo.shape[0], asked.size)
        prompt = recipe.prompt(case, case.outputs, letterbox)
        if prompt is not None:
            image = letterbox.apply(photo)
            with torch.inference_mode():
                tensors = network.tensors(asked.recipe.prompted_inputs(image, letterbox, *prompt))
            cases.append(GoldenCase(network.kind, case.photo, letterbox, prompt[0], tensors))
    return cases


def write_golden(
    recipe: KindRecipe,
    cases: Sequence[GoldenCase],
    directory: Path,
    prompted_by: str | None = None,
) -> tuple[GoldenFile, ...]:
    """Write golden cases into an export directory, those of each photo into one file.

    Args:
        recipe: of the network that answers them.
        cases: with PyTorch's answers.
        directory: of the export.
        prompted_by: kind of the network that found what is asked; None where prompts were chosen.
    """
    folder = f"{GOLDEN}/{recipe.kind.name}" + (f"_of_{prompted_by}" if prompted_by else "")
    (directory / folder).mkdir(parents=True)
    photos: dict[str, list[GoldenCase]] = {}
    for case in cases:
        photos.setdefault(case.photo, []).append(case)
    files = []
    for photo, asked in photos.items():
        relative = f"{folder}/{Path(photo).stem}.npz"
        np.savez_compressed(directory / relative, **arrays_of(recipe, asked))
        letterbox = asked[0].letterbox
        files.append(
            GoldenFile(
                file=relative,
                sha256=content_sha256(directory / relative),
                photo=photo,
                width=letterbox.width,
                height=letterbox.height,
                prompted_by=prompted_by,
                cases=tuple(case.record for case in asked),
            )
        )
    return tuple(files)


def arrays_of(recipe: KindRecipe, cases: Sequence[GoldenCase]) -> dict[str, Any]:
    """What a golden file holds; see `manifest.GoldenFile`."""
    first = cases[0].tensors
    arrays: dict[str, Any] = {
        name: first[name]
        if name in recipe.kind.photo_tensors
        else torch.cat([case.tensors[name] for case in cases])
        for name in first
    }
    arrays[IMAGE] = (first[IMAGE] / PIXEL_SCALE + PIXEL_MEAN).round().to(torch.uint8)
    return {**arrays, **recipe.derived(cases)[1]}


def read_golden(
    directory: Path,
    network: BundleNetwork,
    prompted_by: str | None = None,
    hasher: Hasher = content_sha256,
) -> list[GoldenCase]:
    """The golden cases of one network.

    Args:
        directory: of the export.
        network: as the manifest describes it.
        prompted_by: kind of the network that found what is asked; None for chosen prompts.
        hasher: of the content of files.

    Raises:
        ArtifactError: a file is missing or altered, does not hold what the manifest says, or this
            version finds something else in its answers.
    """
    return [
        case
        for golden in network.golden
        if golden.prompted_by == prompted_by
        for case in read_file(directory, network, golden, hasher)
    ]


def read_file(
    directory: Path, network: BundleNetwork, golden: GoldenFile, hasher: Hasher
) -> list[GoldenCase]:
    """The cases of one golden file.

    Raises:
        ArtifactError: as `read_golden` does.
    """
    path = checked_path(directory, golden.file, golden.sha256, hasher=hasher)
    recipe, rows = network.recipe, len(golden.cases)
    letterbox = recipe.frame.fit(golden.width, golden.height, network.input_size)
    specs = {spec.name: spec for graph in network.graphs for spec in graph.inputs + graph.outputs}
    try:
        file = ArrayFile(path)
        forms = dict(file.forms)
        derived_forms = {name: forms.pop(name, None) for name in recipe.derived_arrays}
        check_forms(forms, {name: form_of(recipe, spec, rows) for name, spec in specs.items()})
        tensors = {name: rows_of(file, name, rows) for name in specs}
        cases = [
            GoldenCase(
                recipe.kind,
                golden.photo,
                letterbox,
                record,
                {name: parts[number] for name, parts in tensors.items()},
            )
            for number, record in enumerate(golden.cases)
        ]
        records, derived = recipe.derived(cases)
        asked = [case.inputs for case in cases] if golden.prompted_by else recipe.asked(cases)
        same = [
            str(derived_forms[name]) == str(Form(array.dtype, array.shape))
            and np.array_equal(file.read(name), array)
            for name, array in derived.items()
        ]
    except ValueError as error:
        raise ArtifactError(f"{path} is no golden file: {error}; export again") from error
    if not all(same) or tuple(records) != golden.cases:
        raise ArtifactError(f"{path}: this version finds other {recipe.finds}; export again")
    if not all(map(is_asked, cases, asked)):
        raise ArtifactError(
            f"{path} asks for something else than the clicks and boxes that the manifest records; "
            "export again"
        )
    return cases


def form_of(recipe: KindRecipe, spec: TensorSpec, rows: int) -> Form:
    """What a golden file declares for a tensor."""
    count = 1 if spec.name in recipe.kind.photo_tensors else rows
    dtype = np.dtype(np.uint8 if spec.name == IMAGE else np.float32)
    return Form(dtype, (count, *spec.shape[1:]))


def rows_of(file: ArrayFile, name: str, rows: int) -> list[Tensor]:
    """A tensor of each case; one that depends on the photo alone is the same in all of them."""
    tensor = torch.from_numpy(file.read(name))
    if name == IMAGE:
        tensor = scaled(tensor.float())
    parts = list(tensor.split(1))
    return parts * rows if len(parts) == 1 else parts


def vectors_for(recipes: Iterable[KindRecipe]) -> dict[str, Vectors]:
    """What goes with a bundle of some kinds of networks, by the name of the file."""
    return VECTORS | {name: made for one in recipes for name, made in one.vectors.items()}


def write_vectors(recipes: Iterable[KindRecipe], directory: Path) -> tuple[HashedFile, ...]:
    """Write the vectors of some kinds of networks as JSON lists into an export directory."""
    files = []
    for name, made in vectors_for(recipes).items():
        path = directory / GOLDEN / name
        text = json.dumps(made(), allow_nan=False, separators=(",", ":"))
        path.write_text(text + "\n", encoding="utf-8")
        files.append(HashedFile(f"{GOLDEN}/{name}", content_sha256(path)))
    return tuple(files)


def check_vectors(directory: Path, manifest: Manifest) -> None:
    """Check that an export directory has all vectors, with the answers that this version gives.

    Raises:
        ArtifactError: it gives others, or a file is absent, unknown or no such list.
    """
    known = vectors_for(network.recipe for network in manifest.networks)
    listed = sorted(vectors.file for vectors in manifest.vectors)
    if listed != sorted(f"{GOLDEN}/{name}" for name in known):
        raise ArtifactError(
            f"the manifest of {directory} lists the vectors {shown(listed)}, not those of this "
            f"version, {', '.join(sorted(known))}; export again"
        )
    for vectors in manifest.vectors:
        path = directory / vectors.file
        try:
            cases = strict_json.read(path)
        except (OSError, JsonError) as error:
            raise ArtifactError(f"{path} is damaged: {error}; export again") from error
        # Through JSON, so that tuples and lists are alike.
        if not agree(cases, json.loads(json.dumps(known[path.name]()))):
            raise ArtifactError(f"{path} has other answers than this version; export again")


def agree(
    found: Any, known: Any, tolerance: float = 0, tolerances: Mapping[str, float] | None = None
) -> bool:
    """Whether vectors are those of this version, made here or on another machine.

    Args:
        found: what a file holds.
        known: the same of this version; a case may name fields that need not be equal under
            `tolerance`.
        tolerance: by how much numbers may differ.
        tolerances: the same of the fields of a case, at any depth.
    """
    if isinstance(known, dict):
        slack = known.get("tolerance", tolerances or {})
        return (
            isinstance(found, dict)
            and found.keys() == known.keys()
            and all(
                agree(found[name], one)
                if name == "tolerance"
                else agree(found[name], one, slack.get(name, 0), slack)
                for name, one in known.items()
            )
        )
    if isinstance(known, list):
        return (
            isinstance(found, list)
            and len(found) == len(known)
            and all(
                agree(one, other, tolerance, tolerances)
                for one, other in zip(found, known, strict=True)
            )
        )
    if tolerance:
        return isinstance(found, int | float) and abs(found - known) <= tolerance
    return bool(found == known)
