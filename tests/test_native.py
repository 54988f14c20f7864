"""The native runner, built for this machine and run for real."""

import base64
import dataclasses
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_reference
import pytest
import torch
from scipy import ndimage
from sharing import Shared

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.examples import EXAMPLES
from squeezesam.image_io import read_photo
from squeezesam.inference.letterbox import Letterbox, scaled
from squeezesam.inference.looks import DEFAULT_LOOKING, View, onto_photo, onto_view, surroundings
from squeezesam.inference.mask_cleanup import Wanted, cleaned_logits
from squeezesam.inference.prompts import check_prompts, encode_prompts, prompt_slots
from squeezesam.spec import (
    DETECTOR,
    MAP_STRIDE,
    MASK_THRESHOLD,
    SEGMENTER,
    input_specs,
    output_specs,
)
from squeezesam_benchmarks.arm64.emulator import CPUS, make_root
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runner_command import measurement_of, tensor_words, time_words
from squeezesam_benchmarks.native.runtimes import RUNTIMES
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Measurement, TimedFile

SIZE = 64
QUICK = Protocol(
    warm_up_inferences=1,
    timed_inferences=3,
    pipeline_runs=2,
    photo_width_px=48,
    photo_height_px=64,
    sustained_s=0.01,
)
CLICKS = ((30.0, 20.5, 1), (3.0, 40.0, 0), (55.25, 44.0, 1))
RUNTIME_SUFFIXES = tuple(RUNTIMES)
BUILDING = pytest.mark.slow
"""Of tests that need the runners, which take a minute to build."""
LOOKS = json.loads((Path(__file__).parent / "data" / "looks.json").read_text())


@pytest.fixture(scope="module")
def runners(shared: Shared) -> dict[str, Path]:
    """Those of this machine by the suffix of their artifacts, in one folder."""
    try:
        folder = shared.runners("host")
    except MissingDependencyError as error:
        if "apt-get" not in str(error):
            raise
        pytest.skip(str(error))
    return {suffix: folder / runtime.runner for suffix, runtime in RUNTIMES.items()}


def run(runner: Path, words: Sequence[object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [runner, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )


def measured(runner: Path, subject: BenchmarkArtifact, protocol: Protocol = QUICK) -> Measurement:
    done = run(runner, time_words(subject, str(subject.path), 1, protocol))
    return measurement_of(subject.artifact.name, done.returncode, done.stdout, done.stderr)


@BUILDING
@pytest.mark.parametrize("suffix", RUNTIME_SUFFIXES)
def test_a_model_is_timed_in_every_part(
    suffix: str, runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact]
) -> None:
    one = measured(runners[suffix], subjects[suffix])
    assert (one.runtime, one.runtime_version) == (
        RUNTIMES[suffix].name,
        RUNTIMES[suffix].installed()[1],
    )
    assert one.threads == 1
    assert one.pinned_cores is not None
    assert len(one.pinned_cores) == 1
    assert one.load_ms is not None
    assert one.load_ms > 0
    assert one.first_inference_ms is not None
    assert one.first_inference_ms > 0
    assert len(one.warm_samples_ms) == QUICK.timed_inferences
    assert len(one.pipeline_samples) == QUICK.pipeline_runs
    sample = one.pipeline_samples[0]
    parts = sample.preprocess_ms, sample.model_ms, sample.postprocess_ms
    assert min(parts) > 0
    assert sum(one.sustained_samples_ms) > 5
    assert one.memory_kind == "rss"
    assert one.peak_memory_bytes is not None
    assert one.peak_memory_bytes > subjects[suffix].artifact.size_bytes


@BUILDING
def test_a_time_budget_goes_on_after_enough_inferences(
    runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact]
) -> None:
    protocol = dataclasses.replace(QUICK, timed_inferences=1, time_budget_s=0.2, sustained_s=0)
    one = measured(runners[".onnx"], subjects[".onnx"], protocol)
    assert len(one.warm_samples_ms) > 1
    assert one.sustained_samples_ms == ()


@BUILDING
def test_other_inputs_have_no_pipeline(
    runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact]
) -> None:
    # ExecuTorch does not look at names, so the same program stands for one with others.
    words = time_words(subjects[".pte"], str(subjects[".pte"].path), 1, QUICK)
    renamed = [word.replace("prompt_maps=", "points=") for word in words]
    done = run(runners[".pte"], renamed)
    assert done.returncode == 0
    assert json.loads(done.stdout)["pipeline_samples"] == []


@BUILDING
def test_it_is_pinned_to_the_cores_it_is_given(
    runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact]
) -> None:
    core = max(os.sched_getaffinity(0))
    words = time_words(subjects[".onnx"], str(subjects[".onnx"].path), 1, QUICK, [core])
    done = run(runners[".onnx"], words)
    assert json.loads(done.stdout)["pinned_cores"] == [core]


@BUILDING
@pytest.mark.parametrize("suffix", RUNTIME_SUFFIXES)
def test_what_is_no_model_is_told_last_with_status_1(
    suffix: str, runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact], tmp_path: Path
) -> None:
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(b"no model" * 100)
    for model in (tmp_path / "missing", broken):
        done = run(runners[suffix], time_words(subjects[suffix], str(model), 1, QUICK))
        assert done.returncode == 1
        assert done.stdout == ""
        assert str(model) in done.stderr.splitlines()[-1]
        with pytest.raises(ArtifactError, match="failed with status 1"):
            measurement_of("any", done.returncode, done.stdout, done.stderr)


@BUILDING
@pytest.mark.parametrize(
    ("word", "instead", "said"),
    [
        ("time", "tame", "give a verb"),
        ("threads=1", "threads=0", "threads=0"),
        ("threads=1", "threads=one", "threads=one"),
        ("threads=1", "treads=1", "threads is missing"),
        ("warm_up_inferences=1", "warm_up_inferences=1.5", "whole number"),
        ("--", "-", "give MODEL"),
    ],
)
def test_a_bad_command_line_is_status_2(
    word: str,
    instead: str,
    said: str,
    runners: dict[str, Path],
    subjects: dict[str, BenchmarkArtifact],
) -> None:
    words = time_words(subjects[".onnx"], "any.onnx", 1, QUICK)
    assert word in words
    done = run(runners[".onnx"], [instead if one == word else one for one in words])
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@BUILDING
def test_more_threads_than_cores_are_refused(
    runners: dict[str, Path], subjects: dict[str, BenchmarkArtifact]
) -> None:
    words = time_words(subjects[".onnx"], str(subjects[".onnx"].path), 4096, QUICK)
    done = run(runners[".onnx"], words)
    assert done.returncode == 1
    assert "4096 threads would not have a core each" in done.stderr


def test_a_crash_and_garbage_are_told() -> None:
    with pytest.raises(ArtifactError, match=r"nano\.onnx failed with status -11: no message"):
        measurement_of("nano.onnx", -11, "", "")
    for garbage in ("", "not json", "{}", "[]"):
        with pytest.raises(ArtifactError, match="printed no measurement"):
            measurement_of("nano.onnx", 0, garbage, "")


def test_words_name_types_and_shapes() -> None:
    specs = (*input_specs(SIZE), *output_specs(SIZE))
    halves = {spec.name: "float16" for spec in specs} | {"image": "float32"}
    assert tensor_words(SEGMENTER, SIZE, halves) == [
        "image=float32:1,3,64,64",
        "prompt_maps=float16:1,4,32,32",
        "prompt_tokens=float16:1,16,28",
        "--",
        "low_res_masks=float16:1,4,32,32",
        "iou_predictions=float16:1,4",
    ]
    floats = {"image": "float32", "saliency_logits": "float32"}
    words = ["image=float32:1,3,64,64", "--", "saliency_logits=float32:1,1,16,16"]
    assert tensor_words(DETECTOR, SIZE, floats) == words


def test_an_artifact_of_unknown_inputs_is_refused() -> None:
    unknown = BenchmarkArtifact(Path("a.onnx"), "onnx", TimedFile("a.onnx", "0" * 64, 1))
    with pytest.raises(ArtifactError, match="no manifest tells its inputs"):
        time_words(unknown, "a.onnx", 1, QUICK)
    pictures = dataclasses.replace(unknown, io_dtypes=(("image", "rgb8"),), input_size=SIZE)
    with pytest.raises(ArtifactError, match="takes rgb8"):
        time_words(pictures, "a.onnx", 1, QUICK)


def encoded(
    runner: Path, folder: Path, dtype: str, size: int, photo: np.ndarray, clicks: Sequence[str]
) -> np.ndarray:
    """The network's inputs as the runner makes them, one after another."""
    (folder / "photo").write_bytes(photo.tobytes())
    height, width = photo.shape[:2]
    setting = [dtype, size, width, height]
    done = run(runner, ["encode", *setting, folder / "photo", folder / "inputs", *clicks])
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "inputs", dtype)


def masked(
    runner: Path,
    folder: Path,
    size: int,
    shape: tuple[int, int],
    logits: np.ndarray,
    *words: object,
) -> np.ndarray:
    """A mask of a photo of [H, W] as the runner makes it."""
    (folder / "logits").write_bytes(logits.tobytes())
    setting = [logits.dtype, size, shape[1], shape[0]]
    done = run(runner, ["mask", *setting, folder / "logits", folder / "mask", *words])
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "mask", np.uint8).reshape(shape)


def clean_by_runner(
    runner: Path, folder: Path, letterbox: Letterbox, logits: np.ndarray, words: Sequence[object]
) -> np.ndarray:
    """A mask [size/2, size/2] as the runner cleans it."""
    (folder / "logits").write_bytes(logits.tobytes())
    setting = [logits.dtype, letterbox.size, letterbox.width, letterbox.height]
    done = run(runner, ["clean", *setting, folder / "logits", folder / "cleaned", *words])
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "cleaned", logits.dtype).reshape(logits.shape)


def photos() -> dict[str, tuple[np.ndarray, int]]:
    """Photos [H, W, 3] and the input size to fit them into."""
    rng = np.random.default_rng(0)

    def noise(width: int, height: int) -> np.ndarray:
        return rng.integers(256, size=(height, width, 3), dtype=np.uint8)

    return {
        "shrunk": (noise(331, 257), 128),
        "enlarged": (noise(61, 47), 128),
        "same size": (noise(128, 128), 128),
        "one column": (noise(60, 900), 64),
        "a street": (read_photo(EXAMPLES[0].path), 512),
    }


PHOTOS = photos()


def as_words(coords: Sequence[tuple[float, float]], labels: Sequence[int]) -> list[str]:
    return [f"{x!r},{y!r},{label}" for (x, y), label in zip(coords, labels, strict=True)]


@BUILDING
@pytest.mark.parametrize("name", PHOTOS)
def test_inputs_are_those_of_python(name: str, runners: dict[str, Path], tmp_path: Path) -> None:
    photo, size = PHOTOS[name]
    height, width = photo.shape[:2]
    coords = [(x * width / 64, y * height / 64) for x, y, _ in CLICKS]
    labels = [label for *_, label in CLICKS]
    words = as_words(coords, labels)
    given = torch.from_numpy(encoded(runners[".onnx"], tmp_path, "float32", size, photo, words))

    letterbox = Letterbox.fit(width, height, size)
    prompts = check_prompts(coords, labels, None, width=width, height=height)
    maps, tokens = encode_prompts(*prompt_slots(prompts, letterbox.scale), None, size)
    image = letterbox.apply(photo)
    given_image, given_maps, given_tokens = given.split(
        [tensor.numel() for tensor in (image, maps, tokens)]
    )
    columns, rows = letterbox.inside
    fitted = torch.tensor(pillow_reference.fitted_photo(photo, size)).permute(2, 0, 1)
    square = torch.zeros(3, size, size)
    square[:, :rows, :columns] = scaled(fitted.float())
    assert torch.equal(given_image, square.flatten())
    torch.testing.assert_close(given_maps, maps.flatten(), atol=1e-5, rtol=0)
    torch.testing.assert_close(given_tokens, tokens.flatten(), atol=1e-5, rtol=0)


@BUILDING
def test_of_many_clicks_all_are_drawn_and_the_latest_are_tokens(
    runners: dict[str, Path], tmp_path: Path
) -> None:
    coords, labels = [(3.0 * i, 2.0 * i) for i in range(20)], [i % 2 for i in range(20)]
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    words = as_words(coords, labels)
    given = torch.from_numpy(encoded(runners[".onnx"], tmp_path, "float32", SIZE, black, words))
    prompts = check_prompts(coords, labels, None, width=SIZE, height=SIZE)
    maps, tokens = encode_prompts(*prompt_slots(prompts, (1.0, 1.0)), None, SIZE)
    wanted = torch.cat([maps.flatten(), tokens.flatten()])
    torch.testing.assert_close(given[-len(wanted) :], wanted, atol=1e-5, rtol=0)


@BUILDING
@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (331, 257, 128),
        (61, 47, 128),
        (20, 90, 512),
        (60, 900, 64),
        (1536, 1400, 256),
    ],
)
def test_masks_are_those_of_pillow(
    width: int, height: int, size: int, runners: dict[str, Path], tmp_path: Path
) -> None:
    side = size // MAP_STRIDE
    logits = np.random.default_rng(1).normal(size=(1, side, side)).astype(np.float32)
    given = masked(runners[".onnx"], tmp_path, size, (height, width), logits)
    wanted = pillow_reference.photo_logits(logits[0], Letterbox.fit(width, height, size))
    is_clear = np.abs(wanted) > 1e-5  # of large photos the runner makes bands, rounded apart
    assert is_clear.mean() > 0.999
    np.testing.assert_array_equal(given[is_clear], wanted[is_clear] > 0)


@BUILDING
def test_halves_are_rounded_as_by_numpy(runners: dict[str, Path], tmp_path: Path) -> None:
    """Sines fill all binades; those of clicks near the origin are subnormal."""
    near = [(10.0**-i - 0.5, 3 * 10.0**-i - 0.5) for i in range(2, 8)]
    far = np.random.default_rng(2).uniform(0, SIZE, (8, 2)).tolist()
    words = as_words([*near, *far], [1] * 14)
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    floats, halves = (
        encoded(runners[".onnx"], tmp_path, dtype, SIZE, black, words)
        for dtype in ("float32", "float16")
    )
    smallest = np.abs(floats[floats != 0]).min()
    assert 0 < smallest < np.finfo(np.float16).smallest_normal
    np.testing.assert_array_equal(halves, floats.astype(np.float16))


@BUILDING
def test_halves_are_read_as_by_numpy(runners: dict[str, Path], tmp_path: Path) -> None:
    """Enlarged, so that the threshold between two numbers depends on the size of both."""
    rng = np.random.default_rng(3)
    exponents = rng.integers(-24, 15, size=(1, 32, 32))
    logits = (rng.normal(size=(1, 32, 32)) * 2.0**exponents).astype(np.float16)
    given = masked(runners[".onnx"], tmp_path, SIZE, (200, 200), logits)
    letterbox = Letterbox.fit(200, 200, SIZE)
    wanted = pillow_reference.photo_logits(logits[0].astype(np.float32), letterbox) > 0
    np.testing.assert_array_equal(given, wanted)


def drawn_logits(rng: np.random.Generator, side: int) -> np.ndarray:
    """Blobs of many sizes, gaps in them, and logits that are exactly 0."""
    soft = ndimage.gaussian_filter(rng.normal(size=(side, side)), rng.uniform(0.5, 2.5))
    return (soft / np.abs(soft).max() * 8).round(2).astype(np.float32)


@BUILDING
@pytest.mark.parametrize("seed", range(8))
def test_cleaned_masks_are_those_of_python(
    seed: int, runners: dict[str, Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    width, height = rng.integers(20, 200, 2).tolist()
    letterbox = Letterbox.fit(width, height, 128)
    logits, previous = drawn_logits(rng, 64), drawn_logits(rng, 64)
    coords = rng.integers((width, height), size=(4, 2)) + rng.integers(2, size=(4, 2)) * 0.25
    labels = [1, 0, 1, 0]
    box = (*sorted(rng.integers(width, size=2)), *sorted(rng.integers(height, size=2) + 1))
    corners = box[0], box[2], box[1] + 1, box[3]
    (tmp_path / "previous").write_bytes(previous.tobytes())
    changes = 0
    for count in range(5):
        for with_box in (False, True):
            for with_previous in (False, True):
                words = as_words(coords[:count].tolist(), labels[:count])
                words += [f"box={','.join(map(str, corners))}"] * with_box
                words += [f"previous={tmp_path / 'previous'}"] * with_previous
                given = clean_by_runner(runners[".onnx"], tmp_path, letterbox, logits, words)
                prompts = check_prompts(
                    coords[:count],
                    labels[:count],
                    corners if with_box else None,
                    width=width,
                    height=height,
                )
                asked = Wanted.of(prompts, previous if with_previous else None, letterbox)
                (wanted,) = cleaned_logits(logits[None], asked, letterbox)
                np.testing.assert_array_equal(given, wanted)
                changes += int((wanted != logits).sum())
    assert changes


@BUILDING
def test_halves_are_cleaned_as_floats(runners: dict[str, Path], tmp_path: Path) -> None:
    letterbox, rng = Letterbox.fit(64, 48, 128), np.random.default_rng(9)
    halves = drawn_logits(rng, 64).astype(np.float16)
    given = clean_by_runner(runners[".onnx"], tmp_path, letterbox, halves, ["30,20,1"])
    prompts = check_prompts([(30, 20)], [1], None, width=64, height=48)
    asked = Wanted.of(prompts, None, letterbox)
    (wanted,) = cleaned_logits(halves.astype(np.float32)[None], asked, letterbox)
    np.testing.assert_array_equal(given, wanted.astype(np.float16))
    assert (given != halves).any()


@BUILDING
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("64,3,1", "not on the photo: 64,3,1"),
        ("-1,3,1", "not on the photo: -1,3,1"),
        ("box=1,2,3", "not a box X0,Y0,X1,Y1: 1,2,3"),
        ("box=1,2,3,4,5", "not a box"),
        ("box=1;2;3;4", "not a box"),
        ("mask=1", "not a click"),
        ("previous=missing", "missing does not hold 16384 bytes"),
    ],
)
def test_what_a_mask_cannot_be_cleaned_by_is_refused(
    word: str, said: str, runners: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "logits").write_bytes(bytes(4 * 64 * 64))
    words = ["clean", "float32", 128, 64, 48, tmp_path / "logits", tmp_path / "cleaned", word]
    done = run(runners[".onnx"], words)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert not (tmp_path / "cleaned").exists()


def looked(
    runner: Path, folder: Path, letterbox: Letterbox, logits: np.ndarray, words: Sequence[object]
) -> tuple[View, np.ndarray]:
    """The view around a mask [size/2, size/2] and its previous mask, as the runner finds them."""
    (folder / "logits").write_bytes(logits.tobytes())
    setting = [logits.dtype, letterbox.size, letterbox.width, letterbox.height]
    done = run(runner, ["look", *setting, folder / "logits", folder / "previous", *words])
    assert done.returncode == 0, done.stderr
    previous = np.fromfile(folder / "previous", logits.dtype).reshape(logits.shape)
    return View(*json.loads(done.stdout)), previous


def placed(
    runner: Path, folder: Path, photo: Letterbox, view: View, logits: np.ndarray
) -> np.ndarray:
    """A mask [size/2, size/2] of a view as the runner places it into the photo."""
    (folder / "logits").write_bytes(logits.tobytes())
    setting = [logits.dtype, photo.size, photo.width, photo.height]
    files = folder / "logits", folder / "placed"
    done = run(runner, ["place", *setting, *files, view_word(view)])
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "placed", logits.dtype).reshape(logits.shape)


def view_word(view: View) -> str:
    return f"view={','.join(map(str, dataclasses.astuple(view)))}"


@BUILDING
def test_views_are_those_of_the_golden_vectors(runners: dict[str, Path], tmp_path: Path) -> None:
    numbers = dataclasses.asdict(DEFAULT_LOOKING)
    cases = [case for case in LOOKS if case["kind"] == "view" and case["looking"] == numbers]
    assert len(cases) > 40
    for case in cases:
        letterbox = Letterbox.fit(*case["photo"], case["input_size"])
        columns, rows = letterbox.mask_size
        mask = np.frombuffer(base64.b64decode(case["mask"]), np.uint8).reshape(rows, columns)
        side = letterbox.size // MAP_STRIDE
        logits = np.full((side, side), 5, np.float32)  # on the padding too
        logits[:rows, :columns] = np.where(mask, 0.5, 0)
        positive, negative = case["positive"], case["negative"]
        words = as_words(positive + negative, [1] * len(positive) + [0] * len(negative))
        if case["box"]:
            words.append(f"box={','.join(map(repr, case['box']))}")
        view, _ = looked(runners[".onnx"], tmp_path, letterbox, logits, words)
        assert view == View(*case["view"]), case["name"]


@BUILDING
def test_placed_masks_are_those_of_the_golden_vectors(
    runners: dict[str, Path], tmp_path: Path
) -> None:
    for case in LOOKS:
        if case["kind"] == "onto_photo":
            side = case["input_size"] // MAP_STRIDE
            logits, wanted = (
                np.array(case[name], np.float32).reshape(side, side)
                for name in ("logits", "placed")
            )
            photo = Letterbox.fit(*case["photo"], case["input_size"])
            given = placed(runners[".onnx"], tmp_path, photo, View(*case["view"]), logits)
            np.testing.assert_array_equal(given, wanted, case["name"])


@BUILDING
@pytest.mark.parametrize("seed", range(6))
def test_a_closer_look_is_that_of_python(
    seed: int, runners: dict[str, Path], tmp_path: Path
) -> None:
    runner, rng = runners[".onnx"], np.random.default_rng(seed)
    width, height = rng.integers(100, 900, 2).tolist()
    photo = rng.integers(256, size=(height, width, 3), dtype=np.uint8)
    whole = Letterbox.fit(width, height, 128)
    logits = drawn_logits(rng, 64) - 6  # little of it is inside
    place = rng.uniform((0, 0), (width, height), (3, 2)).astype(np.float32)
    place[1] = 0.8 * place[0]
    labels = [1, 0, 0]
    box = (*(0.9 * place[0]), *(0.9 * place[0] + (9.25, 9.5))) if seed % 2 else None
    words = as_words(place.tolist(), labels)
    with_box = [] if box is None else [f"box={','.join(repr(float(edge)) for edge in box)}"]
    prompts = check_prompts(place, labels, box, width=width, height=height)

    view, previous = looked(runner, tmp_path, whole, logits, words + with_box)
    columns, rows = whole.mask_size
    found = logits[:rows, :columns] > MASK_THRESHOLD
    assert view == surroundings(found, prompts, whole, DEFAULT_LOOKING)
    letterbox = Letterbox.fit(view.width, view.height, 128)
    np.testing.assert_array_equal(previous, onto_view(logits, whole, view, letterbox))

    more = [view_word(view), f"previous={tmp_path / 'previous'}"]
    given = torch.from_numpy(encoded(runner, tmp_path, "float32", 128, photo, words + more))
    moved = dataclasses.replace(view.moved(prompts), box=None)  # which the runner does not draw
    slots = prompt_slots(moved, letterbox.scale)
    maps, tokens = encode_prompts(*slots, torch.from_numpy(previous)[None, None], 128)
    wanted = torch.cat([maps.flatten(), tokens.flatten()])
    torch.testing.assert_close(given[-len(wanted) :], wanted, atol=1e-5, rtol=0)
    alone = encoded(runner, tmp_path, "float32", 128, view.shown(photo), [])
    np.testing.assert_array_equal(given[: 3 * 128**2].numpy(), alone[: 3 * 128**2])

    answer = drawn_logits(rng, 64)
    on_photo = placed(runner, tmp_path, whole, view, answer)
    np.testing.assert_array_equal(on_photo, onto_photo(answer[None], view, letterbox, whole)[0])
    mask = masked(runner, tmp_path, 128, (height, width), answer, view_word(view))
    part = masked(runner, tmp_path, 128, (view.height, view.width), answer)
    np.testing.assert_array_equal(view.shown(mask), part)
    assert mask.sum() == part.sum() > 0


@BUILDING
def test_halves_are_looked_at_as_floats(runners: dict[str, Path], tmp_path: Path) -> None:
    runner, letterbox = runners[".onnx"], Letterbox.fit(640, 480, 128)
    halves = drawn_logits(np.random.default_rng(9), 64).astype(np.float16) - np.float16(6)
    floats = halves.astype(np.float32)
    view, previous = looked(runner, tmp_path, letterbox, halves, ["300,200,1"])
    wanted_view, wanted = looked(runner, tmp_path, letterbox, floats, ["300,200,1"])
    assert view == wanted_view
    np.testing.assert_array_equal(previous, wanted.astype(np.float16))
    on_photo = placed(runner, tmp_path, letterbox, view, halves)
    wanted = placed(runner, tmp_path, letterbox, view, floats)
    np.testing.assert_array_equal(on_photo, wanted.astype(np.float16))


@BUILDING
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("view=0,0,64", "not a view LEFT,TOP,WIDTH,HEIGHT: 0,0,64"),
        ("view=0,0,64,4.5", "not a view"),
        ("view=-1,0,4,4", "not a part of the photo: -1,0,4,4"),
        ("view=0,0,4,0", "not a part"),
        ("view=61,0,4,4", "not a part"),
        ("view=0,45,4,2147483647", "not a part"),
        ("part=0,0,64,48", "give TYPE SIZE WIDTH HEIGHT LOGITS PLACED view="),
    ],
)
def test_what_is_no_view_is_refused(
    word: str, said: str, runners: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "logits").write_bytes(bytes(4 * 64 * 64))
    words = ["place", "float32", 128, 64, 48, tmp_path / "logits", tmp_path / "placed", word]
    done = run(runners[".onnx"], words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "placed").exists()


@pytest.mark.arm64
@pytest.mark.parametrize("suffix", RUNTIME_SUFFIXES)
def test_a_model_is_timed_by_the_arm64_runner_under_emulation(
    suffix: str, subjects: dict[str, BenchmarkArtifact], shared: Shared, tmp_path: Path
) -> None:
    try:
        tools.check_tools("emulating ARM64", tuple(tools.DEBIAN_PACKAGES))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    runtime, subject, cpu = RUNTIMES[suffix], subjects[suffix], CPUS["cortex-a76"]
    runner = shared.runners("arm64-linux") / runtime.runner
    make_root(cpu, tmp_path / "root")
    emulated = [tools.EMULATOR, "-cpu", cpu.qemu, "-L", str(tmp_path / "root"), str(runner)]
    words = time_words(subject, str(subject.path), 1, QUICK)
    done = subprocess.run([*emulated, *words], capture_output=True, text=True, check=False)
    one = measurement_of(subject.artifact.name, done.returncode, done.stdout, done.stderr)
    assert one.runtime == runtime.name
    assert len(one.warm_samples_ms) == QUICK.timed_inferences
    assert len(one.pipeline_samples) == QUICK.pipeline_runs
