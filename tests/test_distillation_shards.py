"""A teacher's labels of tar shards: whole, those of one process, and in place of nobody's work."""

import tarfile

import pytest
import torch
from conftest import write_scene
from test_distillation import COARSE, ColourTeacher
from test_readers_tar import write_tar

from squeezesam.data.open import open_dataset
from squeezesam.data.sa1b import Sa1bTar, find_shards
from squeezesam.distillation.labels import label_with_teacher
from squeezesam.distillation.options import LabelOptions
from squeezesam.distillation.shards import label_shards
from squeezesam.distillation.teacher import Teacher
from squeezesam.errors import OutputError, ProcessError
from squeezesam.training.processes import Processes

SHARDS = {"sa_0.tar": "ab", "sa_1.tar": "cd", "sa_2.tar": "e"}


@pytest.fixture
def data(tmp_path):
    """Three shards of five scenes."""
    folder = tmp_path / "data"
    folder.mkdir()
    for shard, names in SHARDS.items():
        for name in names:
            write_scene(tmp_path / "loose", name, ord(name))
        write_tar(folder / shard, tmp_path / "loose", names)
    return folder


class Alone(Processes):
    """One of several processes that run one after another."""

    def meet(self):
        pass


def labelled(data, out, rank=0, count=1, identity="c", options=COARSE):
    """Shards of labels by name, what became of each, and how many photos were asked about."""
    predictor = ColourTeacher()
    crew = Alone(rank, count, torch.device("cpu"))
    results = label_shards(Teacher(predictor, identity), find_shards(data), out, crew, options)
    return tars(out), results, predictor.photos


def tars(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_shards_become_shards_with_the_labels_of_a_folder(data, tmp_path):
    written, results, asked = labelled(data, tmp_path / "out")
    assert list(written) == list(SHARDS)
    assert [each.photos for each in results] == [2, 2, 1]
    assert asked == 5
    made, source = open_dataset(tmp_path / "out"), open_dataset(data)
    assert isinstance(made, Sa1bTar)
    assert not made.skipped
    loose = label_with_teacher(Teacher(ColourTeacher(), "c"), source, tmp_path / "loose2", COARSE)
    for index in range(5):
        assert made[index].annotations == loose[index].annotations
        assert made[index].source.read() == source[index].source.read()
    assert sum(each.masks for each in results) == sum(len(image.annotations) for image in loose)
    with tarfile.open(tmp_path / "out" / "sa_1.tar") as tar:
        label = tar.extractfile("c.json").read()
    assert label == (tmp_path / "loose2" / "c.json").read_bytes()


@pytest.mark.parametrize("count", [2, 5])
def test_any_number_of_processes_writes_the_same_bytes(data, tmp_path, count):
    one, results, _ = labelled(data, tmp_path / "one")
    for rank in reversed(range(1, count)):
        with pytest.raises(ProcessError, match=r"process .*0"):
            labelled(data, tmp_path / "many", rank, count)
    many = labelled(data, tmp_path / "many", 0, count)
    assert many[:2] == (one, results)
    assert many[2] == sum(map(len, list(SHARDS.values())[::count]))
    assert labelled(data, tmp_path / "many")[2] == 0


def test_a_killed_run_keeps_whole_shards_and_goes_on(data, tmp_path, monkeypatch):
    one, results, _ = labelled(data, tmp_path / "one")
    seen = ColourTeacher.set_image

    def killed(self, image):
        seen(self, image)
        if self.photos == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ColourTeacher, "set_image", killed)
        with pytest.raises(KeyboardInterrupt):
            labelled(data, tmp_path / "many")
    assert list(tars(tmp_path / "many")) == ["sa_0.tar"]
    assert labelled(data, tmp_path / "many") == (one, results, 3)
    (tmp_path / "many" / "sa_1.tar").unlink()
    assert labelled(data, tmp_path / "many") == (one, results, 2)
    # Killed between the shard and its record.
    (tmp_path / "many" / ".parts" / "sa_1.tar.json").unlink()
    assert labelled(data, tmp_path / "many") == (one, results, 2)


def test_a_damaged_shard_is_named_and_the_others_are_labelled(data, tmp_path):
    whole = (data / "sa_1.tar").read_bytes()
    with tarfile.open(data / "sa_1.tar") as tar:
        cut = tar.getmember("./d.jpg").offset_data + 10
    (data / "sa_1.tar").write_bytes(whole[:cut])
    (data / "sa_2.tar").write_bytes(b"no tar" * 1000)
    written, results, _ = labelled(data, tmp_path / "out")
    assert list(written) == ["sa_0.tar", "sa_1.tar"]
    assert [each.photos for each in results] == [2, 1, 0]
    assert "sa_1.tar/d.jpg" in {each.name for each in results[1].skipped}
    assert [each.name for each in results[2].skipped] == ["sa_2.tar"]
    (data / "sa_1.tar").write_bytes(whole)
    with pytest.raises(OutputError, match=r"sa_1\.tar\.json differs from this run in its data"):
        labelled(data, tmp_path / "out")
    (tmp_path / "out" / ".parts" / "sa_1.tar.json").unlink()
    assert labelled(data, tmp_path / "out")[1][1].photos == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [({"identity": "other"}, "teacher"), ({"options": LabelOptions(5)}, "options")],
)
def test_labels_of_another_teacher_or_options_are_refused(data, tmp_path, change, word):
    before = labelled(data, tmp_path / "out")[0]
    with pytest.raises(OutputError, match=f"differs from this run in its {word};"):
        labelled(data, tmp_path / "out", **change)
    assert tars(tmp_path / "out") == before


def test_nobodys_tars_are_replaced_or_mixed_with(data, tmp_path):
    before = tars(data)
    for folder in (data, tmp_path / "loose"):
        with pytest.raises(OutputError, match="name another folder"):
            labelled(data, folder)
    assert tars(data) == before
    (tmp_path / "out").mkdir()
    write_tar(tmp_path / "out" / "other.tar", tmp_path / "loose", "a")
    with pytest.raises(OutputError, match="holds other data"):
        labelled(data, tmp_path / "out")
