"""The app of `ios_demo`, which is also the benchmark app: what it is asked, where it answers."""

import json
import plistlib
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from squeezesam.errors import ArtifactError, DeviceError
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Record, record_from_json

COMPUTE_UNITS = ("all", "cpuOnly", "cpuAndGPU", "cpuAndNeuralEngine")
"""Names of Core ML's MLComputeUnits; the first is the default."""

BUILT = Path("ios/Build/Products/Release-iphoneos/SqueezeSAMDemo.app")
"""In the cache, where `xcodebuild -derivedDataPath` puts it as its README says."""

FOLDER = "Documents/squeezesam"
"""In the app's container; all that we copy there and all that it writes."""

CLEAN, CONDITION, COMPILE, RUN = "clean", "condition", "compile", "run"
"""First words that the app is launched with. The file of a job comes next for COMPILE and RUN, and
the file for the answer last, for all but CLEAN."""


@dataclass(frozen=True)
class App:
    """A built app.

    Attributes:
        path: its `.app` directory.
        bundle_id: under which the phone knows it.
    """

    path: Path
    bundle_id: str


@dataclass(frozen=True)
class AppJob:
    """What the app is to compile or run.

    Attributes:
        artifact: file name of the model in FOLDER.
        compute_units: one of COMPUTE_UNITS.
        protocol: of which the app does what concerns one process.
    """

    artifact: str
    compute_units: str
    protocol: Protocol


@dataclass(frozen=True)
class Compiled:
    """The app's answer to COMPILE.

    Attributes:
        compiled: name of the model that RUN loads.
    """

    compiled: str


def read_answer(file: Path, kind: type[Record]) -> Record:
    """What the app wrote: a record, or an object with nothing but `error`.

    Raises:
        ArtifactError: it says an error.
        DeviceError: the file is damaged, or of another version of the app.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeviceError(
            "the app's answer did not arrive whole; connect the iPhone again"
        ) from error
    if isinstance(told, dict) and told.keys() == {"error"}:
        raise ArtifactError(str(told["error"]))
    try:
        return record_from_json(kind, told)
    except ValueError as error:
        raise DeviceError(f"the app is of another version: {error}; build it again") from error


def built_app(path: Path) -> App:
    """The app at a path, as built and signed by Xcode.

    Raises:
        DeviceError: none there, or one that no phone takes because it is not signed.
    """
    try:
        described = plistlib.loads((path / "Info.plist").read_bytes())
        bundle_id = str(described["CFBundleIdentifier"])
    except (OSError, KeyError, ValueError, ExpatError) as error:
        raise DeviceError(
            f"no built app at {path}; build it on a Mac as ios_demo/README.md says, or name "
            "its .app with --runners"
        ) from error
    if not (path / "embedded.mobileprovision").is_file():
        raise DeviceError(
            f"{path} has no provisioning profile, so no iPhone takes it; build it with "
            "DEVELOPMENT_TEAM and -allowProvisioningUpdates"
        )
    return App(path, bundle_id)
