"""The whole way of one click, timed in its three parts; adding a pipeline is a line here."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from squeezesam.errors import ArtifactError, ImageError, NoSalientObjectError, PromptError
from squeezesam.image_io import Photo, as_photo, read_photo
from squeezesam.inference.load import NetworkCallable
from squeezesam.inference.predictor import Predictor, SamPredictor
from squeezesam.inference.prompts import check_prompts
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.spec import SEGMENTER, NetworkKind
from squeezesam_benchmarks.peers.click_network import POINT_SLOTS
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import PipelineSample
from squeezesam_benchmarks.sessions import Session, random_inputs
from squeezesam_export.sam_onnx import (
    chosen_masks,
    normalised_square,
    photo_masks,
    sam_feed,
    sam_frame,
)


class ClickPredictor:
    """A `squeezesam.inference.predictor.Predictor` of one click.

    The long side of the photo becomes the side of the network, the rest is padding; masks are
    upsampled to that square, cropped, and upsampled to the photo. EfficientSAM would stretch the
    photo to the square instead, which is as much work.

    Args:
        network: takes and gives what `click_network.ClickNetwork` does.
        side: of its square input in pixels.
    """

    def __init__(self, network: NetworkCallable, side: int) -> None:
        self.network = network
        self.side = side
        self._photo: tuple[int, int, torch.Tensor] | None = None

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
        """
        pixels = as_photo(image)
        height, width = pixels.shape[:2]
        square = np.ascontiguousarray(normalised_square(pixels, self.side))
        self._photo = width, height, torch.from_numpy(square)

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks of the click.

        Raises:
            ImageError: no photo is set.
            PromptError: anything else than one click.
        """
        if self._photo is None:
            raise ImageError("no photo is set; call set_image first")
        width, height, square = self._photo
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        frame = sam_frame(width, height, self.side)
        feed = sam_feed(prompts, frame, None)
        coords, labels = feed["point_coords"], feed["point_labels"]
        if labels.shape[1] != POINT_SLOTS or box is not None or mask_input is not None:
            raise PromptError("these networks are timed with one click; give one and nothing else")
        logits, ious = self.network(square, *map(torch.from_numpy, (coords, labels)))
        all_masks, all_ious = logits[0].numpy(), ious[0].numpy()
        chosen = chosen_masks(all_ious, POINT_SLOTS, multimask_output)
        low_res = all_masks[chosen]
        return photo_masks(low_res, frame, width, height), all_ious[chosen], low_res


SQUEEZESAM, SAM = "squeezesam", "sam"
NS_PER_MS = 1e6

PIPELINES: dict[str, Callable[["TimedNetwork"], Predictor]] = {
    SQUEEZESAM: SamPredictor,
    SAM: lambda network: ClickPredictor(network, network.size),
}


def pipeline_of(kind: NetworkKind) -> str | None:
    """The pipeline of a network that one file holds; None where only the file can be timed."""
    return SQUEEZESAM if kind.is_like(SEGMENTER) else None


class TimedSession:
    """A session that notes how long its calls of one prediction took.

    Attributes:
        busy_ns: of all calls since `restart`.
        ended_ns: when the last one ended.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.size: int = session.inputs()[0].shape[-1]
        self.restart()

    def restart(self) -> None:
        """Begin another prediction."""
        self.busy_ns = self.ended_ns = 0

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Run once, copies in and out included."""
        began_ns = time.perf_counter_ns()
        prepared = self.session.prepare([tensor.numpy() for tensor in inputs])
        answer = self.session.outputs(self.session.infer(prepared))
        self.ended_ns = time.perf_counter_ns()
        self.busy_ns += self.ended_ns - began_ns
        return [torch.from_numpy(array) for array in answer]


class TimedNetwork(TimedSession):
    """A timed session as a network callable."""

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and predicted IoUs."""
        masks, ious = self.run(inputs)
        return masks, ious


class TimedDetector(TimedSession):
    """A timed session as a detector callable."""

    def __call__(self, image: Tensor) -> Tensor:
        """Logits of the heat map."""
        (logits,) = self.run([image])
        return logits


def pipeline_samples(
    session: Session, pipeline: str, protocol: Protocol
) -> tuple[PipelineSample, ...]:
    """Time runs from a photo's pixels to a mask of its size, after an untimed one.

    Args:
        session: loaded.
        pipeline: name in PIPELINES.
        protocol: how many, on how large a photo.
    """
    network = TimedNetwork(session)
    predictor = PIPELINES[pipeline](network)
    shape = (protocol.photo_height_px, protocol.photo_width_px, 3)
    photo = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    samples = [one_click(predictor, network, photo) for _ in range(protocol.pipeline_runs + 1)]
    return tuple(samples[1:])


def one_click(
    predictor: Predictor, network: TimedNetwork, photo: NDArray[np.uint8]
) -> PipelineSample:
    """One click on the middle of a photo, [H, W, 3]."""
    height, width = photo.shape[:2]
    network.restart()
    began_ns = time.perf_counter_ns()
    predictor.set_image(photo)
    predictor.predict([[width / 2, height / 2]], [1], multimask_output=False)
    ended_ns = time.perf_counter_ns()
    return PipelineSample(
        preprocess_ms=(network.ended_ns - began_ns - network.busy_ns) / NS_PER_MS,
        model_ms=network.busy_ns / NS_PER_MS,
        postprocess_ms=(ended_ns - network.ended_ns) / NS_PER_MS,
    )


@dataclass(frozen=True)
class SalientFiles:
    """What a worker needs beside the network.

    Attributes:
        detector: path of the salient-object detector's artifact.
        photo: path of a photo in which something stands out.
    """

    detector: str
    photo: str


def salient_samples(
    session: Session, detector_session: Session, photo: Path, protocol: Protocol
) -> tuple[PipelineSample, ...]:
    """Time runs from a photo's file to its automatic mask, after an untimed one.

    After each run the network alone is timed, warm, so that both see the same moment, and then a
    click that corrects the mask.

    Args:
        session: the segmenter, loaded.
        detector_session: the detector, loaded.
        photo: an image file; after the untimed run it is in the page cache.
        protocol: how many.

    Raises:
        ArtifactError: nothing stands out in the photo, so there is no mask to time.
    """
    network, detector = TimedNetwork(session), TimedDetector(detector_session)
    predictor = SaliencyPredictor(network, detector)
    prepared = session.prepare(random_inputs(session))
    samples = []
    for _ in range(protocol.pipeline_runs + 1):
        network.restart()
        detector.restart()
        began_ns = time.perf_counter_ns()
        pixels = read_photo(photo)
        decoded_ns = time.perf_counter_ns()
        predictor.set_image(pixels)
        try:
            _, _, low_res_masks = predictor.predict(multimask_output=False)
        except NoSalientObjectError as error:
            raise ArtifactError(
                f"the detector finds nothing in {photo.name}; give one that is trained"
            ) from error
        ended_ns = time.perf_counter_ns()
        session.infer(prepared)  # out of the caches went what it needs
        alone_began_ns = time.perf_counter_ns()
        session.infer(prepared)
        alone_ended_ns = time.perf_counter_ns()
        sample = PipelineSample(
            decode_ms=(decoded_ns - began_ns) / NS_PER_MS,
            preprocess_ms=(detector.ended_ns - decoded_ns - detector.busy_ns) / NS_PER_MS,
            detector_ms=detector.busy_ns / NS_PER_MS,
            clicks_ms=(network.ended_ns - detector.ended_ns - network.busy_ns) / NS_PER_MS,
            model_ms=network.busy_ns / NS_PER_MS,
            postprocess_ms=(ended_ns - network.ended_ns) / NS_PER_MS,
            model_alone_ms=(alone_ended_ns - alone_began_ns) / NS_PER_MS,
        )
        height, width = pixels.shape[:2]
        click_began_ns = time.perf_counter_ns()
        predictor.edit([[width / 2, height / 2]], [1], low_res_masks)
        later_click_ms = (time.perf_counter_ns() - click_began_ns) / NS_PER_MS
        samples.append(dataclasses.replace(sample, later_click_ms=later_click_ms))
    return tuple(samples[1:])
