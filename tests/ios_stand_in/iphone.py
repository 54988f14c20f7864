"""An iPhone made of a folder, with the benchmark app on it; what the stand-ins for tools act on.

SYNTHETIC: it is written from documentation and answers from `tests/data/ios`; nothing is measured.
The folder of $IOS_STAND_IN holds `fault.json` (what goes wrong), `calls.jsonl` (what was asked) and
`container` (of the app, once it is installed).
"""

import json
import os
import shutil
import signal
import time
from pathlib import Path

DATA = Path(__file__).parent.parent / "data" / "ios"
STATE = Path(os.environ["IOS_STAND_IN"])
CONTAINER = STATE / "container"
FOLDER = CONTAINER / "Documents" / "squeezesam"
FAULT = json.loads((STATE / "fault.json").read_text())
UNFINISHED = "the app crashed, or iOS ended it"


class RefusedError(Exception):
    """The tool says an error; the name of the fault finds its words."""


def synthetic(name):
    return json.loads((DATA / f"SYNTHETIC_{name}.json").read_text())


def has_fault(*names):
    return FAULT["name"] in names


def refuse_if(*names):
    if has_fault(*names):
        raise RefusedError(FAULT["name"])


def note(words):
    with (STATE / "calls.jsonl").open("a") as file:
        file.write(json.dumps(words) + "\n")


def install(path):
    refuse_if("unsigned", "unheard-of")
    assert (path / "Info.plist").is_file()
    CONTAINER.mkdir(exist_ok=True)


def push(source, destination):
    refuse_if("full")
    gone()
    target = CONTAINER / destination
    if not target.parent.is_dir():
        raise RefusedError("no-file")
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def pull(source, destination):
    gone()
    if not (CONTAINER / source).is_file():
        raise RefusedError("no-file")
    shutil.copyfile(CONTAINER / source, destination)


def launch(words):
    """Play the app to its end."""
    gone()
    refuse_if("untrusted-developer", "locked-at-launch")
    if not CONTAINER.is_dir():
        raise RefusedError("not-installed")
    verb, *names = words
    if verb == "clean":
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        return
    answer = FOLDER / names[-1]
    if verb == "condition":
        told = synthetic("app_measurement")["before"]
        told["thermal_state"] = "serious" if has_fault("hot") else "nominal"
        answer.write_text(json.dumps(told))
        return
    job = json.loads((FOLDER / names[0]).read_text())
    if verb == "run" and job["artifact"].startswith(FAULT.get("artifact", "")):
        if has_fault("crash-at-start"):
            return
        answer.write_text(json.dumps({"error": UNFINISHED}))
        if has_fault("crash"):
            return
        if has_fault("crash-told-as-failure"):
            raise RefusedError("unheard-of")
        if has_fault("hang"):
            time.sleep(60)
        if has_fault("interrupt"):
            os.kill(os.getppid(), signal.Signals[FAULT["signal"]])
            time.sleep(60)
    told = {"compile": compiled, "run": measured}[verb](job)
    answer.write_text(json.dumps(told)[: 20 if has_fault("damaged") else None])


def compiled(job):
    if has_fault("no-compile") and job["artifact"].startswith(FAULT["artifact"]):
        return {"error": "Core ML does not read it"}
    assert (FOLDER / job["artifact"] / "Manifest.json").is_file()
    name = f"{job['artifact']}.mlmodelc"
    (FOLDER / name).mkdir()
    return {"compiled": name}


def measured(job):
    if has_fault("app-error"):
        return {
            "error": "input image takes pixel format 42, of which the app makes no random values"
        }
    assert (FOLDER / f"{job['artifact']}.mlmodelc").is_dir()
    told = synthetic("app_measurement")
    del told["SYNTHETIC"]
    told["backend"] = f"CoreML {job['compute_units']}"
    told["warm_samples_ms"] *= job["protocol"]["timed_inferences"]
    if has_fault("old-app"):
        del told["memory_kind"]
    runs = STATE / "runs"
    runs.write_text(runs.read_text() + "." if runs.exists() else ".")
    return told


def gone():
    """From some number of runs on nobody is there."""
    runs = STATE / "runs"
    if has_fault("gone") and runs.exists() and len(runs.read_text()) >= FAULT["after_runs"]:
        raise RefusedError("gone")
