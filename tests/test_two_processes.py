"""`distill` and `eval` in two processes that really run give what one gives, and tell a death."""

import json
import os
import signal
import socket

import pytest
from test_interruption import SERVER, command, contents
from test_readers_tar import write_tar

pytestmark = pytest.mark.slow

CLICKS = ["--protocol", "clicks", "box", "--clicks", "2", "--size", "64"]
GRID = ["--points-per-side", "2"]


def dying(words, said, environment):
    """A process that is killed when it has measured two photos, at the third."""
    from squeezesam.evaluation import run

    evaluate, seen = run.evaluate_photos, []

    def measured(*arguments):
        seen.append(arguments)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return evaluate(*arguments)

    run.evaluate_photos = measured
    command(words, said=said, environment=environment)


def together(tmp_path, words, targets=(command, command)):
    """Exit status and standard error of a command in as many processes as there are targets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    processes, files = [], []
    for rank, target in enumerate(targets):
        environment = {
            "RANK": str(rank),
            "WORLD_SIZE": str(len(targets)),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        files.append(tmp_path / f"said{rank}.txt")
        process = SERVER.Process(
            target=target,
            args=([str(word) for word in words],),
            kwargs={"said": files[-1], "environment": environment},
        )
        process.start()
        processes.append(process)
    for process in processes:
        process.join(120)
    said = [file.read_text() for file in files]
    for file in files:
        file.unlink()
    return [process.exitcode for process in processes], said


def measured(folder):
    """What an evaluation found; time and command differ."""
    return json.loads((folder / "results.json").read_text())["data"]


@pytest.mark.parametrize("layout", ["folder", "shards"])
def test_two_processes_label_as_one_does(scenes, tmp_path, teacher, layout):
    data = scenes / "shapes"
    if layout == "shards":
        (tmp_path / "shards").mkdir()
        for number in range(3):
            names = [f"scene{2 * number}", f"scene{2 * number + 1}"]
            write_tar(tmp_path / "shards" / f"sa_{number}.tar", data, names)
        data = tmp_path / "shards"
    words = ["distill", "--teacher", teacher, "--data", data, *GRID, "--out"]
    assert together(tmp_path, [*words, tmp_path / "one"], [command])[0] == [0]
    assert together(tmp_path, [*words, tmp_path / "two"]) == ([0, 0], ["", ""])
    one = contents(tmp_path / "one")
    assert len(one) == (12 if layout == "folder" else 6)
    assert contents(tmp_path / "two") == one


def test_two_processes_measure_as_one_does_and_a_death_is_told(scenes, tmp_path, weights):
    words = ["eval", "--data", scenes, "--model", weights, *CLICKS, "--out"]
    assert together(tmp_path, [*words, tmp_path / "one"], [command]) == ([0], [""])
    assert together(tmp_path, [*words, tmp_path / "two"]) == ([0, 0], ["", ""])
    assert measured(tmp_path / "two") == measured(tmp_path / "one")
    assert sorted(contents(tmp_path / "two")) == sorted(contents(tmp_path / "one"))

    ended, said = together(tmp_path, [*words, tmp_path / "three"], [command, dying])
    assert ended == [2, -signal.SIGKILL]
    (line,) = said[0].splitlines()
    assert line.startswith("squeezesam eval: process 0 of 2 has lost another one")
    assert "1 of 6 parts are not in" in line
    assert "process 1;" in line
    assert together(tmp_path, [*words, tmp_path / "three"], [command]) == ([0], [""])
    assert measured(tmp_path / "three") == measured(tmp_path / "one")


def test_several_processes_need_a_place_and_one_another(scenes, tmp_path, weights):
    words = ["eval", "--data", scenes, "--model", weights, *CLICKS]
    ended, said = together(tmp_path, words)
    assert ended == [2, 2]
    assert all("several processes need --out" in line for line in said)
