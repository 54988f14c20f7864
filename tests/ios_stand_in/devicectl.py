"""Stands in for `xcrun devicectl`; see iphone.py."""

import json
import sys
from pathlib import Path

import iphone


def list_devices(_options, _operands):
    version = "_version_5" if iphone.has_fault("version-5") else ""
    listed = iphone.synthetic(f"devicectl_devices{version}")
    devices = listed["result"]["devices"]
    if iphone.has_fault("no-phone"):
        del devices[0]
    if iphone.has_fault("several"):
        devices[1]["connectionProperties"]["tunnelState"] = "connected"
    if iphone.has_fault("not-paired"):
        devices[0]["connectionProperties"]["pairingState"] = "unpaired"
    return listed


def details(_options, _operands):
    iphone.refuse_if("no-tunnel", "no-developer-services")
    told = iphone.synthetic("devicectl_details")
    if iphone.has_fault("developer-mode-off"):
        told["result"]["deviceProperties"]["developerModeStatus"] = "disabled"
    return told


def lock_state(_options, _operands):
    told = iphone.synthetic("devicectl_lock_state")
    told["result"]["passcodeRequired"] = iphone.has_fault("locked")
    return told


def install(_options, operands):
    iphone.install(Path(operands[0]))
    return iphone.synthetic("devicectl_done")


def copy_to(options, _operands):
    iphone.push(Path(options["--source"]), options["--destination"])
    return iphone.synthetic("devicectl_done")


def copy_from(options, _operands):
    iphone.pull(options["--source"], Path(options["--destination"]))
    return iphone.synthetic("devicectl_done")


def launch(_options, operands):
    iphone.launch(operands[1:])
    return iphone.synthetic("devicectl_done")


VERBS = {
    ("list", "devices"): list_devices,
    ("device", "info", "details"): details,
    ("device", "info", "lockState"): lock_state,
    ("device", "install", "app"): install,
    ("device", "copy", "to"): copy_to,
    ("device", "copy", "from"): copy_from,
    ("device", "process", "launch"): launch,
}
FLAGS = {"--console", "--terminate-existing"}
OPTIONS = {
    "--device",
    "--json-output",
    "--source",
    "--destination",
    "--domain-type",
    "--domain-identifier",
}


def main(words):
    iphone.note(words)
    if iphone.has_fault("no-devicectl"):
        print('xcrun: error: unable to find utility "devicectl"', file=sys.stderr)
        return 72
    (verb,) = [verb for verb in VERBS if tuple(words[1 : 1 + len(verb)]) == verb]
    options, operands, rest = {}, [], words[1 + len(verb) :]
    while rest:
        word = rest.pop(0)
        if word in FLAGS:
            options[word] = None
        elif word in OPTIONS:
            options[word] = rest.pop(0)
        else:
            operands = [word, *rest]
            break
    try:
        told, status = VERBS[verb](options, operands), 0
    except iphone.RefusedError as error:
        errors = iphone.synthetic("devicectl_errors")["errors"]
        told, status = {"error": errors[str(error)], "info": {"outcome": "failed"}}, 1
    Path(options["--json-output"]).write_text(json.dumps(told))
    return status
