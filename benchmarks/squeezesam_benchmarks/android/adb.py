"""The adb client, speaking to one device; every call ends, in an error if need be."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import DeviceError, MissingDependencyError
from squeezesam_benchmarks.android.troubles import refusal, trouble

CALL_LIMIT_S = 60.0
RETURN_LIMIT_S = 10.0
SLOWEST_PUSH_BYTES_PER_S = 0.5e6
END = "squeezesam-end"
"""Printed after each command: a client whose connection breaks exits with status 0."""


@dataclass(frozen=True)
class Answer:
    """What a command on the device printed, and its exit status: 128 and the signal if killed."""

    stdout: str
    stderr: str
    status: int


def run_adb(words: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run the client to its end.

    Raises:
        DeviceError: it takes longer than the limit.
        MissingDependencyError: it is not installed.
    """
    try:
        return subprocess.run(
            ["adb", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingDependencyError(
            "adb is not installed; apt-get install adb, or install Android's platform-tools"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"`adb {' '.join(words[:3])}` did not end within {limit_s:g} s; plug the phone in again"
        ) from error


class Adb:
    """One device.

    Args:
        serial: as `adb devices` lists it.
    """

    def __init__(self, serial: str) -> None:
        self.serial = serial

    def call(self, words: Sequence[str], limit_s: float = CALL_LIMIT_S) -> str:
        """What a subcommand of adb prints.

        Raises:
            DeviceError: it fails.
        """
        done = run_adb(["-s", self.serial, *words], limit_s)
        if done.returncode:
            raise trouble(self.serial, done.stderr or done.stdout)
        return done.stdout

    def shell(self, script: str, limit_s: float = CALL_LIMIT_S) -> Answer:
        """Run a script on the device, whatever its exit status.

        Raises:
            DeviceError: the device cannot be reached or goes away before the end.
        """
        asked = f"(\n{script}\n)\necho {END} $? >&2"
        done = run_adb(["-s", self.serial, "shell", asked], limit_s)
        said, ended, status = done.stderr.rpartition(END)
        if not ended:
            raise trouble(self.serial, done.stderr)
        return Answer(done.stdout, said, int(status))

    def said(self, script: str) -> str:
        """What a script prints that must not fail.

        Raises:
            DeviceError: it fails, or the device goes away.
        """
        answer = self.shell(script)
        if answer.status:
            raise refusal(self.serial, answer.stderr or f"exit status {answer.status}")
        return answer.stdout

    def start(self, script: str) -> subprocess.Popen[str]:
        """Run a script on the device beside this process, out of reach of the terminal's Ctrl-C."""
        return subprocess.Popen(
            ["adb", "-s", self.serial, "shell", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def push(self, files: Sequence[Path], folder: str) -> None:
        """Copy files into a folder of the device.

        Raises:
            DeviceError: it is full, refuses, or goes away.
        """
        size_bytes = sum(file.stat().st_size for file in files)
        limit_s = CALL_LIMIT_S + size_bytes / SLOWEST_PUSH_BYTES_PER_S
        self.call(["push", *(str(file.absolute()) for file in files), f"{folder}/"], limit_s)

    def wait(self) -> None:
        """Wait for a connection that broke to come back.

        Raises:
            DeviceError: it does not within RETURN_LIMIT_S.
        """
        self.call(["wait-for-device"], RETURN_LIMIT_S)
