"""Work in parts: who does which, what is kept, and what is refused."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from conftest import write_scene
from test_readers_tar import write_tar

from squeezesam.data.parts import SharedWork, cut, fingerprint
from squeezesam.data.sa1b import Sa1bFolder, Sa1bTar
from squeezesam.errors import OutputError, ProcessError
from squeezesam.training.processes import Processes

PARTS = ["a", "b", "c", "d", "e"]


@dataclass(frozen=True)
class Made:
    """What a part gives."""

    name: str
    value: float = 0.1 + 0.2
    pi: float = float(np.float32(np.pi))
    none: tuple[str, ...] = ()


@dataclass
class Worker:
    """A process of several that run one after another, so that none ever finds the others."""

    rank: int = 0
    count: int = 1
    is_lonely: bool = False
    done: list = field(default_factory=list)

    def own(self, parts):
        return parts[self.rank :: self.count]

    def meet(self):
        if self.is_lonely:
            raise ProcessError("another one ended early")

    def make(self, parts):
        for part in parts:
            self.done.append(part)
            yield Made(part)

    def work(self, folder, data="data", parts=PARTS, **origin):
        work = SharedWork(folder, {"model": "m", "limit": None} | origin, self)
        return work.do(Made, parts, lambda _: data, self.make)


def test_any_number_of_processes_gives_what_one_gives(tmp_path):
    alone = Worker()
    results = alone.work(tmp_path / "one")
    assert [each.name for each in results] == alone.done == PARTS
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    for count in (2, 3, 5):
        workers = [Worker(rank, count) for rank in range(count)]
        for worker in workers[:-1]:
            with pytest.raises(ProcessError, match="not in"):
                worker.work(tmp_path / str(count))
        assert workers[-1].work(tmp_path / str(count)) == results
        assert [worker.done for worker in workers] == [PARTS[rank::count] for rank in range(count)]
        shared = {path.name: path.read_bytes() for path in (tmp_path / str(count)).iterdir()}
        assert shared == files


def test_what_is_done_is_kept_whoever_did_it(tmp_path):
    def killed(parts):
        yield from map(Made, parts[:2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SharedWork(tmp_path, {"model": "m", "limit": None}, Worker()).do(
            Made, PARTS, lambda _: "data", killed
        )
    second = Worker(1, 2)
    with pytest.raises(ProcessError):
        second.work(tmp_path)
    assert second.done == ["d"]
    third = Worker()
    third.work(tmp_path)
    assert third.done == ["c", "e"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"origin": {"model"',
        "[" * 100_000,
        "[]",
        '{"origin": 3, "result": {"name": "c", "value": 1.0, "pi": 1.0, "none": []}}',
        '{"origin": {"model": "m", "limit": null, "data": "data"}, "result": {"name": "c"}}',
        '{"origin": {"model": "m", "limit": null, "data": "data"}, "result": NaN}',
    ],
    ids=["empty", "cut", "deep", "list", "no origin", "fields are missing", "NaN"],
)
def test_a_damaged_record_is_made_again(tmp_path, text):
    results = Worker().work(tmp_path)
    (tmp_path / "c.json").write_text(text)
    again = Worker()
    assert again.work(tmp_path) == results
    assert again.done == ["c"]


def test_a_part_whose_files_are_gone_is_done_again(tmp_path):
    Worker().work(tmp_path)
    again = Worker()
    work = SharedWork(tmp_path, {}, again)
    work.do(Made, PARTS, lambda _: "data", again.make, lambda part, made: part != made.name)
    assert again.done == PARTS


def test_data_are_read_once_by_the_process_that_does_the_part(tmp_path):
    read = []
    worker = Worker()
    work = SharedWork(tmp_path, {}, worker)
    for _ in range(2):
        work.do(Made, PARTS, lambda part: read.append(part) or part, worker.make)
        assert sorted(read) == PARTS
        read.clear()
    assert worker.done == PARTS


@pytest.mark.parametrize("is_lonely", [True, False])
def test_a_lost_process_is_named_with_its_parts(tmp_path, is_lonely):
    worker = Worker(0, 2, is_lonely)
    with pytest.raises(ProcessError) as error:
        worker.work(tmp_path)
    message = str(error.value)
    assert "2 of 5 parts are not in" in message
    assert "process 1;" in message
    assert ("ended early" in message) == is_lonely
    assert "\n" not in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "n"}, "model"),
        ({"limit": 3}, "limit"),
        ({"model": "n", "data": "other"}, "model, data"),
        ({"data": "other"}, "data"),
        ({"parts": PARTS[:4]}, "data"),
    ],
)
def test_parts_of_something_else_are_refused(tmp_path, change, words):
    Worker().work(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    worker = Worker()
    with pytest.raises(OutputError, match=f"differs from this run in its {words};"):
        worker.work(tmp_path, **change)
    assert not worker.done
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_another_process_with_other_options_is_refused(tmp_path):
    with pytest.raises(ProcessError):
        Worker(1, 2).work(tmp_path, model="other")
    with pytest.raises(OutputError, match=r"b\.json differs from this run in its model"):
        Worker(0, 2).work(tmp_path)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_waits_for_a_lost_one_says_so(monkeypatch, rank):
    def lost():
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr("torch.distributed.barrier", lost)
    process = Processes(rank, 2, torch.device("cpu"))
    with (
        pytest.raises(ProcessError, match=f"process {rank} of 2 has lost another one"),
        process.first_before_others(),
    ):
        pass


def test_shards_are_parts_and_else_neighbours(tmp_path):
    for name in "abcde":
        write_scene(tmp_path / "loose", name, ord(name))
    (tmp_path / "shards").mkdir()
    write_tar(tmp_path / "shards" / "one.tar", tmp_path / "loose", "abc")
    write_tar(tmp_path / "shards" / "two.tar", tmp_path / "loose", "de")
    shards = Sa1bTar.open(tmp_path / "shards")
    assert cut(shards, [0, 2, 3]) == {"one.tar": [0, 2], "two.tar": [3]}
    loose = Sa1bFolder.open(tmp_path / "loose")
    assert [list(part) for part in cut(loose, range(5)).values()] == [[n] for n in range(5)]
    assert list(cut(loose, range(1000)).values())[1] == range(15, 30)
    assert sum(map(len, cut(loose, range(100_000)).values())) == 100_000


def test_a_fingerprint_tells_photos_and_annotations_apart(tmp_path):
    for name in "ab":
        write_scene(tmp_path, name, ord(name))
    earlier = fingerprint(Sa1bFolder.open(tmp_path), [0, 1])
    assert earlier == fingerprint(Sa1bFolder.open(tmp_path), [0, 1])
    assert earlier != fingerprint(Sa1bFolder.open(tmp_path), [0])
    label = tmp_path / "b.json"
    content = json.loads(label.read_text())
    content["annotations"][0]["area"] += 1
    label.write_text(json.dumps(content))
    second = fingerprint(Sa1bFolder.open(tmp_path), [0, 1])
    photo = bytearray((tmp_path / "a.jpg").read_bytes())
    photo[-20] ^= 1
    (tmp_path / "a.jpg").write_bytes(photo)
    third = fingerprint(Sa1bFolder.open(tmp_path), [0, 1])
    (tmp_path / "a.jpg").unlink()
    assert len({earlier, second, third, fingerprint(Sa1bFolder.open(tmp_path), [0])}) == 4
