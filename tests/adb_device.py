"""A test device: an emulated ARM64 machine that the real adb client connects to over TCP.

Its shell and tools are Android's own, mksh and toybox, or this machine's where they are not
installed. Paths of a phone are rewritten to a folder, and what an Android system would say is a
table. ARM64 programs run under QEMU, so their times mean nothing.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from adb_services import serve_shell, serve_sync
from adb_wire import Connection, Stream

from squeezesam_benchmarks.arm64.emulator import CPUS, make_root

MODEL = "test device, emulated ARM64"
TMP = "/data/local/tmp"
TOYS = ("cat", "chmod", "ls", "mkdir", "rm", "sha256sum", "sleep")
"""Tools that commands of ours use."""

PROPERTIES = {
    "ro.product.manufacturer": "SqueezeSAM",
    "ro.product.model": MODEL,
    "ro.soc.manufacturer": "QEMU",
    "ro.soc.model": "user-mode emulation",
    "ro.build.version.release": "0 (none: emulated)",
    "ro.build.version.sdk": "0",
}
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  level: 83
  scale: 100
  temperature: 251
"""
THERMAL = """IsStatusOverride: false
Thermal Status: {status}
Cached temperatures:
	Temperature{{mValue=99.0, mType=0, mName=CPU0, mStatus=0}}
HAL Ready: true
Current temperatures from HAL:
	Temperature{{mValue=41.5, mType=0, mName=CPU0, mStatus=0}}
	Temperature{{mValue=NaN, mType=0, mName=CPU1, mStatus=0}}
	Temperature{{mValue=30.0, mType=3, mName=SKIN, mStatus=0}}
Current cooling devices from HAL:
Temperature static thresholds from HAL:
	TemperatureThreshold{{mType=0, mName=CPU0, mVrThrottlingThreshold=NaN}}
"""
RUN = """#!/bin/sh
if [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]; then exec qemu-aarch64 -cpu cortex-a76 -L {root} "$@"
else exec "$@"; fi
"""


def nothing(*told: object) -> None:
    """No fault."""


class AdbDevice:
    """Listens until closed; its faults are planted through the three attributes that are functions.

    Args:
        folder: new; holds everything of the device.
        authorized: whether the phone's owner accepted this computer.

    Attributes:
        files: what the device calls /data/local/tmp.
        serial: by which the client knows it.
        thermal_status: Android's number for how much it is throttling; asked at each `dumpsys`.
        before_piece: called with a file's path and position, before a piece of it is stored.
        before_shell: called with each command before it runs.
        commands: all commands so far.
    """

    def __init__(self, folder: Path, authorized: bool = True) -> None:
        self.folder, self.authorized = folder, authorized
        self.files, self.root = folder / "tmp", folder / "root"
        self.bin, self.toys = folder / "bin", folder / "toys"
        for made in (folder, self.files, self.bin, self.toys):
            made.mkdir()
        self.shell = shutil.which("mksh") or "sh"
        if toybox := shutil.which("toybox"):
            for name in TOYS:
                (self.toys / name).symlink_to(toybox)
        make_root(CPUS["cortex-a76"], self.root)
        self.thermal_status: Callable[[], int] = lambda: 0
        self.before_piece: Callable[[str, int], None] = nothing
        self.before_shell: Callable[[str], None] = nothing
        self.commands: list[str] = []
        self.running: set[int] = set()
        self.connections: list[Connection] = []
        self.port = 0
        self.listen()
        self.serial = f"127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Take connections, on the same port after a break."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener: socket.socket) -> None:
        properties = f"ro.product.name=squeezesam;ro.product.model={MODEL.replace(' ', '_')}"
        banner = f"device::{properties};ro.product.device=emulated;features=shell_v2,cmd"
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            connection = Connection(client, banner.encode(), self.authorized, self.serve)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def serve(self, service: str, stream: Stream) -> None:
        if service == "sync:":
            serve_sync(stream, self.real, lambda path, at: self.before_piece(path, at))
        elif service.startswith("shell,v2"):
            self.serve_command(service.partition(":")[2], stream)

    def serve_command(self, command: str, stream: Stream) -> None:
        self.commands.append(command)
        self.before_shell(command)
        self.write_answers()
        for path, real in self.mapped().items():
            command = command.replace(path, real)
        command = re.sub(r"(?<!\S)\./", "run ./", command)  # programs of the device itself
        environment = {"PATH": f"{self.bin}:{self.toys}:{os.environ['PATH']}"}
        serve_shell(stream, [self.shell, "-c", command], environment, self.spoken, self.running)

    def write_answers(self) -> None:
        """Programs that say what an Android system would."""
        properties = "".join(f"'{name}') echo '{said}';;\n" for name, said in PROPERTIES.items())
        thermal = THERMAL.format(status=self.thermal_status())
        programs = {
            "getprop": f'case "$1" in\n{properties}*) echo;; esac',
            "dumpsys": f'case "$1" in\nbattery) echo "{BATTERY}";;\n*) echo "{thermal}";; esac',
            "settings": "echo 0",
            "run": RUN.format(root=self.root),
        }
        for name, script in programs.items():
            program = self.bin / name
            if not program.exists() or name == "dumpsys":
                fresh = self.bin / f"{name}.{threading.get_ident()}"
                fresh.write_text(f"#!/bin/sh\n{script}\n")
                fresh.chmod(0o755)
                fresh.replace(program)

    def mapped(self) -> dict[str, str]:
        """Paths of the device, and where they lie."""
        return {
            TMP: str(self.files),
            "/sdcard": str(self.folder),
            "/sys/": f"{self.root}/sys/",
            "/proc/cpuinfo": f"{self.root}/proc/cpuinfo",
        }

    def real(self, path: str) -> Path:
        """Where a file of the device lies."""
        return Path(path.replace(TMP, str(self.files)))

    def spoken(self, output: bytes) -> bytes:
        """Some output as the device would say it."""
        return output.replace(str(self.files).encode(), TMP.encode())

    def drop_connections(self) -> None:
        """Break what is connected; the device is still there."""
        while self.connections:
            self.connections.pop().drop()

    def vanish(self) -> None:
        """Go away, as with the cable pulled: programs lose their client and run on."""
        with contextlib.suppress(OSError):  # where it is gone already
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self.listener.close()
        self.drop_connections()

    def come_back(self) -> None:
        """Be there again."""
        self.listen()
        adb("disconnect", self.serial)
        adb("connect", self.serial)

    def lose_power(self) -> None:
        """Go away with all programs killed where they stand."""
        for group in list(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.vanish()


@contextlib.contextmanager
def connected(folder: Path, authorized: bool = True) -> Iterator[AdbDevice]:
    """A device that the adb server of this environment is connected to."""
    device = AdbDevice(folder, authorized)
    try:
        said = adb("connect", device.serial)
        assert "connected to" in said or not authorized, said
        yield device
    finally:
        adb("disconnect", device.serial)
        device.lose_power()


def adb(*words: str) -> str:
    """What the client says."""
    done = subprocess.run(["adb", *words], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr
