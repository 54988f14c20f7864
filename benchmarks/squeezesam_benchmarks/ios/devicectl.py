"""iPhones through Xcode's `xcrun devicectl`; read by its JSON files, which Apple keeps stable.

Never run on a Mac yet: the tests drive it through a stand-in for `xcrun`. Two things that others
saw shape it: `copy to` with `--remove-existing-content` empties the whole container, so it is not
used; and devicectl deletes no files, so the app deletes its own.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from squeezesam_benchmarks.ios.app import FOLDER, App
from squeezesam_benchmarks.ios.driver import (
    DEVELOPER_MODE_OFF,
    LOCKED,
    LONGEST_S,
    Phone,
    call,
    refusal_error,
    refused,
)

PROGRAM = "xcrun"


class Devicectl:
    """Implements `driver.Driver`."""

    def phones(self) -> list[Phone]:
        """Those that are connected, by cable or network; simulators are none."""
        listed = self._call("listing iPhones", ["list", "devices"])
        records = [Record(device) for device in listed.get("devices", [])]
        return [record.phone() for record in records if record.is_within_reach()]

    def check(self, phone: Phone) -> None:
        """See that it is unlocked and in Developer Mode."""
        step = f"looking at {phone.name}"
        details = self._call(step, ["device", "info", "details", *_on(phone)])
        if Record(details).developer_mode() == "disabled":
            raise refusal_error(step, DEVELOPER_MODE_OFF)
        lock = self._call(step, ["device", "info", "lockState", *_on(phone)])
        if lock.get("passcodeRequired"):
            raise refusal_error(step, LOCKED)

    def install(self, phone: Phone, app: App) -> None:
        """Install the app, or replace it."""
        verb = ["device", "install", "app", *_on(phone)]
        self._call("installing the app", verb, [str(app.path)])

    def push(self, phone: Phone, app: App, source: Path) -> None:
        """Copy into FOLDER; of a directory devicectl copies the content to the destination."""
        ends = ["--source", str(source), "--destination", f"{FOLDER}/{source.name}"]
        verb = ["device", "copy", "to", *_on(phone), *_container(app), *ends]
        self._call(f"copying {source.name} to {phone.name}", verb)

    def launch(self, phone: Phone, app: App, words: Sequence[str], longest_s: float) -> None:
        """Run the app to its end, which `--console` waits for."""
        verb = ["device", "process", "launch", *_on(phone), "--terminate-existing", "--console"]
        operands = [app.bundle_id, *words]
        self._call("launching the app", verb, operands, longest_s)

    def pull(self, phone: Phone, app: App, name: str, destination: Path) -> None:
        """Copy a file of FOLDER to a path here."""
        ends = ["--source", f"{FOLDER}/{name}", "--destination", str(destination)]
        verb = ["device", "copy", "from", *_on(phone), *_container(app), *ends]
        self._call(f"fetching the app's answer from {phone.name}", verb)

    def _call(
        self,
        step: str,
        verb: Sequence[str],
        operands: Sequence[str] = (),
        longest_s: float = LONGEST_S,
    ) -> dict[str, Any]:
        """What devicectl puts into `result`."""
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.json"
            command = [PROGRAM, "devicectl", *verb, "--json-output", str(answer), *operands]
            done = call(step, command, longest_s)
            try:
                told = json.loads(answer.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise refused(step, done.stderr) from error
        if told.get("info", {}).get("outcome") != "success":
            raise refused(step, "; ".join(texts(told.get("error"))))
        result: dict[str, Any] = told.get("result", {})
        return result


class Record:
    """What devicectl says of a device.

    From jsonVersion 5 on (Xcode 27) it is in `properties`; before that, in three dictionaries.
    """

    def __init__(self, device: dict[str, Any]) -> None:
        properties = device.get("properties", {})
        self.hardware = {**device.get("hardwareProperties", {}), **properties.get("hardware", {})}
        self.connection = {
            **device.get("connectionProperties", {}),
            **properties.get("connection", {}),
        }
        self.state = {
            **device.get("deviceProperties", {}),
            **properties.get("software", {}),
            **properties.get("state", {}),
        }

    def is_within_reach(self) -> bool:
        """Whether this is an iPhone or iPad that is there now, not one that was there once."""
        state = self.connection.get("state", self.connection.get("tunnelState"))
        return (
            self.hardware.get("platform") == "iOS"
            and self.hardware.get("reality") != "simulated"
            and bool(self.hardware.get("udid"))
            and state != "unavailable"
        )

    def phone(self) -> Phone:
        """Its description."""
        hardware, os_version = self.hardware, self.state.get("osVersionNumber", "")
        if isinstance(os_version, dict):
            os_version = os_version.get("stringValue", "")
        return Phone(
            udid=hardware["udid"],
            name=self.state.get("name", "iPhone"),
            model=hardware.get("marketingName") or hardware.get("productType", "iPhone"),
            os_version=os_version,
            trusted=self.connection.get("pairingState") == "paired",
        )

    def developer_mode(self) -> str | None:
        """`enabled`, `disabled`, or None where it was not said."""
        status = self.state.get("developerModeStatus")
        return next(iter(status), None) if isinstance(status, dict) else status


def texts(error: object) -> Iterator[str]:
    """Every text of an error and of those under it, the outermost first."""
    if isinstance(error, dict):
        for key, value in error.items():
            if key == "string" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)


def _on(phone: Phone) -> list[str]:
    return ["--device", phone.udid]


def _container(app: App) -> list[str]:
    return ["--domain-type", "appDataContainer", "--domain-identifier", app.bundle_id]
