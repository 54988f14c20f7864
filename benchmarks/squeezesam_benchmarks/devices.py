"""Where artifacts can run; adding a device is a file and a line here."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol as Abstract

from squeezesam.errors import ConfigError
from squeezesam.spec import SEGMENTER, NetworkKind
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Condition, DeviceFacts, Measurement, TimedFile

WEB = "web"
DEVICE_MODULES = {
    "host": "squeezesam_benchmarks.host",
    "android": "squeezesam_benchmarks.android.device",
    "ios": "squeezesam_benchmarks.ios.device",
    WEB: "squeezesam_benchmarks.web_device",
    "arm64-emulated": "squeezesam_benchmarks.arm64.device",
}
SALIENT_DEVICES = ("host", WEB)
"""Where automatic masks can be timed, the usual one first."""

BROWSER_BACKENDS = ("wasm", "webgpu")
"""Of ONNX Runtime in a browser, the usual one first."""


@dataclass(frozen=True)
class SalientWay:
    """What the way to an automatic mask needs beside the segmenter.

    Attributes:
        detector: where the detector's artifact lies.
        artifact: what is known about it.
        photo: an image file in which something stands out.
    """

    detector: Path
    artifact: TimedFile
    photo: Path


@dataclass(frozen=True)
class BenchmarkArtifact:
    """An artifact to time.

    Attributes:
        path: where it lies.
        target: its name in `squeezesam_export.targets.table.TARGETS`, or PyTorch for weights.
        artifact: what is known about it.
        pipeline: its name in `pipelines.PIPELINES`; None where only the network can be timed.
        io_dtypes: element types of its inputs and outputs by name, as its manifest has them; empty
            where none is known.
        input_size: side of its square image input in pixels; None where it takes others.
        salient: None where its pipeline, if any, is a click; hosts and browsers know other ones.
        kind: the kind of network.
    """

    path: Path
    target: str
    artifact: TimedFile
    pipeline: str | None = None
    io_dtypes: tuple[tuple[str, str], ...] = ()
    input_size: int | None = None
    salient: SalientWay | None = None
    kind: NetworkKind = SEGMENTER


@dataclass(frozen=True)
class DeviceOptions:
    """How to find a device and what to use on it; each kind of device reads what it needs.

    Attributes:
        device: serial number of an Android device, UDID of an iPhone; None where there is only one.
            Of browsers, `address` waits for one that a person opens; None starts Chromium.
        cpu: to emulate; None for the usual one.
        runners: built runners for the device, or the node_modules folder of a browser's runtime;
            None for the usual folder.
        app: whether the demo app on the device runs what it ships; None where nobody said.
        cache: keeps what is fetched or built.
        compute_units: of Core ML, as iOS names them, or the backend of a browser; None for all, or
            for the processor.
        cases: golden cases to compare where the processor is emulated.
        tell: takes a line on what happens beside the measuring.
    """

    device: str | None = None
    cpu: str | None = None
    runners: Path | None = None
    app: bool | None = None
    cache: Path = Path("~/.cache/squeezesam")
    compute_units: str | None = None
    cases: int = 2
    tell: Callable[[str], None] = print


class Device(Abstract):
    """A machine that runs artifacts, each in a fresh process.

    A module of DEVICE_MODULES offers `connect(options) -> AbstractContextManager[Device]`. Leaving
    the context takes everything off the device again, whatever happened.
    """

    facts: DeviceFacts
    default_threads: tuple[int | None, ...]
    """None alone where the runtime takes no such number."""
    deterministic: bool
    """Whether a second measurement only says the first again; then there is one round."""

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether this kind of artifact runs there."""

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse numbers of threads that would not have a core each.

        Raises:
            ConfigError: none given, or one that the device cannot pin.
        """

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Bring there what is needed to run them.

        Raises:
            DeviceError: the device does not take it.
        """

    def condition(self) -> Condition:
        """The state of the device now.

        Raises:
            DeviceError: the device is gone.
        """

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Run the protocol once in a fresh process; `before` and `after` are the caller's to fill.

        Raises:
            ArtifactError: the artifact does not load or run, or its process crashed; the device
                is still good for others.
            DeviceError: the device is gone or refuses.
            MissingDependencyError: its runtime is not installed.
        """


def refuse_options(device: str, options: DeviceOptions, *taken: str) -> None:
    """Refuse options that are for other devices.

    Args:
        device: as `bench run --on` names it.
        options: as given.
        taken: fields of `options` that mean something there, of those that are None by default.

    Raises:
        ConfigError: another one was given.
    """
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.default is None and value is not None and field.name not in taken:
            option = f"--{field.name.replace('_', '-')}" + ("" if value is True else f" {value}")
            raise ConfigError(f"{option} is not for --on {device}; leave it out")


def open_device(name: str, options: DeviceOptions) -> AbstractContextManager[Device]:
    """The device of a name.

    Raises:
        ConfigError: there is none.
        DeviceError: no such device, or it refuses; on entering.
    """
    if name not in DEVICE_MODULES:
        raise ConfigError(f"unknown --on {name!r}; choose from {', '.join(DEVICE_MODULES)}")
    connection: AbstractContextManager[Device] = import_module(DEVICE_MODULES[name]).connect(
        options
    )
    return connection


def check_cores(threads: Sequence[int | None], cores: int, refusal: str) -> None:
    """Refuse numbers of threads that would not have a core each.

    Args:
        threads: as given.
        cores: that a device has for them.
        refusal: what is said of one that it cannot have, such as `cannot be pinned here`.

    Raises:
        ConfigError: none given, below 1, or more than the cores.
    """
    if not threads:
        raise ConfigError(f"no number of threads given; give 1 to {cores}")
    for count in threads:
        if count is None or not 1 <= count <= cores:
            raise ConfigError(f"threads={count} {refusal}; give 1 to {cores}")
