"""`squeezesam segment` and `squeezesam pictures` through the command line."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pillow_reference import picture_size
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from squeezesam.cli import main
from squeezesam.data.encoded_masks import RleMask
from squeezesam.examples import EXAMPLES, PHOTOS
from squeezesam.image_io import MAX_PHOTO_PIXELS, read_photo
from squeezesam.inference.load import InterpretedNetwork, load
from squeezesam.inference.overlay import GAP, LIGHT
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.configs import SqueezeSamConfig, detector_config, variant_config
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.segmenter import SqueezeSam
from squeezesam.networks.weights import save_weights
from squeezesam.spec import SEGMENTER

WIDTH, HEIGHT = 61, 40


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose mask takes up about half of `noise()`."""
    torch.manual_seed(0)
    config = variant_config("nano")
    assert isinstance(config, SqueezeSamConfig)
    model = SqueezeSam(config).eval()
    predictor = SamPredictor(model)
    predictor.set_image(noise())
    logits, _, _ = predictor.predict([(20, 10)], [1], return_logits=True, multimask_output=False)
    with torch.no_grad():
        model.mask_head.bias[: model.zoom**2] -= float(np.median(logits))
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_weights(model, path, "nano", torch.float32)
    return path


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in the current directory."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noise()).save("photo.png")
    return Path("photo.png")


def test_every_output(photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ["--out", "m.png", "--overlay", "o.jpg", "--cutout", "c.png"]
    prompts = ["--point", "20,10", "--point", "3.5,30:neg", "--box", "0,0,50,40"]
    assert main(["segment", str(photo), *prompts, *outputs, "--model", str(weights)]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert out.count("\n") == 1
    assert out.startswith("predicted IoU 0.")
    mask, cutout = Image.open("m.png"), Image.open("c.png")
    assert mask.mode == "L"
    assert set(np.unique(mask)) == {0, 255}
    assert f"mask {(np.asarray(mask) > 0).mean():.1%} of the photo" in out
    assert out.rstrip().endswith("wrote m.png, o.jpg, c.png")
    assert cutout.mode == "RGBA"
    assert {mask.size, cutout.size, picture_size("o.jpg")} == {(WIDTH, HEIGHT)}
    assert np.array_equal(np.asarray(cutout)[..., :3], read_photo(photo))


def test_the_mask_is_the_default_output(photo: Path, weights: Path) -> None:
    assert main(["segment", str(photo), "--point", "2,3", "--model", str(weights)]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["photo.mask.png", "photo.png"]


def detector_of(logit: float, path: Path) -> str:
    """Weights of a detector whose heat is the same everywhere."""
    detector = SaliencyDetector(detector_config("saliency")).eval()
    with torch.no_grad():
        detector.heat_head.weight.zero_()
        detector.heat_head.bias.fill_(logit)
    save_weights(detector, path, "saliency", torch.float16)
    return str(path)


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One to which everything is an object, and one to which nothing is."""
    folder = tmp_path_factory.mktemp("detectors")
    return {
        "everything": detector_of(9.0, folder / "everything.safetensors"),
        "nothing": detector_of(0.5, folder / "nothing.safetensors"),
    }


def test_without_a_prompt_the_object_is_found(
    photo: Path, weights: Path, detectors: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    models = ["--model", str(weights), "--detector", detectors["everything"]]
    outputs = ["--out", "m.png", "--overlay", "o.png", "--explain", "e.png"]
    assert main(["segment", str(photo), *models, *outputs]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert out.count("\n") == 1
    assert out.startswith("the most prominent object, found without a click: predicted IoU 0.")
    assert out.rstrip().endswith("wrote m.png, o.png, e.png")
    mask, overlay = np.asarray(Image.open("m.png")), np.asarray(Image.open("o.png"))
    assert set(np.unique(mask)) == {0, 255}
    # The clicks of a photo that is hot everywhere: its middle, and the middles of its quarters.
    for x, y in ((30, 19), (15, 9), (45, 9), (15, 29), (45, 29)):
        beside = overlay[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
        assert (beside == LIGHT).all(axis=1).any()
    assert picture_size("e.png")[0] > 5 * 380
    points = [word for x, y in ((30, 19), (15, 9)) for word in ("--point", f"{x},{y}")]
    assert main(["segment", str(photo), *points, "--model", str(weights)]) == 0
    assert "found" not in capsys.readouterr().out


def test_without_a_prompt_the_mask_is_the_default_output(
    photo: Path, weights: Path, detectors: dict[str, str]
) -> None:
    models = ["--model", str(weights), "--detector", detectors["everything"]]
    assert main(["segment", str(photo), *models]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["photo.mask.png", "photo.png"]


def test_nothing_stands_out(
    photo: Path, weights: Path, detectors: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", str(weights), "--detector", detectors["nothing"], "--out", "m.png"]
    assert main(["segment", str(photo), *arguments]) == 3
    assert "nothing in this photo stands out" in one_error_line(capsys)
    assert [path.name for path in Path().iterdir()] == ["photo.png"]


def test_nothing_stands_out_and_is_explained(
    photo: Path, weights: Path, detectors: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    models = ["--model", str(weights), "--detector", detectors["nothing"]]
    assert main(["segment", str(photo), *models, "--out", "m.png", "--explain", "e.png"]) == 3
    out, err = capsys.readouterr()
    assert out == "wrote e.png\n"
    assert err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["e.png", "photo.png"]


def test_with_a_prompt_no_detector_is_loaded(
    photo: Path, weights: Path, detectors: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Path(detectors["everything"])
    loaded = []

    def load_and_note(path: Path, **options: object) -> object:
        loaded.append(path)
        return load(path, **options)

    monkeypatch.setattr("squeezesam.commands.segmenting.load", load_and_note)
    model = ["--model", str(weights)]
    assert main(["segment", str(photo), "--point", "2,3", *model]) == 0
    assert loaded == [weights]
    assert main(["segment", str(photo), *model, "--detector", str(detector)]) == 0
    assert loaded == [weights, weights, detector]


def test_weights_of_the_other_kind(
    photo: Path, weights: Path, detectors: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(photo), "--detector", str(weights)]) == 2
    assert "give weights of a salient-object detector" in one_error_line(capsys)
    assert main(["segment", str(photo), "--point", "1,1", "--model", detectors["nothing"]]) == 2
    assert "give weights of a promptable network" in one_error_line(capsys)


def test_only_what_is_named_is_written(photo: Path, weights: Path) -> None:
    arguments = ["--point", "2,3", "--cutout", "c.png", "--model", str(weights)]
    assert main(["segment", str(photo), *arguments]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["c.png", "photo.png"]


def test_clicks_are_in_the_pixels_of_the_upright_photo(photo: Path, weights: Path) -> None:
    """A camera's sideways file segments as its upright picture does."""
    upright = Image.open(photo)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save("sideways.png", exif=exif)
    for name in ("photo", "sideways"):
        arguments = ["--point", "55,8", "--model", str(weights)]
        assert main(["segment", f"{name}.png", *arguments]) == 0
    mask = np.asarray(Image.open("photo.mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask, Image.open("sideways.mask.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "missing.safetensors"], "no weights file missing.safetensors"),
        (["--point", "5,6", "--detector", "d.safetensors"], "leave --point and --box out"),
        (["--point", "5,6", "--explain", "e.png"], "--explain e.png is about the object that is"),
        (["--box", "1,2,30,30", "--explain", "e.png"], "leave --point and --box out"),
        (["--explain", "e.webp"], "use .png"),
        (["--point", "61,5"], "outside the 61x40 image"),
        (["--point=-1,5"], "outside the 61x40 image"),
        (["--point", "nan,5"], "is nan"),
        (["--point", "5"], "'5' must be x,y"),
        (["--point", "5,6,7"], "must be x,y"),
        (["--point", "a,b"], "must be x,y"),
        (["--point", "-1,5"], "outside the 61x40 image"),
        (["--point", "-.5,5"], "outside the 61x40 image"),
        (["--point", "110%,5"], "outside the 61x40 image"),
        (["--point", "0.5,0.4"], "write 50%,40%"),
        (["--box", "0.1,0.2,1,0.9"], "write 10%,20%,100%,90%"),
        (["--box", "-9,2,-5,12"], "covers nothing of the 61x40 image"),
        (["--point", "5%%,6"], "must be x,y"),
        (["--point", "5,6:no"], "end in :neg"),
        (["--point", "5,6:neg", "--point", "7,6:neg"], "add a positive click"),
        (["--box", "1,2,3"], "must be x0,y0,x1,y1"),
        (["--box", "9,9,5,12"], "x0 < x1"),
        (["--box", "0,0,inf,5"], "is inf"),
        (["--point", "5,6", "--out", "m.jpg"], "use .png"),
        (["--point", "5,6", "--cutout", "c.webp"], "use .png"),
        (["--point", "5,6", "--overlay", "photo.png/o.png"], "writable place"),
        (["--point", "5,6", "--out", "folder.png"], "is a directory"),
        (["--point", "5,6", "--out", "a\0.png"], "embedded null byte"),
        (["--point", "5,6", "--variant", "nano"], "leave --variant out"),
    ],
)
def test_bad_arguments(
    photo: Path,
    weights: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("folder.png").mkdir()
    before = sorted(Path().iterdir())
    assert main(["segment", str(photo), "--model", str(weights), *arguments]) == 2
    assert message in one_error_line(capsys)
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (["--point", "20, 30"], ["--point", "20,30"]),
        (["--point", "20 30"], ["--point", "20,30"]),
        (["--point", "20,", "30"], ["--point", "20,30"]),
        (["--point", "20", ",30:neg", "--point=7,", "8"], ["--point=20,30:neg", "--point=7,8"]),
        (["--point", "50%,100%"], ["--point", "30,39"]),
        (["--point", "50%,0"], ["--point", "30,0"]),
        (["--box", "-3,", "-4", ",30,20"], ["--box", "0,0,30,20"]),
        (["--box", "0%,50%,100%,100%"], ["--box", "0,20,61,40"]),
    ],
)
def test_ways_to_write_a_prompt(
    photo: Path, weights: Path, written: list[str], same: list[str]
) -> None:
    for words, out in ((written, "a.png"), (same, "b.png")):
        overlay = ["--overlay", out]
        assert main(["segment", str(photo), *words, "--model", str(weights), *overlay]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.parametrize("option", ["--out", "--overlay", "--cutout", "--explain"])
def test_a_picture_on_standard_output(
    photo: Path,
    weights: Path,
    detector_weights: Path,
    option: str,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    asked = ["--detector", str(detector_weights)] if option == "--explain" else ["--point", "20,9"]
    words = ["segment", str(photo), *asked, "--model", str(weights)]
    assert main([*words, option, "file.png"]) == 0
    capfdbinary.readouterr()
    assert main([*words, option, "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == Path("file.png").read_bytes()
    assert err.endswith(b"wrote -\n")
    assert not Path("-").exists()


def test_standard_output_takes_one_picture(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segment", str(photo), "--point", "20,9", "--out", "-", "--overlay", "-"]
    assert main(words) == 2
    assert "name another file" in one_error_line(capsys)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.jpg", "no photo"),
        ("folder", "has no file that ends in .avif"),
        ("empty.jpg", "not an image"),
        ("text.jpg", "not an image"),
        ("truncated.jpg", "is damaged"),
        ("float.tif", "float pixels"),
    ],
)
def test_bad_photos(
    photo: Path, weights: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    Path("empty.jpg").touch()
    Path("text.jpg").write_text("no photo at all")
    Image.open(photo).save("whole.jpg")
    Path("truncated.jpg").write_bytes(Path("whole.jpg").read_bytes()[:-500])
    Image.new("F", (4, 4)).save("float.tif")
    assert main(["segment", name, "--point", "1,1", "--model", str(weights)]) == 2
    assert message in one_error_line(capsys)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.safetensors", "no weights file"),
        ("empty.safetensors", "is not a safetensors file"),
        ("text.safetensors", "is not a safetensors file"),
        ("truncated.safetensors", "is not a safetensors file"),
        ("anonymous.safetensors", "does not hold weights"),
        ("mislabelled.safetensors", "another 'base' network"),
        ("incomplete.safetensors", "lacks 'mask_head.weight'"),
        ("missing.onnx", "no artifact"),
        ("weights.xyz", "is no network"),
        ("folder", "is no network"),
    ],
)
def test_bad_models(
    photo: Path, weights: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    Path("empty.safetensors").touch()
    Path("weights.xyz").touch()
    Path("text.safetensors").write_text("not weights" * 10)
    Path("truncated.safetensors").write_bytes(weights.read_bytes()[:-1000])
    tensors = load_file(weights)
    metadata = {"variant": "nano", "config": saved_config(weights)}
    save_file(tensors, "anonymous.safetensors")
    save_file(tensors, "mislabelled.safetensors", metadata | {"variant": "base"})
    del tensors["mask_head.weight"]
    save_file(tensors, "incomplete.safetensors", metadata)
    assert main(["segment", str(photo), "--point", "1,1", "--model", name]) == 2
    assert message in one_error_line(capsys)


@pytest.mark.parametrize(
    ("variant", "message"), [("giant", "unknown variant 'giant'"), ("reference", "are shipped")]
)
def test_bad_variants(
    photo: Path, variant: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(photo), "--point", "1,1", "--variant", variant]) == 2
    assert message in one_error_line(capsys)


@pytest.fixture
def album(photo: Path) -> Path:
    """A folder of two photos, a broken one and a text."""
    folder = Path("album")
    folder.mkdir()
    for name in ("a.png", "c.png"):
        Image.open(photo).save(folder / name)
    (folder / "b.jpg").write_bytes(b"no photo")
    (folder / "notes.txt").touch()
    return folder


def test_several_photos_and_folders(
    photo: Path, album: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--point", "50%,50%", "--model", str(weights), "--out", "masks", "--cutout", "cut"]
    assert main(["segment", str(photo), str(album), str(album / "a.png"), *words]) == 2
    out, err = capsys.readouterr()
    assert out.count("predicted IoU") == 3
    told, counted = err.splitlines()
    assert told.startswith(f"squeezesam segment: {album / 'b.jpg'} is not an image")
    assert counted == "squeezesam segment: 1 of 4 failed; the reasons are above"
    names = ["a.mask.png", "c.mask.png", "photo.mask.png"]
    assert sorted(path.name for path in Path("masks").iterdir()) == names
    assert (Path("cut") / "a.cutout.png").is_file()
    masks = [np.asarray(Image.open(Path("masks") / name)) for name in names]
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
    (album / "b.jpg").unlink()
    assert main(["segment", str(album), "--point", "50%,50%", "--model", str(weights)]) == 0
    assert Path("a.mask.png").is_file()


def test_the_exit_status_of_several_photos(
    photo: Path, album: Path, weights: Path, detectors: dict[str, str]
) -> None:
    words = ["--model", str(weights), "--detector", detectors["nothing"]]
    assert main(["segment", str(photo), str(album / "a.png"), *words]) == 3
    assert main(["segment", str(photo), str(album), *words]) == 2


def test_json_of_each_photo(
    photo: Path, album: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--point", "20,10", "--point", "3,30:neg", "--box=0,0,50,40", "--model", str(weights)]
    assert main(["segment", str(album), *words, "--json"]) == 2
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["path"] for record in records] == [
        str(album / f) for f in ("a.png", "b.jpg", "c.png")
    ]
    assert "is not an image" in records[1]["error"]
    assert records[1].keys() == {"path", "error"}
    assert sorted(path.name for path in Path().iterdir()) == ["album", "photo.png"]
    predictor = SamPredictor(load(weights))
    predictor.set_image(photo)
    (mask,), (iou,), _ = predictor.predict(
        [[20, 10], [3, 30]], [1, 0], [0, 0, 50, 40], multimask_output=False
    )
    for record in (records[0], records[2]):
        assert record["predicted_iou"] == pytest.approx(iou)
        assert np.array_equal(RleMask.parse(record["segmentation"]).coverage() > 0, mask)
        y, x = np.nonzero(mask)
        box = [x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1]
        assert record["bbox"] == box
        assert record["area"] == mask.sum()
        assert record["point_coords"] == [[20, 10], [3, 30]]
        assert record["point_labels"] == [1, 0]
        assert record["box"] == [0, 0, 50, 40]
        assert not record["clicks_were_found"]
        assert record["milliseconds"].keys() == {"read", "segment"}


def test_json_of_what_was_found(
    photo: Path, weights: Path, detectors: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", str(weights), "--json", "--out", "m.png", "--detector"]
    assert main(["segment", str(photo), *words, detectors["everything"]]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clicks_were_found"]
    assert len(found["point_coords"]) == len(found["point_labels"]) == 5
    assert found["files"] == {"out": "m.png"}
    mask = np.asarray(Image.open("m.png")) > 0
    assert np.array_equal(RleMask.parse(found["segmentation"]).coverage() > 0, mask)
    assert main(["segment", str(photo), *words, detectors["nothing"]]) == 3
    assert "stands out" in json.loads(capsys.readouterr().out)["error"]


def test_the_time_of_the_reference_interpreter_is_not_told(
    photo: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = load(weights)
    interpreted = InterpretedNetwork(SEGMENTER, network.size, lambda inputs: network(*inputs))
    words = ["segment", str(photo), "--point", "9,9", "--json", "--model", str(weights)]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["milliseconds"].keys() == {"read", "segment"}
    monkeypatch.setattr("squeezesam.commands.segmenting.load", lambda *_, **__: interpreted)
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["milliseconds"].keys() == {"read"}


def test_a_folder_is_segmented_again_beside_its_masks(
    photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("album").mkdir()
    for name in ("a.jpg", "a.png", "b.png"):
        Image.open(photo).save(Path("album", name))
    words = ["segment", "album", "--point", "50%,50%", "--model", str(weights), "--out", "album"]
    for _ in range(2):
        assert main(words) == 0
        assert capsys.readouterr().out.count("predicted IoU") == 3
    masks = sorted(path.name for path in Path("album").glob("*.mask.png"))
    assert masks == ["a.jpg.mask.png", "a.png.mask.png", "b.mask.png"]


def test_an_empty_folder_stops_no_other(
    photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    words = ["segment", "empty", str(photo), "--point", "9,9", "--model", str(weights), "--json"]
    assert main([*words, "--out", "masks"]) == 2
    printed = capsys.readouterr()
    first, second = map(json.loads, printed.out.splitlines())
    assert "has no file that ends in" in first["error"]
    assert second["files"] == {"out": f"masks/{photo.stem}.mask.png"}
    assert "1 of 2 failed" in printed.err
    assert len(list(Path("masks").iterdir())) == 1


PEAK = """
import sys
from pathlib import Path
from squeezesam.cli import main

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

small, large, *words = sys.argv[1:]
assert main(["segment", small, *words]) == 0
Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
assert main(["segment", large, *words]) == 0
print((kilobytes("VmHWM") - before) / 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "words",
    [
        ["--point", "50%,50%", "--out", "m.png", "--overlay", "o.jpg", "--cutout", "c.png"],
        ["--explain", "e.jpg", "--overlay", "o.png"],
    ],
)
def test_the_largest_photo_takes_less_than_500_mb(
    photo: Path, weights: Path, detector_weights: Path, words: list[str]
) -> None:
    side = math.isqrt(MAX_PHOTO_PIXELS)
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save("large.jpg")
    if "--point" not in words:
        words = [*words, "--detector", str(detector_weights)]
    command = [sys.executable, "-c", PEAK, photo, "large.jpg", "--model", weights, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout.splitlines()[-1]) < 500


def test_one_box_is_taken(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(photo), "--box", "1,1,9,9", "--box", "2,2,8,8"]) == 2
    assert "one box" in capsys.readouterr().err


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("photos", "words", "message"),
    [
        (["album"], ["--out", "m.png"], "takes one picture; name a folder"),
        (["album"], ["--cutout", "-"], "takes one picture; name a folder"),
        (["photo.png", "other/photo.png"], [], "other/photo.png"),
        (["photo.png"], ["--json", "--out", "-"], "--json goes to standard output"),
        (["photo.png"], ["--json", "--out", "photo.png"], "name another file"),
        (["empty"], [], "has no file that ends in"),
    ],
)
def test_bad_places_of_several_photos(
    photos: list[str],
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("empty").mkdir()
    Path("other").mkdir()
    before = sorted(Path().rglob("*"))
    assert main(["segment", *photos, "--point", "9,9", *words]) == 2
    assert message in one_error_line(capsys)
    assert sorted(Path().rglob("*")) == before


def test_the_shipped_photos_are_described() -> None:
    described = (PHOTOS / "README.md").read_text()
    for example in EXAMPLES:
        height, width = read_photo(example.path).shape[:2]
        clicks = (example.garment, example.legs, example.background)
        assert all(0 <= x < width and 0 <= y < height for x, y in clicks)
        row = next(line for line in described.splitlines() if example.path.name in line)
        assert row.endswith(" | ".join(f"{x},{y}" for x, y in clicks) + " |")
        assert example.path.stat().st_size <= 120_000


def test_pictures_of_the_readme(tmp_path: Path, weights: Path) -> None:
    assert main(["pictures", "--out", str(tmp_path / "docs"), "--model", str(weights)]) == 0
    pictures = sorted((tmp_path / "docs").iterdir())
    assert [path.name for path in pictures] == [
        "click_sampling.png",
        "clicks.jpg",
        "explained.jpg",
        *(example.path.name for example in EXAMPLES),
    ]
    width, height = picture_size(EXAMPLES[0].path)
    assert picture_size(pictures[1]) == (3 * width + 2 * GAP, height)
    assert picture_size(pictures[2])[0] > 4 * width
    assert picture_size(pictures[3]) == (width, height)


def saved_config(weights: Path) -> str:
    with safe_open(weights, framework="pt") as file:
        return str(file.metadata()["config"])


def one_error_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert err.startswith("squeezesam segment: ")
    return err


@pytest.mark.parametrize(
    "outputs", [["--out", "a.png", "--overlay", "./a.png"], ["--out", "p.png"]]
)
def test_no_picture_replaces_another_or_the_photo(
    outputs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 10)).save("p.png")
    before = Path("p.png").read_bytes()
    assert main(["segment", "p.png", "--point", "5,5", *outputs]) == 2
    assert "name another file" in one_error_line(capsys)
    assert Path("p.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
