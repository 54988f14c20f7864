"""The whole way of one click, timed in its three parts; adding a pipeline is a line here."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.errors import ArtifactError, NoSalientObjectError
from squeezesam.image_io import read_photo
from squeezesam.inference.load import LoadedNetwork
from squeezesam.inference.predictor import Predictor, SamPredictor
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.spec import EFFICIENTSAM, SAM, SEGMENTER, NetworkKind
from squeezesam_benchmarks.peers.click_network import CLICK_INPUTS
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import PipelineSample
from squeezesam_benchmarks.sessions import Session, random_inputs


def click_predictor(kind: NetworkKind, network: "TimedNetwork") -> SamPredictor:
    """A predictor of one click, without an earlier mask, as `peers.click_network` exports it."""
    click = LoadedNetwork(kind, network.size, lambda inputs: network.run(inputs[:CLICK_INPUTS]))
    return SamPredictor(click, cleaning=None)


SQUEEZESAM = "squeezesam"
NS_PER_MS = 1e6

PIPELINES: dict[str, Callable[["TimedNetwork"], Predictor]] = {
    SQUEEZESAM: SamPredictor,
    **{kind.name: partial(click_predictor, kind) for kind in (EFFICIENTSAM, SAM)},
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
