"""Lines of `adb devices -l`, without adb."""

import subprocess

import pytest

from squeezesam_benchmarks.android import adb

FIELDS = "product:p model:Pixel_8 device:d transport_id:1"


@pytest.mark.parametrize(
    ("said", "listed"),
    [
        (f"ABC123  device usb:1-1 {FIELDS}", [("ABC123", "device", "Pixel_8")]),
        (f" GS1012          device {FIELDS}", [(" GS1012", "device", "Pixel_8")]),
        (
            f"adb-01-x (2)._adb-tls-connect._tcp device {FIELDS}",
            [("adb-01-x (2)._adb-tls-connect._tcp", "device", "Pixel_8")],
        ),
        (f"my phone device {FIELDS}", [("my phone", "device", "Pixel_8")]),
        ("my phone\tdevice", [("my phone", "device", None)]),
        ("10.0.0.2:5555 offline transport_id:3", [("10.0.0.2:5555", "offline", None)]),
        (
            "A unauthorized usb:1\r\nB recovery",
            [("A", "unauthorized", None), ("B", "recovery", None)],
        ),
        (
            "???? no permissions (user in plugdev group; see [http://x]) usb:1",
            [("????", "no permissions", None)],
        ),
        ("* daemon not running. starting it now on port 5037 *\nA device", [("A", "device", None)]),
        ("", []),
        ("\n\n", []),
    ],
)
@pytest.mark.parametrize("before", ["", "* daemon started successfully *\n", "adb: a warning\n"])
@pytest.mark.parametrize("after", ["", " ", "\r", " \t"])
def test_devices_are_listed_as_adb_writes_them(monkeypatch, said, listed, before, after):
    text = f"{before}List of devices attached{after}\n{said}\n\n"
    done = subprocess.CompletedProcess([], 0, text, "")
    monkeypatch.setattr(adb, "run_adb", lambda *_: done)
    found = [(one.serial, one.state, one.model) for one in adb.listed_devices()]
    assert found == listed


def test_text_without_the_header_lists_nothing(monkeypatch):
    done = subprocess.CompletedProcess([], 0, "adb device", "")
    monkeypatch.setattr(adb, "run_adb", lambda *_: done)
    assert adb.listed_devices() == []
