"""Whole or not at all, one writer at a time, and nothing left of those that were killed."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from squeezesam.errors import OutputError
from squeezesam.files import (
    OLD,
    check_place,
    clear_leftovers,
    only_one,
    whole_directory,
    whole_file,
    writing,
)

FORK = multiprocessing.get_context("fork")


def killed(work, *arguments):
    """Run `work` in a process that is to kill itself."""
    process = FORK.Process(target=work, args=arguments)
    process.start()
    # `join` would also wait for children of the process, which hold its sentinel open.
    _, status = os.waitpid(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def write_file(path, dies=False):
    with whole_file(path) as partial:
        partial.write_text("half")
        if dies:
            die()
        partial.write_text("whole")


def write_directory(path, text="new", dies=False):
    with whole_directory(path) as partial:
        (partial / "a").write_text(text)
        if dies:
            die()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_leaves_is_cleared_by_the_next(tmp_path):
    write_file(tmp_path / "kept")
    write_directory(tmp_path / "folder", "before")
    killed(write_file, tmp_path / "kept", True)
    killed(write_directory, tmp_path / "folder", "after", True)
    assert (tmp_path / "kept").read_text() == "whole"
    assert (tmp_path / "folder" / "a").read_text() == "before"
    assert names(tmp_path) == [".folder.part", ".kept.part", "folder", "kept"]
    write_file(tmp_path / "kept")
    write_directory(tmp_path / "folder", "after")
    assert names(tmp_path) == ["folder", "kept"]
    assert (tmp_path / "folder" / "a").read_text() == "after"


def test_leftovers_of_any_name_are_cleared_and_a_writers_own_folder_is_not(tmp_path):
    killed(write_directory, tmp_path / "old", "half", True)
    with whole_file(tmp_path / "now") as partial:
        partial.write_text("whole")
        clear_leftovers(tmp_path)
        assert names(tmp_path) == [".now.part"]
    assert names(tmp_path) == ["now"]


def swap_and_die(path, monkey):
    from squeezesam import files

    if monkey == "no exchange":
        files._exchange = lambda *_: False
    replace = type(path).replace

    def once(self, target):
        replace(self, target)
        die()

    type(path).replace = once
    files._to_disk = lambda path, own=files._to_disk: die() if path.name == "top" else own(path)
    write_directory(path, "after")


@pytest.mark.parametrize("way", ["exchange", "no exchange"])
def test_a_kill_between_two_directories_loses_neither(tmp_path, way):
    path = tmp_path / "top" / "folder"
    write_directory(path, "before")
    killed(swap_and_die, path, way)
    if way == "exchange":
        assert (path / "a").read_text() == "after"
    else:
        assert not path.exists(), "moved away, and the new one not yet in its place"
        assert (path.parent / ".folder.part" / OLD / "a").read_text() == "before"
    with pytest.raises(RuntimeError), whole_directory(path):
        raise RuntimeError
    assert (path / "a").read_text() == ("after" if way == "exchange" else "before")
    assert names(path.parent) == ["folder"]


@pytest.mark.parametrize("kind", [whole_file, whole_directory])
def test_a_second_writer_is_refused_and_harms_nothing(tmp_path, kind):
    with kind(tmp_path / "x") as partial:
        with pytest.raises(OutputError, match="another process is writing"), kind(tmp_path / "x"):
            pytest.fail("entered")
        if kind is whole_file:
            partial.write_text("whole")
    assert names(tmp_path) == ["x"]


def test_a_forked_child_holds_no_lock_of_its_parent(tmp_path):
    def parent(started):
        child = FORK.Process(target=signal.pause)
        with whole_file(tmp_path / "x"):
            child.start()
            started.put(child.pid)
            die()

    started = FORK.SimpleQueue()
    killed(parent, started)
    child = started.get()
    try:
        write_file(tmp_path / "x")
    finally:
        os.kill(child, signal.SIGKILL)
    assert names(tmp_path) == ["x"]


def test_a_path_back_out_of_a_missing_folder_is_checked_where_it_leads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        check_place(Path("missing/../kept"), ("results.json",))
    with pytest.raises(OutputError, match="is a directory"), whole_file(Path("missing/../kept")):
        pytest.fail("entered")
    with whole_directory(Path("missing/../new")) as partial:
        (partial / "file").touch()
    assert names(tmp_path) == ["kept", "new"]


def test_one_worker_in_a_folder(tmp_path):
    with (
        only_one(tmp_path, "training"),
        pytest.raises(OutputError, match="is training in"),
        only_one(tmp_path, "training"),
    ):
        pytest.fail("entered")
    with only_one(tmp_path, "training"):
        pass


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        ValueError("cannot write: Read-only file system"),
    ],
)
def test_a_full_disk_is_our_error_whoever_says_it(tmp_path, error):
    with pytest.raises(OutputError, match="choose a writable place"), writing(tmp_path):
        raise error
    with pytest.raises(KeyError), writing(tmp_path):
        raise KeyError("other")
