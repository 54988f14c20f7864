"""The whole way from a photo's file to its automatic mask, timed part by part."""

import time
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import ArtifactError, NoSalientObjectError
from squeezesam.image_io import read_photo
from squeezesam.saliency.predictor import SaliencyPredictor
from squeezesam_benchmarks.pipelines import NS_PER_MS, TimedDetector, TimedNetwork
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.schema import PipelineSample
from squeezesam_benchmarks.sessions import Session, random_inputs


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

    After each run the network alone is timed, warm, so that both see the same moment.

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
            predictor.predict(multimask_output=False)
        except NoSalientObjectError as error:
            raise ArtifactError(
                f"the detector finds nothing in {photo.name}; give one that is trained"
            ) from error
        ended_ns = time.perf_counter_ns()
        session.infer(prepared)  # out of the caches went what it needs
        alone_began_ns = time.perf_counter_ns()
        session.infer(prepared)
        alone_ended_ns = time.perf_counter_ns()
        samples.append(
            PipelineSample(
                decode_ms=(decoded_ns - began_ns) / NS_PER_MS,
                preprocess_ms=(detector.ended_ns - decoded_ns - detector.busy_ns) / NS_PER_MS,
                detector_ms=detector.busy_ns / NS_PER_MS,
                clicks_ms=(network.ended_ns - detector.ended_ns - network.busy_ns) / NS_PER_MS,
                model_ms=network.busy_ns / NS_PER_MS,
                postprocess_ms=(ended_ns - network.ended_ns) / NS_PER_MS,
                model_alone_ms=(alone_ended_ns - alone_began_ns) / NS_PER_MS,
            )
        )
    return tuple(samples[1:])
