"""The demo app: its project by structure, its sources by stand-ins for Apple's libraries.

Neither Xcode nor an iPhone was there: nothing here shows that the app builds or runs.
"""

import os
import plistlib
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_swift_kit import DEMO, KIT, in_root, run_script, swift

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
    assert "--out ios_demo/App/Export\n" in (DEMO / "README.md").read_text()
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
