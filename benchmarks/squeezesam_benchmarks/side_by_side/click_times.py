"""How long a click takes with any predictor: the first on a photo, and a later one.

The first click includes all that is done once for a photo, such as an encoder's inference. A later
click is the second one on the same photo, with the first mask as an earlier mask. Both begin with
the pixels of a photo and end with a mask of its size.

Models are interleaved: each one gets a fresh process in each round, and the order is shuffled anew.
Run as `python -m squeezesam_benchmarks.side_by_side.click_times`, it is such a process.
"""

import dataclasses
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError, ConfigError
from squeezesam.evaluation.models import load_named
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import resized
from squeezesam.inference.predictor import MaskArrays, Predictor
from squeezesam.spec import PointLabel
from squeezesam_benchmarks.host import Host, worker_answer
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import record_from_json
from squeezesam_benchmarks.worker import answer_stdin, elapsed_ms, pin

MODULE = "squeezesam_benchmarks.side_by_side.click_times"
WARM_UP = 2
"""Untimed photos of a process: the second inference of an ONNX file still opens it."""

PHOTO_SIZE = (Protocol.photo_width_px, Protocol.photo_height_px)
"""Width and height in pixels, as everywhere in the harness."""


@dataclass(frozen=True)
class ClickTiming:
    """How clicks are timed.

    Attributes:
        threads: of the runtimes, each on a core of its own.
        rounds: fresh processes for each model.
        photos: timed photos of each process, with two clicks on each.

    Raises:
        ConfigError: nothing would be timed.
    """

    threads: int = 1
    rounds: int = 3
    photos: int = 3

    def __post_init__(self) -> None:
        for name in ("rounds", "photos"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        Host().check_threads((self.threads,))


@dataclass(frozen=True)
class ClickJob:
    """What a process has to time: a model as `load_named` takes it."""

    model: str
    threads: int
    photos: int


@dataclass(frozen=True)
class ClickTimes:
    """Milliseconds of each first and each later click of one process."""

    first_ms: tuple[float, ...]
    later_ms: tuple[float, ...]


def time_clicks(
    models: Sequence[str], timing: ClickTiming, progress: Callable[[str], None]
) -> tuple[dict[str, list[ClickTimes]], dict[str, str]]:
    """Time models beside each other.

    Args:
        models: each as `load_named` takes it.
        timing: how.
        progress: takes a line for each process that is done.

    Returns:
        What each process measured, by model; and of each model that failed, which is left out from
        then on, the error.

    Raises:
        MissingDependencyError: a runtime is not installed.
    """
    times: dict[str, list[ClickTimes]] = {model: [] for model in models}
    failed: dict[str, str] = {}
    order = list(models)
    shuffler = random.Random(0)
    for round_index in range(timing.rounds):
        shuffler.shuffle(order)
        for model in [one for one in order if one not in failed]:
            job = ClickJob(model, timing.threads, timing.photos)
            try:
                answer = worker_answer(MODULE, dataclasses.asdict(job), model)
            except ArtifactError as error:
                failed[model] = str(error)
                continue
            times[model].append(record_from_json(ClickTimes, answer))
            progress(f"timed {model}, round {round_index + 1} of {timing.rounds}")
    return times, failed


def timed_in_this_process(job: ClickJob) -> ClickTimes:
    """Time one model; call it once, at the start of a process.

    Raises:
        ArtifactError, ConfigError, MissingDependencyError, WeightsError: it cannot be loaded or
            run.
    """
    pin(job.threads)  # before a runtime starts its threads
    torch.set_num_threads(job.threads)
    _, predictor = load_named(job.model)
    photos = [timed_photo(place) for place in range(2)]
    samples = [
        one_photo(predictor, *photos[index % len(photos)]) for index in range(WARM_UP + job.photos)
    ]
    first_ms, later_ms = zip(*samples[WARM_UP:], strict=True)
    return ClickTimes(first_ms, later_ms)


def timed_photo(place: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A shipped photo, enlarged to PHOTO_SIZE, and two clicks [2, 2] (x, y) on its person.

    There have to be several photos: a network may keep what it knows of the photo that it saw last.
    """
    example = EXAMPLES[place]
    photo = read_photo(example.path)
    height, width = photo.shape[:2]
    scale = np.divide(PHOTO_SIZE, (width, height))
    return resized(photo, PHOTO_SIZE), np.array([example.garment, example.legs]) * scale


def one_photo(
    predictor: Predictor, photo: NDArray[np.uint8], clicks: NDArray[np.float64]
) -> tuple[float, float]:
    """Milliseconds of the first and of the second click on a photo."""
    labels = [PointLabel.POSITIVE] * len(clicks)
    answers: list[MaskArrays] = []

    def first() -> None:
        predictor.set_image(photo)
        answers.append(predictor.predict(clicks[:1], labels[:1], multimask_output=False))

    def later() -> None:
        _, _, low_res_masks = answers[0]
        predictor.predict(clicks, labels, mask_input=low_res_masks, multimask_output=False)

    return elapsed_ms(first), elapsed_ms(later)


if __name__ == "__main__":
    sys.exit(answer_stdin(lambda job: timed_in_this_process(record_from_json(ClickJob, job))))
