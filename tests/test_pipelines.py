"""Where the time of a prediction goes, by a clock that the tests set."""

import numpy as np
import pytest

from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.networks.configs import DETECTORS
from squeezesam.spec import DETECTOR, INPUT_SIZE, SEGMENTER
from squeezesam_benchmarks import pipelines
from squeezesam_benchmarks.pipelines import SQUEEZESAM, pipeline_samples
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import PipelineSample
from squeezesam_benchmarks.salient_subjects import write_photo
from squeezesam_benchmarks.sessions import Input
from squeezesam_benchmarks.subjects import random_job

TWO_RUNS = Protocol(pipeline_runs=2, photo_width_px=90, photo_height_px=60)
SIZE, DETECTOR_SIDE = 64, 128
NS_PER_MS = 1_000_000


class Clock:
    """Stands where it is until somebody works."""

    def __init__(self):
        self.now_ms = 0

    def work(self, milliseconds):
        self.now_ms += milliseconds

    def perf_counter_ns(self):
        return self.now_ms * NS_PER_MS


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(pipelines, "time", made)
    return made


class FakeSession:
    """Answers that something bright is everywhere; preparing, inferring and reading take 1, 10, 2.

    The first inference on a photo takes ten times as long as the later ones.
    """

    def __init__(self, clock, kind, size):
        self.clock, self.kind, self.size = clock, kind, size
        self.calls = 0

    def inputs(self):
        return [Input(one.shape, np.dtype(one.dtype)) for one in self.kind.inputs(self.size)]

    def prepare(self, inputs):
        self.clock.work(1)
        assert [array.shape for array in inputs] == [one.shape for one in self.inputs()]

    def infer(self, _):
        self.calls += 1
        self.clock.work(100 if self.calls % 2 else 10)

    def outputs(self, _):
        self.clock.work(2)
        return [np.full(one.shape, 5, np.float32) for one in self.kind.outputs(self.size)]


class TwoLooks:
    """A predictor that takes 3 before, 4 between and 5 after two inferences."""

    def __init__(self, clock, network):
        self.clock, self.network = clock, network

    def set_image(self, _):
        self.clock.work(3)

    def predict(self, *_, **__):
        self.network.run([])
        self.clock.work(4)
        self.network.run([])
        self.clock.work(5)


def test_of_two_looks_both_inferences_are_the_model(clock, monkeypatch):
    session = FakeSession(clock, SEGMENTER, SIZE)
    monkeypatch.setattr(session, "prepare", lambda _: clock.work(1))
    monkeypatch.setitem(pipelines.PIPELINES, "two", lambda network: TwoLooks(clock, network))
    samples = pipeline_samples(session, "two", TWO_RUNS)
    assert samples == (PipelineSample(preprocess_ms=7, model_ms=116, postprocess_ms=5),) * 2


def test_a_click_on_a_photo_takes_two_inferences(clock):
    session = FakeSession(clock, SEGMENTER, SIZE)
    samples = pipeline_samples(session, SQUEEZESAM, TWO_RUNS)
    assert session.calls == 2 * (1 + TWO_RUNS.pipeline_runs)
    assert [sample.model_ms for sample in samples] == [116, 116]


def test_an_automatic_mask_takes_each_network_once_at_its_own_size(clock, monkeypatch, tmp_path):
    segmenter = FakeSession(clock, SEGMENTER, SIZE)
    detector = FakeSession(clock, DETECTOR, DETECTOR_SIDE)
    find, closer = SaliencyPredictor._finding_on, SaliencyPredictor._closer

    def slow_find(self, *given):
        clock.work(3)
        found = find(self, *given)
        clock.work(4)
        return found

    def slow_closer(self, *given):
        clock.work(6)
        answer = closer(self, *given)
        clock.work(5)
        return answer

    monkeypatch.setattr(SaliencyPredictor, "_finding_on", slow_find)
    monkeypatch.setattr(SaliencyPredictor, "_closer", slow_closer)
    photo = write_photo(tmp_path, (90, 60))
    first, second = pipelines.salient_samples(segmenter, detector, photo, TWO_RUNS)
    # Of four calls of the segmenter, two are for the network alone and one is for a later click.
    assert (segmenter.calls, detector.calls) == (3 * 4, 3)
    assert [first.model_ms, second.model_ms] == [103, 103]
    assert {first.detector_ms, second.detector_ms} == {13, 103}
    assert [first.model_alone_ms, second.model_alone_ms] == [100, 100]
    # A later click takes the finding that is kept, and one inference of 13.
    assert [first.later_click_ms, second.later_click_ms] == [3 + 4 + 6 + 13 + 5] * 2
    for one in (first, second):
        assert (one.decode_ms, one.preprocess_ms, one.clicks_ms, one.postprocess_ms) == (
            0,
            3,
            10,
            5,
        )


@pytest.mark.parametrize(
    ("variant", "side"), [("nano", INPUT_SIZE), (next(iter(DETECTORS)), DETECTOR.size)]
)
def test_a_network_with_random_weights_has_the_size_of_its_kind(variant, side):
    job = random_job(variant)
    assert job.size == side
    assert job.inputs[0].shape == (1, 3, side, side)
