"""Stands in for the command line of pymobiledevice3; see iphone.py."""

import json
import os
import sys
from pathlib import Path

import iphone


def list_phones():
    iphone.refuse_if("no-usbmuxd", "not-paired")
    listed = iphone.synthetic("pymobiledevice3_devices")["devices"]
    if iphone.has_fault("several"):
        listed[1] |= {"UniqueDeviceID": "00000000-000000000000B002", "DeviceName": "Drawer"}
    if iphone.has_fault("old-ios"):
        listed[0]["ProductVersion"] = listed[1]["ProductVersion"] = "16.7"
    return [] if iphone.has_fault("no-phone") else listed


def developer_mode():
    return not iphone.has_fault("developer-mode-off")


def lock_state():
    iphone.refuse_if("no-tunnel", "no-developer-services")
    return {"passcodeRequired": iphone.has_fault("locked"), "unlockedSinceBoot": True}


def install(path):
    iphone.install(Path(path))


def push(_bundle, source, destination):
    directory = Path(source).is_dir()
    iphone.push(Path(source), f"{destination}/{Path(source).name}" if directory else destination)


def pull(_bundle, source, destination):
    iphone.pull(source, Path(destination))


def launch(flag, _bundle, *words):
    assert flag == "--console"
    iphone.launch(list(words))


VERBS = {
    ("usbmux", "list"): list_phones,
    ("amfi", "developer-mode-status"): developer_mode,
    ("developer", "core-device", "get-lockstate"): lock_state,
    ("developer", "core-device", "launch-application"): launch,
    ("apps", "install"): install,
    ("apps", "push"): push,
    ("apps", "pull"): pull,
}


def main(words):
    iphone.note(words)
    assert words[0] == "--no-color"
    (verb,) = [verb for verb in VERBS if tuple(words[1 : 1 + len(verb)]) == verb]
    if verb != ("usbmux", "list"):
        assert os.environ["PYMOBILEDEVICE3_UDID"].startswith("00000000-")
    try:
        told = VERBS[verb](*words[1 + len(verb) :])
    except iphone.RefusedError as error:
        said = iphone.synthetic("pymobiledevice3_errors")["errors"][str(error)]
        print(f"2026-01-01 00:00:00 desk pymobiledevice3.__main__[1] ERROR {said}", file=sys.stderr)
        print("2026-01-01 00:00:00 desk x[1] INFO Run again with -v", file=sys.stderr)
        return 1
    if told is not None:
        print(json.dumps(told, indent=4))
    return 0
