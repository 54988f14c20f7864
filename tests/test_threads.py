"""A predictor shared by threads answers as if alone, and answering costs no memory for good."""

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from small_networks import DETECTOR_SIZE, SIZE, random_detector, random_network

from squeezesam.inference.load import load
from squeezesam.inference.predictor import SamPredictor
from squeezesam.inference.saliency_predictor import SaliencyPredictor
from squeezesam.networks.building import folded

THREADS = 8
CALLS = 1000
GROWTH_MB = 5
RUNTIMES = ("torch", "onnx", "executorch")
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def paths(weights, exported):
    """The same network for each runtime."""
    onnx, pte = exported / "nano_onnx_fp32.onnx", exported / "nano_executorch_fp32.pte"
    return dict(zip(RUNTIMES, (weights, onnx, pte), strict=True))


def loaded(paths, runtime):
    return load(paths[runtime], *((SIZE,) if runtime == "torch" else ()))


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def together(work) -> list[object]:
    """What `work(number)` gives in threads that start at once."""
    barrier = threading.Barrier(THREADS)

    def started(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(started, range(THREADS)))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_predictor_in_many_threads(paths, runtime):
    predictor = SamPredictor(loaded(paths, runtime))
    predictor.set_image(photo(0))
    clicks = [[(5 * number + 8, 4 * number + 6)] for number in range(THREADS)]
    alone = [predictor.predict(click, [1]) for click in clicks]
    for number, answers in enumerate(
        together(lambda number: [predictor.predict(clicks[number], [1]) for _ in range(20)])
    ):
        for answer in answers:
            for got, right in zip(answer, alone[number], strict=True):
                assert np.array_equal(got, right)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_predictors_that_share_a_network(paths, runtime):
    network = loaded(paths, runtime)

    def answer(number: int) -> list[np.ndarray]:
        predictor = SamPredictor(network)
        predictor.set_image(photo(number))
        return [predictor.predict([(20, 20)], [1])[2] for _ in range(20)]

    alone = [answer(number)[0] for number in range(THREADS)]
    for right, answers in zip(alone, together(answer), strict=True):
        assert all(np.array_equal(got, right) for got in answers)


def test_an_answer_is_about_one_photo_while_others_set_theirs():
    model, detector = folded(random_network(4)), random_detector(0, DETECTOR_SIZE)
    model.set_size(DETECTOR_SIZE)
    predictor = SaliencyPredictor(model, detector, DETECTOR_SIZE)

    def asked(number: int) -> bytes:
        predictor.set_image(photo(number))
        return predictor.predict()[2].tobytes()

    right = {asked(number) for number in range(THREADS)}
    assert len(right) == THREADS
    for answers in together(lambda number: [asked(number) for _ in range(10)]):
        assert right.issuperset(answers), "a photo was asked with the clicks of another"


def memory() -> int:
    """Bytes that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_answering_does_not_grow(paths, runtime):
    predictor = SamPredictor(loaded(paths, runtime))

    def ask(times: int) -> None:
        for number in range(times):
            predictor.set_image(photo(number % 5))
            predictor.predict([(20, 20)], [1])

    ask(CALLS // 4)
    before = memory()
    ask(CALLS)
    assert memory() - before < GROWTH_MB * 1e6
