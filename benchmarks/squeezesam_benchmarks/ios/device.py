"""An iPhone as a device that runs Core ML packages, through the app of `ios_demo`.

The app compiles a package once, in a process of its own; each measurement is a fresh process that
loads the compiled model. Core ML keeps what it made of a model for the chip in a cache that an app
cannot empty, so the first round may load slower than the others: raw samples show it.

No iPhone, Mac or Xcode has run any of this yet.
"""

import dataclasses
import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from squeezesam.errors import (
    ArtifactError,
    ConfigError,
    DeviceError,
    MissingDependencyError,
    SqueezeSamError,
)
from squeezesam_benchmarks.devices import BenchmarkArtifact, DeviceOptions, refuse_options
from squeezesam_benchmarks.ios import app, devicectl, pymobile
from squeezesam_benchmarks.ios.driver import Driver, HungError, Phone, choose
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Condition, DeviceFacts, Measurement, Record
from squeezesam_export.targets import coreml_target

DRIVERS: dict[str, Callable[[], Driver]] = {
    devicectl.PROGRAM: devicectl.Devicectl,
    pymobile.PROGRAM: pymobile.PyMobileDevice,
}
"""By the program that each runs; the first that is installed is taken."""

ASIDE_LIMIT_S = 60.0
"""The longest that the app may take to clean up, or to tell the phone's state."""

LAUNCH_LIMIT_S = 600.0
"""The longest that it may take to compile, or to load beside what the protocol asks for."""

INFERENCE_LIMIT_S = 10.0
"""The longest that one inference may take."""


class Iphone:
    """Implements `devices.Device`; a process of the app for each measurement."""

    default_threads: tuple[int | None, ...] = (None,)
    deterministic = False

    def __init__(self, driver: Driver, phone: Phone, built: app.App, compute_units: str) -> None:
        self.driver = driver
        self.phone = phone
        self.app = built
        self.compute_units = compute_units
        self.compiled: set[Path] = set()
        self.holds_files = False
        self.facts = DeviceFacts(
            place="ios",
            model=phone.model,
            soc=None,
            cpu=None,
            cores=None,
            os=f"iOS {phone.os_version}",
        )

    def takes(self, subject: BenchmarkArtifact) -> bool:
        """Whether it is a Core ML package."""
        return subject.target == coreml_target.TARGET.name

    def check_threads(self, threads: Sequence[int | None]) -> None:
        """Refuse any number of threads.

        Raises:
            ConfigError: one was given.
        """
        for count in threads:
            if count is not None:
                raise ConfigError(f"--threads {count}: Core ML takes no such number; leave it out")

    def prepare(self, subjects: Sequence[BenchmarkArtifact]) -> None:
        """Install the app, remove what an earlier run left, and copy the packages.

        Raises:
            DeviceError: the phone does not take it.
        """
        self.driver.install(self.phone, self.app)
        self._have_cleaned()
        self.holds_files = True
        for subject in subjects:
            self.driver.push(self.phone, self.app, subject.path)

    def clean(self) -> None:
        """Remove all that was copied to the app or written by it; the app itself stays.

        Raises:
            DeviceError: the phone is gone or refuses.
        """
        if not self.holds_files:
            return
        try:
            self._have_cleaned()
        except DeviceError as error:
            raise DeviceError(
                f"copied files may be left in the app on {self.phone.name}: {error}; "
                "the next run removes them, and so does deleting the app"
            ) from error

    def condition(self) -> Condition:
        """The state of the phone, asked for in a process of its own.

        Raises:
            DeviceError: the phone is gone, or the app does not answer.
        """
        try:
            return self._answer([app.CONDITION], ASIDE_LIMIT_S, Condition)
        except ArtifactError as error:
            raise DeviceError(f"asking {self.phone.name} for its state: {error}") from error

    def measure(
        self, subject: BenchmarkArtifact, threads: int | None, protocol: Protocol
    ) -> Measurement:
        """Measure one package in a process of its own, compiled in another at its first time.

        Raises:
            ArtifactError: it does not compile, load or run, or the app crashed or hung.
            DeviceError: the phone is gone or refuses.
        """
        self.check_threads((threads,))
        job = self._pushed_job(app.AppJob(subject.path.name, self.compute_units, protocol))
        try:
            if subject.path not in self.compiled:
                self._answer([app.COMPILE, job], LAUNCH_LIMIT_S, app.Compiled)
                self.compiled.add(subject.path)
            return self._answer(
                [app.RUN, job], protocol.longest_s(LAUNCH_LIMIT_S, INFERENCE_LIMIT_S), Measurement
            )
        except ArtifactError as error:
            where = f"timing {subject.path.name} on {self.phone.name}"
            raise ArtifactError(f"{where} failed: {error}") from error

    def _have_cleaned(self) -> None:
        """Have the app empty its folder, since devicectl deletes no files."""
        self.driver.launch(self.phone, self.app, [app.CLEAN], ASIDE_LIMIT_S)

    def _pushed_job(self, job: app.AppJob) -> str:
        """The name of the file that now says it on the phone."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"job-{uuid.uuid4().hex}.json"
            file.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
            self.driver.push(self.phone, self.app, file)
        return file.name

    def _answer(self, words: Sequence[str], longest: float, kind: type[Record]) -> Record:
        """Launch the app and read what it wrote.

        It writes that it did not end first, and its answer last; so what a launch is said to have
        come to matters only where it wrote nothing.
        """
        name, failure = f"answer-{uuid.uuid4().hex}.json", None
        try:
            self.driver.launch(self.phone, self.app, [*words, name], longest)
        except HungError as error:
            raise ArtifactError(f"the app hung: {error}") from error
        except DeviceError as error:
            failure = error
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            try:
                self.driver.pull(self.phone, self.app, name, file)
            except DeviceError as error:
                raise failure or error from error
            return app.read_answer(file, kind)


@contextmanager
def connect(options: DeviceOptions) -> Iterator[Iphone]:
    """An iPhone that is connected; leaving removes what was copied to it.

    Raises:
        ConfigError: an option that is for other devices, or unknown compute units.
        DeviceError: no iPhone, several, one that refuses, or no built app.
        MissingDependencyError: no tool that reaches iPhones.
    """
    compute_units = options.compute_units or app.COMPUTE_UNITS[0]
    refuse_options("ios", options, "device", "runners", "compute_units")
    if compute_units not in app.COMPUTE_UNITS:
        known = ", ".join(app.COMPUTE_UNITS)
        raise ConfigError(f"unknown --compute-units {compute_units!r}; choose from {known}")
    driver = installed_driver()
    built = app.built_app(options.runners or options.cache / app.BUILT)
    phone = choose(driver.phones(), options.device)
    driver.check(phone)
    iphone = Iphone(driver, phone, built, compute_units)
    with cleaned_after(iphone):
        yield iphone


@contextmanager
def cleaned_after(iphone: Iphone) -> Iterator[None]:
    """Remove what the block copied to a phone, whatever ends it; an error of the block is kept.

    Raises:
        DeviceError: files may be left there.
    """
    try:
        yield
    except SqueezeSamError as error:
        try:
            iphone.clean()
        except DeviceError as left:
            raise DeviceError(f"{error}; {left}") from error
        raise
    except BaseException:
        iphone.clean()
        raise
    iphone.clean()


def installed_driver() -> Driver:
    """The tool of this machine.

    Raises:
        MissingDependencyError: there is none.
    """
    for program, driver in DRIVERS.items():
        if shutil.which(program):
            return driver()
    raise MissingDependencyError(
        f"neither {devicectl.PROGRAM} nor {pymobile.PROGRAM} is on PATH; install Xcode 15 or later "
        "on a Mac, elsewhere `pip install pymobiledevice3` in an environment of its own"
    )
