"""`squeezesam figures`, and that what is shipped was made with it from the shipped weights."""

import json
import re
from pathlib import Path

import pytest
import torch
from conftest import write_scene
from small_networks import DETECTOR_SIZE, random_network, run

from squeezesam.figures import measuring
from squeezesam.figures.documents import BLOCK, MOST_SETS, QUOTABLE
from squeezesam.files import content_hash
from squeezesam.networks.weights import ZOO, save_weights

HASH = re.compile(r"\b[0-9a-f]{64}\b")
ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "results.md", ZOO / "MODEL_CARD.md")


def sha(path):
    return content_hash(path).hexdigest()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder `data` with one set, two sets of people and six others, and a document to fill."""
    monkeypatch.chdir(tmp_path)
    write_scene(Path("data/val/davis345"), "scene0", 0)
    write_scene(Path("data/val/davis345"), "scene1", 1)
    for name in ("ccp", "beach"):
        write_scene(Path("data/val/people") / name, "scene2", 2)
    for number in range(MOST_SETS + 1):
        write_scene(Path("data/val/varied") / f"set{number}", "scene3", number)
    # The names of photos decide which are held out: of these, the last.
    for seed in range(6):
        write_scene(Path("data/train/ecssd"), f"scene{seed}", seed)
    blocks = [f"<!-- figures:begin {name} -->\nOUTDATED\n<!-- figures:end -->" for name in QUOTABLE]
    Path("card.md").write_text("\n\n".join(["# Card", *blocks, "The end."]))
    return tmp_path


@pytest.fixture
def command(weights, detector_weights):
    """The command line with small networks."""
    return [
        *("figures", "--data", "data", "--model", weights, "--detector", detector_weights),
        *("--size", DETECTOR_SIZE, "--into", "card.md"),
    ]


def section(page, title):
    return page.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.usefixtures("place")
@pytest.mark.slow
def test_one_command_makes_the_page_the_pictures_and_the_card(
    command, weights, detector_weights, capsys, monkeypatch
):
    assert run(*command) == 0
    page = Path("docs/results.md").read_text()
    assert page.startswith("# Results\n")
    assert set(HASH.findall(page)) == {sha(weights), sha(detector_weights)}
    clicks = section(page, "Clicks")
    rows = [line.split("|")[2].strip() for line in clicks.splitlines() if line[:6] == "| nano"]
    assert rows == [
        "davis345",
        "people: beach",
        "people: ccp",
        "people, mean over 2 folders",
        "varied, mean over 6 folders",
    ]
    assert "IoU@5" in clicks
    assert "harm" not in clicks.splitlines()[2]
    assert "`squeezesam eval --data DATA/val/davis345 DATA/val/people DATA/val/varied" in clicks
    assert section(page, "Clicks, set by set").count("| varied: set") == MOST_SETS + 1
    assert "harm by negative > 5, %" in section(page, "Harm done by clicks")
    assert "best mask (oracle)" in section(page, "The choice among the masks of one click")
    assert "| people: ccp" in section(page, "One click on a part")
    assert "davis345" not in section(page, "One click on a part")
    assert "| no click " in section(page, "People: one click and none")
    assert "| ecssd, held-out fifth | " in section(page, "Heat maps of the detector")
    pictures = re.findall(r"\]\((pictures/.*?)\)", page)
    assert {"pictures/clicks.jpg", "pictures/failures.jpg"} < set(pictures)
    assert all((Path("docs") / picture).is_file() for picture in pictures)

    card = Path("card.md").read_text()
    assert card.startswith("# Card\n")
    assert card.endswith("The end.")
    found = {block["name"]: block[0] for block in BLOCK.finditer(card)}
    assert list(found) == list(QUOTABLE)
    assert all("OUTDATED" not in text and "Not measured" not in text for text in found.values())
    assert clicks.strip() in found["accuracy"]
    summary = [line.split("|")[2].strip() for line in found["summary"].splitlines()[3:6]]
    assert summary == ["davis345", "people, mean over 2 folders", "varied, mean over 6 folders"]
    assert "In short" not in page
    capsys.readouterr()

    # Nothing has changed, so nothing is measured again, and all documents come out the same.
    def refuse(*_, **__):
        raise AssertionError("measured again")

    monkeypatch.setattr(measuring, "evaluate_all", refuse)
    monkeypatch.setattr(measuring, "evaluate_heat", refuse)
    Path("docs/results.md").unlink()
    assert run(*command) == 0
    assert Path("docs/results.md").read_text() == page
    assert Path("card.md").read_text() == card


@pytest.fixture
def measured(monkeypatch):
    """Names of the sets that are measured, as they are."""
    names = []

    def note(function, place):
        def noted(*args):
            names.append(place(args))
            return function(*args)

        return noted

    monkeypatch.setattr(
        measuring, "evaluate_all", note(measuring.evaluate_all, lambda args: [*args[3]])
    )
    monkeypatch.setattr(
        measuring, "evaluate_heat", note(measuring.evaluate_heat, lambda args: args[1].name)
    )
    return names


@pytest.fixture
def one_set(place, command):
    """The command on one set of two photos, with results that were kept."""
    for name in ("val/people", "val/varied", "train/ecssd"):
        (place / "data" / name).rename(place / name.replace("/", "_"))
    assert run(*command) == 0
    return command


@pytest.mark.slow
def test_other_weights_are_measured_again_and_the_same_detector_is_not(one_set, measured, tmp_path):
    other = tmp_path / "other" / "nano.safetensors"
    save_weights(random_network(5), other, "nano", torch.float32)
    assert run(*one_set[:3], "--model", other, *one_set[5:]) == 0
    assert measured == [["clicks", "choice", "box"], ["salient"]]
    assert sha(other) in Path("docs/results.md").read_text()


@pytest.mark.slow
def test_another_photo_or_limit_is_measured_and_damage_is_mended(one_set, measured):
    kept = Path("runs/figures/nano_davis345/results.json")
    kept.write_text(kept.read_text()[:100])
    assert run(*one_set) == 0
    assert measured == [["clicks", "choice", "box"]]
    measured.clear()
    write_scene(Path("data/val/davis345"), "scene1", 7)
    assert run(*one_set) == 0
    assert len(measured) == 3
    measured.clear()
    assert run(*one_set, "--limit", 1) == 0
    assert len(measured) == 3
    page = Path("docs/results.md").read_text()
    assert "at most 1 photos of each set: a quick look" in page.splitlines()[0]
    assert "--limit 1" in page
    assert "Not measured: no set for it was there." in Path("card.md").read_text()
    assert json.loads(kept.read_text())["data"][0]["photos"] == 1


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, ["--data", "data/val"], "holds no folder `val`"),
        (None, ["--limit", 0], "--limit 0 must be at least 1"),
        (None, ["--into", "missing.md"], "cannot read missing.md"),
        (None, ["--model", "data/nano.onnx"], "data/nano.onnx is no .safetensors"),
        (None, ["--docs", "card.md"], "takes no files"),
        (None, ["--keep", "card.md"], "takes no files"),
        ("No block.", [], "card.md has no block"),
        ("<!-- figures:begin accuracy -->\n", [], "is not closed"),
        (
            "<!-- figures:begin speed -->\n<!-- figures:end -->",
            [],
            "unknown figures 'speed'; choose any of weights, summary, accuracy",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(text, arguments, message, command, capsys):
    if text is not None:
        Path("card.md").write_text(text)
    before = sorted(Path().rglob("*"))
    assert run(*command, *arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_are_of_the_shipped_weights(path):
    """Fails after a change of weights until `squeezesam figures --data DATA` was run."""
    shipped = {sha(weights): weights.name for weights in ZOO.glob("*.safetensors")}
    named = {shipped.get(name, name) for name in HASH.findall(path.read_text())}
    assert named == ({"base.safetensors"} if path.name == "README.md" else set(shipped.values()))
