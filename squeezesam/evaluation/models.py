"""What is evaluated: a network, an artifact or a baseline, loaded and hashed for the record.

A baseline is a function of its argument, text or None, that gives a `Predictor`; higher packages
register theirs without being imported here.
"""

import dataclasses
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam.evaluation.records import EvaluatedModel
from squeezesam.files import content_hash, is_system_file
from squeezesam.inference.load import (
    REFERENCE_INTERPRETER,
    InterpretedNetwork,
    load,
    named_path,
)
from squeezesam.inference.looks import DEFAULT_LOOKING, Looking
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING, MaskCleaning
from squeezesam.inference.predictor import Predictor, SamPredictor
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.inference.saliency_prompt import DEFAULT_SAMPLING, ClickSampling
from squeezesam.spec import DETECTOR, SEGMENTER

GROUP = "squeezesam.baselines"


def known_baselines() -> dict[str, EntryPoint]:
    """All baselines that are installed, by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def is_baseline(text: str) -> bool:
    """Whether a text names a baseline rather than a model: no file of this name is there."""
    return text.partition("=")[0] in known_baselines() and not Path(text).exists()


def load_named(text: str) -> tuple[EvaluatedModel, Predictor]:
    """A model or a baseline, as it is spelt where both stand in one list.

    Args:
        text: a path or a name as `load_model` takes it, or a baseline as `load_baseline` takes it.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError, WeightsError: it cannot be loaded.
    """
    return load_named_baseline(text) if is_baseline(text) else load_model(Path(text), None)


def load_baseline(text: str) -> Predictor:
    """The baseline that `NAME` or `NAME=ARGUMENT` stands for.

    Raises:
        ConfigError: no baseline of this name is installed, or its argument does not suit it.
        MissingDependencyError: what it needs is not installed.
    """
    name, equals, argument = text.partition("=")
    known = known_baselines()
    if name not in known:
        raise ConfigError(f"unknown baseline {name!r}; choose one of {', '.join(sorted(known))}")
    factory: Callable[[str | None], Predictor] = known[name].load()
    return factory(argument if equals else None)


def load_model(
    path: Path,
    size: int | None,
    detector: Path | None = None,
    sampling: ClickSampling = DEFAULT_SAMPLING,
    cleaning: MaskCleaning | None = DEFAULT_CLEANING,
    looking: Looking | None = DEFAULT_LOOKING,
) -> tuple[EvaluatedModel, Predictor]:
    """Weights, an artifact or an export directory.

    Args:
        path: of any kind that `squeezesam.load` knows, or the name of shipped weights.
        size: side of the square input of the segmenter, for weights only; None for the usual one.
        detector: finds what to segment where nothing is asked; None where that will not happen.
        sampling: how it finds that.
        cleaning: how masks are cleaned; None leaves them as the network gives them.
        looking: how close the second look is; None looks once, at the whole photo.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError, WeightsError: it cannot be loaded.
    """
    path = named_path(path)
    network = load(path, size, kind=SEGMENTER)
    interpreter = REFERENCE_INTERPRETER if isinstance(network, InterpretedNetwork) else None
    files = files_in(path)
    name = path.resolve().name
    words = [] if cleaning is not None else ["raw masks"]
    words += [] if looking is not None else ["one look"]
    if detector is None:
        subject = EvaluatedModel(", ".join([name, *words]), hashes(files), size, interpreter)
        return subject, SamPredictor(network, size, cleaning, looking)
    finder = load(detector, kind=DETECTOR)
    words += [
        f"{field.name} {getattr(sampling, field.name)}"
        for field in dataclasses.fields(sampling)
        if getattr(sampling, field.name) != field.default
    ]
    name = ", ".join([f"{name} with {detector.name}", *words])
    subject = EvaluatedModel(name, hashes([*files, *files_in(detector)]), size, interpreter)
    return subject, SaliencyPredictor(
        network, finder, size, sampling=sampling, cleaning=cleaning, looking=looking
    )


def load_named_baseline(text: str) -> tuple[EvaluatedModel, Predictor]:
    """A baseline as `NAME` or `NAME=ARGUMENT`, where files in the argument are separated by commas.

    Raises:
        ConfigError, MissingDependencyError: it is unknown or cannot be loaded.
    """
    predictor = load_baseline(text)
    name, equals, argument = text.partition("=")
    words = [Path(word) for word in argument.split(",")] if equals else []
    label = name + equals + ",".join(word.name for word in words)
    return EvaluatedModel(label, hashes([word for word in words if word.is_file()])), predictor


def files_in(path: Path) -> list[Path]:
    """The file itself, or all files of a directory but the system's own."""
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.is_file() and not is_system_file(each.name)]


def hashes(files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    return {path.name: content_hash(path).hexdigest() for path in sorted(files)}
