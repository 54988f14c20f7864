"""The demo app: its project by structure, its sources by stand-ins for Apple's libraries.

Neither Xcode nor an iPhone was there: nothing here shows that the app builds or runs.
"""

import dataclasses
import json
import os
import plistlib
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_swift_kit import DEMO, KIT, in_root, run_script, swift

from squeezesam.errors import ArtifactError
from squeezesam_benchmarks.ios.app import AppJob, Compiled, read_answer
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Measurement, read_results

README = DEMO / "README.md"
APP = DEMO / "App"
PROJECT = APP / "SqueezeSAMDemo.xcodeproj"
SOURCES = APP / "SqueezeSAMDemo"
STAND_INS = (
    *("CryptoKit", "CoreVideo", "CoreML", "CoreGraphics", "ImageIO", "Vision"),
    *("UniformTypeIdentifiers", "UIKit", "SwiftUI", "PhotosUI"),
)
"""In an order in which each one comes after those that it imports."""

REASONS = {
    "NSPrivacyAccessedAPICategoryUserDefaults": r"\b(UserDefaults|AppStorage)\b",
    "NSPrivacyAccessedAPICategorySystemBootTime": r"\b(systemUptime|mach_absolute_time)\b",
    "NSPrivacyAccessedAPICategoryFileTimestamp": r"\b(creationDate|modificationDate|f?l?stat)\(?\b",
    "NSPrivacyAccessedAPICategoryDiskSpace": r"\b(volumeAvailableCapacity|systemFreeSize|statfs)\b",
    "NSPrivacyAccessedAPICategoryActiveKeyboards": r"\bactiveInputModes\b",
}
"""Apple's categories of APIs that a privacy manifest must give reasons for, and their names."""

TOKEN = re.compile(
    r"\s*(?://[^\n]*\n\s*|/\*.*?\*/\s*)*(?:\"((?:[^\"\\]|\\.)*)\"|([\w./$-]+)|([{}()=;,]))"
)


def parsed(text: str) -> Any:
    """A property list of the old kind, as project files are."""
    tokens = [one.groups() for one in TOKEN.finditer(text)]
    place = 0

    def value() -> Any:
        nonlocal place
        quoted, word, mark = tokens[place]
        place += 1
        if mark == "{":
            fields: dict[str, Any] = {}
            while tokens[place][2] != "}":
                name = value()
                assert tokens[place][2] == "="
                place += 1
                fields[name] = value()
                assert tokens[place][2] == ";"
                place += 1
            place += 1
            return fields
        if mark == "(":
            items = []
            while tokens[place][2] != ")":
                items.append(value())
                if tokens[place][2] == ",":
                    place += 1
            place += 1
            return items
        assert mark is None
        return word if quoted is None else quoted

    content = value()
    assert place == len(tokens)
    return content


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return parsed((PROJECT / "project.pbxproj").read_text())


def of_kind(project: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in project["objects"].values() if one["isa"] == kind]


def strings(value: Any) -> list[str]:
    """All strings in a property list."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value]


def swift_text(*folders: Path) -> str:
    return "\n".join(file.read_text() for one in folders for file in sorted(one.rglob("*.swift")))


def test_every_object_of_the_project_is_there_and_used(project: dict[str, Any]) -> None:
    named = {text for text in strings(project) if re.fullmatch(r"[0-9A-F]{24}", text)}
    assert named == set(project["objects"])


def test_every_source_is_in_a_folder_of_the_target(project: dict[str, Any]) -> None:
    (target,) = of_kind(project, "PBXNativeTarget")
    groups = [project["objects"][one] for one in target["fileSystemSynchronizedGroups"]]
    assert [group["path"] for group in groups] == [SOURCES.name]
    assert not of_kind(project, "PBXFileSystemSynchronizedBuildFileExceptionSet")
    assert all(SOURCES in file.parents for file in APP.rglob("*.swift"))
    assert len(list(SOURCES.rglob("*.swift"))) > 10
    assert target["productType"] == "com.apple.product-type.application"
    # The harness looks for the app under this name.
    app = project["objects"][target["productReference"]]["path"]
    assert app == "SqueezeSAMDemo.app"


def test_the_export_goes_into_the_app_as_it_is(project: dict[str, Any]) -> None:
    (phase,) = of_kind(project, "PBXResourcesBuildPhase")
    files = [project["objects"][project["objects"][one]["fileRef"]] for one in phase["files"]]
    assert [(file["path"], file["lastKnownFileType"]) for file in files] == [("Export", "folder")]
    assert "--out ios_demo/App/Export\n" in README.read_text()
    assert "/Export/" in (APP / ".gitignore").read_text().split()
    assert '"Export"' in (SOURCES / "Session.swift").read_text()


def test_the_kit_is_linked(project: dict[str, Any]) -> None:
    (package,) = of_kind(project, "XCLocalSwiftPackageReference")
    assert (APP / package["relativePath"]).resolve() == KIT.resolve()
    (product,) = of_kind(project, "XCSwiftPackageProductDependency")
    manifest = (KIT / "Package.swift").read_text()
    assert f'.library(name: "{product["productName"]}"' in manifest
    (phase,) = of_kind(project, "PBXFrameworksBuildPhase")
    linked = [project["objects"][one]["productRef"] for one in phase["files"]]
    assert [project["objects"][one] for one in linked] == [product]


def test_settings_say_what_the_system_asks(project: dict[str, Any]) -> None:
    settings = [one["buildSettings"] for one in of_kind(project, "XCBuildConfiguration")]
    targets = {one["IPHONEOS_DEPLOYMENT_TARGET"] for one in settings if "SDKROOT" in one}
    assert targets == {"17.0"}
    assert ".iOS(.v17)" in (KIT / "Package.swift").read_text()
    text = swift_text(SOURCES)
    for used, key in (
        ("UIImagePickerController", "NSCameraUsageDescription"),
        ("ShareLink", "NSPhotoLibraryAddUsageDescription"),
    ):
        assert used in text
        texts = {one[f"INFOPLIST_KEY_{key}"] for one in settings if "PRODUCT_NAME" in one}
        assert len(texts) == 1
        assert all(len(said) > 20 for said in texts)
    assert "DEVELOPMENT_TEAM =" not in (PROJECT / "project.pbxproj").read_text()
    versions = {one["SWIFT_VERSION"] for one in settings if "SWIFT_VERSION" in one}
    assert versions == {"6.0"}


def test_the_scheme_builds_the_target(project: dict[str, Any]) -> None:
    scheme = ElementTree.parse(PROJECT / "xcshareddata/xcschemes/SqueezeSAMDemo.xcscheme")
    references = list(scheme.iter("BuildableReference"))
    ids = {one.attrib["BlueprintIdentifier"] for one in references}
    assert len(references) == 2
    assert [project["objects"][one]["isa"] for one in ids] == ["PBXNativeTarget"]
    assert {one.attrib["BuildableName"] for one in references} == {"SqueezeSAMDemo.app"}


def test_the_privacy_manifest_says_what_the_sources_do() -> None:
    told = plistlib.loads((SOURCES / "PrivacyInfo.xcprivacy").read_bytes())
    assert told["NSPrivacyTracking"] is False
    assert told["NSPrivacyTrackingDomains"] == []
    assert told["NSPrivacyCollectedDataTypes"] == []
    text = swift_text(SOURCES, KIT / "Sources")
    assert "URLSession" not in text
    used = {category for category, names in REASONS.items() if re.search(names, text)}
    listed = {one["NSPrivacyAccessedAPIType"] for one in told["NSPrivacyAccessedAPITypes"]}
    assert listed == used


@pytest.fixture(scope="module")
def modules() -> str:
    """The folder in the root of the stand-ins and of the kit as it is with Core ML."""
    folder = "/var/cache/squeezesam-stand-ins"
    made = "swiftc -swift-version 6 -parse-as-library -emit-module -warnings-as-errors -I ."
    lines = [f"set -e; mkdir -p {folder}; cd {folder}"]
    lines += [f"{made} -module-name {one} {DEMO}/stand_ins/{one}.swift" for one in STAND_INS]
    kit = "-module-name SqueezeSAMKit -package-name kit"
    lines += [f"{made} {kit} {KIT}/Sources/SqueezeSAMKit/*.swift"]
    swift("sh", "-c", "\n".join(lines))
    return folder


@pytest.mark.slow
@in_root
class TestInRoot:
    @pytest.mark.parametrize("condition", ["", "-D IOS_27_SDK"])
    def test_the_app_fits_what_apple_documents(self, condition: str, modules: str) -> None:
        files = " ".join(map(str, sorted(SOURCES.rglob("*.swift"))))
        swift("sh", "-c", f"{CHECK} {condition} -I {modules} {files}")

    def test_the_example_of_the_readme_fits_the_kit(self, modules: str, tmp_path: Path) -> None:
        (example,) = re.findall(r"```swift\nimport (.*?)```", README.read_text(), re.DOTALL)
        imported, body = example.split("\n", 1)
        given = "folder: URL, caches: URL, data: Data"
        text = (
            f"import Foundation\nimport {imported}\nfunc example({given}) async throws {{{body}}}"
        )
        (tmp_path / "Example.swift").write_text(text)
        check = CHECK.replace(" -warnings-as-errors", "")  # The example does not use its results.
        swift("sh", "-c", f"{check} -I {modules} {tmp_path}/Example.swift", shared=[tmp_path])

    def test_the_harness_reads_what_the_app_writes(self, tmp_path: Path) -> None:
        """The app's own records, compiled and run on Linux."""
        job = AppJob("net.mlpackage", "cpuOnly", Protocol(timed_inferences=7, time_budget_s=0.5))
        (tmp_path / "job.json").write_text(json.dumps(dataclasses.asdict(job)))
        (tmp_path / "Writer.swift").write_text(WRITER)
        sources = " ".join(
            str(SOURCES / "Benchmark" / f"{name}.swift")
            for name in ("Folder", "Records", "ResultLines")
        )
        lines = (
            f"cd {tmp_path}; swiftc -swift-version 6 -parse-as-library {sources} Writer.swift"
            f" -o /tmp/writer",
            f"HOME=/tmp /tmp/writer {tmp_path}/job.json {tmp_path}",
        )
        swift("sh", "-ec", "\n".join(lines), shared=[tmp_path])
        measured = read_answer(tmp_path / "answer.json", Measurement)
        assert measured.backend == "CoreML cpuOnly"
        assert measured.warm_samples_ms == (7, 0.5)
        assert (measured.threads, measured.runtime_version) == (None, None)
        assert measured.before.battery_percent == 62.5
        assert measured.after.thermal_state is None
        assert read_answer(tmp_path / "compiled.json", Compiled) == Compiled("net.mlmodelc")
        with pytest.raises(ArtifactError, match="it does not load"):
            read_answer(tmp_path / "failure.json", Measurement)
        (line,) = read_results(tmp_path / "demo.jsonl")
        assert line.measurement == measured
        assert (line.device.place, line.device.soc) == ("ios", None)
        assert line.device.cores is not None
        assert (line.artifact.name, line.artifact.precision) == ("net.mlpackage", "int8")
        assert (line.protocol.rounds, line.protocol.timed_inferences) == (3, 7)

    def test_a_call_that_apple_does_not_document_is_noticed(self, modules: str) -> None:
        file = SOURCES / "Benchmark" / "Timing.swift"
        text = file.read_text().replace("model.prediction(from:", "model.predict(from:")
        assert text != file.read_text()
        others = [one for one in SOURCES.rglob("*.swift") if one != file]
        command = f"cat > /tmp/Timing.swift <<'END'\n{text}\nEND\n"
        command += f"{CHECK} -I {modules} /tmp/Timing.swift {' '.join(map(str, others))}"
        done = run_script("run", "--share", DEMO, "sh", "-c", command, **os.environ)
        assert done.returncode != 0
        assert "has no member 'predict'" in done.stderr + done.stdout


CHECK = "swiftc -swift-version 6 -parse-as-library -typecheck -wmo -warnings-as-errors"

WRITER = """
import Foundation

@main
struct Writer {
    static func main() throws {
        let folder = Folder()
        try folder.clean()
        let file = URL(fileURLWithPath: CommandLine.arguments[1])
        try FileManager.default.copyItem(at: file, to: folder.url.appendingPathComponent("job"))
        let job = try folder.job("job")
        let measured = Measurement(
            runtimeVersion: OrNull(value: nil), backend: "CoreML \\(job.computeUnits)",
            loadMs: 12.5, firstInferenceMs: 3,
            warmSamplesMs: [Double(job.protocol.timedInferences), job.protocol.timeBudgetS],
            sustainedSamplesMs: [], peakMemoryBytes: OrNull(value: 1 << 33),
            before: Condition(
                thermalState: "nominal", batteryPercent: 62.5, charging: false,
                powerMode: "normal"),
            after: Condition(
                thermalState: nil, batteryPercent: nil, charging: nil, powerMode: "low_power"))
        try folder.write(measured, to: "answer.json")
        try folder.write(Compiled(compiled: "net.mlmodelc"), to: "compiled.json")
        try folder.write(Failure(error: "it does not load"), to: "failure.json")
        let line = ResultLine(
            runId: "a", roundIndex: 0,
            startedAt: ISO8601DateFormatter().string(from: Date()),
            protocol: WholeProtocol(
                warmUpInferences: job.protocol.warmUpInferences,
                timedInferences: job.protocol.timedInferences,
                timeBudgetS: job.protocol.timeBudgetS, sustainedS: job.protocol.sustainedS,
                rounds: 3),
            device: .current(),
            artifact: TimedArtifact(
                name: job.artifact, sha256: String(repeating: "0", count: 64), sizeBytes: 5,
                variant: OrNull(value: "base"), precision: OrNull(value: "int8")),
            measurement: measured)
        let out = URL(fileURLWithPath: CommandLine.arguments[2], isDirectory: true)
        try Data(line.text().utf8).write(to: out.appendingPathComponent("demo.jsonl"))
        for name in ["answer.json", "compiled.json", "failure.json"] {
            try FileManager.default.copyItem(
                at: folder.url.appendingPathComponent(name), to: out.appendingPathComponent(name))
        }
    }
}
"""
"""A program that writes what the app writes, by the app's own sources."""
