"""The whole way of one click, timed in its three parts; adding a pipeline is a line here."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from squeezesam.predictor import Predictor, SamPredictor
from squeezesam.spec import SEGMENTER, NetworkKind
from squeezesam_benchmarks.peers.click_predictor import ClickPredictor
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.schema import PipelineSample
from squeezesam_benchmarks.sessions import Session

SQUEEZESAM, SAM = "squeezesam", "sam"
NS_PER_MS = 1e6

PIPELINES: dict[str, Callable[["TimedNetwork"], Predictor]] = {
    SQUEEZESAM: SamPredictor,
    SAM: lambda network: ClickPredictor(network, network.size),
}


def pipeline_of(kind: NetworkKind) -> str | None:
    """The pipeline of a network that one file holds; None where only the file can be timed."""
    return SQUEEZESAM if kind.serves_as(SEGMENTER) else None


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
