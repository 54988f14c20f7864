"""A tool that reaches iPhones, and the choice of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

from squeezesam.errors import DeviceError
from squeezesam_benchmarks.ios.app import App


@dataclass(frozen=True)
class Phone:
    """An iPhone or iPad that a tool knows of.

    Attributes:
        udid: by which it is named with `--device`.
        name: that its owner gave it.
        model: product name, else its identifier, such as `iPhone14,5`.
        os_version: of iOS or iPadOS, such as `18.1`.
        trusted: whether it is paired with this computer.
    """

    udid: str
    name: str
    model: str
    os_version: str
    trusted: bool = True


class Driver(Interface):
    """One tool, with the same steps for all.

    Every step raises DeviceError where the phone or the tool refuses, with the cause and the mend.
    """

    def phones(self) -> list[Phone]:
        """Those within reach."""

    def check(self, phone: Phone) -> None:
        """See that it is unlocked and in Developer Mode, before anything is copied."""

    def install(self, phone: Phone, app: App) -> None:
        """Install the app, or replace it; what its container holds stays."""

    def push(self, phone: Phone, app: App, source: Path) -> None:
        """Copy a file or directory into `app.FOLDER` of the container, under its own name."""

    def launch(self, phone: Phone, app: App, words: Sequence[str], longest_s: float) -> None:
        """Run the app in a fresh process to its end.

        Raises:
            HungError: it still ran after `longest_s`; the next launch ends it.
        """

    def pull(self, phone: Phone, app: App, name: str, destination: Path) -> None:
        """Copy a file of `app.FOLDER` to a path here."""


def choose(phones: Sequence[Phone], udid: str | None) -> Phone:
    """The phone of that UDID, or the only one.

    Raises:
        DeviceError: none, none of that UDID, several without a UDID, or it trusts us not.
    """
    listed = ", ".join(f"{phone.name} ({phone.udid})" for phone in phones)
    if not phones:
        raise DeviceError("no iPhone is connected; connect one by cable and unlock it")
    if udid is not None:
        matching = [phone for phone in phones if phone.udid.casefold() == udid.casefold()]
        if not matching:
            raise DeviceError(f"no iPhone has --device {udid}; connected: {listed}")
    elif len(phones) > 1:
        raise DeviceError(f"several iPhones are connected; choose one with --device: {listed}")
    else:
        matching = list(phones)
    (phone,) = matching
    if not phone.trusted:
        raise DeviceError(
            f"{phone.name} is not paired with this computer; unlock it and answer Trust"
        )
    return phone
