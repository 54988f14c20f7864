"""The Android app: its APK, and the parts of its Kotlin that know no Android, on the JVM.

Nothing here runs on Android. The APK is what `android_demo/build.py` makes of a bundle.
"""

import ast
import dataclasses
import io
import re
import shutil
import struct
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dex_files import Api, Dex
from PIL import Image
from sharing import Shared
from toolchain import (
    MIRROR_VARIABLE,
    ONNXRUNTIME_VERSION,
    PACKAGES,
    Toolchain,
    checked,
    debian_mirror,
    joined,
)

from squeezesam.errors import MissingDependencyError
from squeezesam_export.bundle.artifacts import check_files
from squeezesam_export.bundle.manifest import read_manifest, write_manifest

DEMO = Path(__file__).parents[1] / "android_demo"
APP, LIBRARY = DEMO / "app" / "src", DEMO / "segmentation" / "src"
PACKAGE = "org.squeezesam.demo"
WITHOUT_ANDROID = ("Selection.kt", "Outline.kt", "PhotoFile.kt", "Wanted.kt")
MEGABYTE = 1_000_000
PAGE = 16_384
PT_LOAD = 1
NAME = "{http://schemas.android.com/apk/res/android}name"

pytestmark = pytest.mark.android
slow = [
    pytest.mark.slow,
    *(
        pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
        for program in ("java", "javac")
    ),
]


def marked(*marks: pytest.MarkDecorator):
    """A decorator of a test or a class that gives it several marks."""

    def decorate(thing):
        for mark in marks:
            thing = mark(thing)
        return thing

    return decorate


@pytest.fixture(scope="module")
def bundle(shared: Shared) -> Path:
    """The shipped weights in int8, as the app carries them."""
    whole = shared.export("--target", "onnx", "--precision", "fp32,int8")

    def make(folder: Path) -> None:
        manifest = read_manifest(whole)
        networks = [
            dataclasses.replace(
                network,
                artifacts=tuple(one for one in network.artifacts if one.precision == "int8"),
            )
            for network in manifest.networks
        ]
        shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("*fp32*"), dirs_exist_ok=True)
        write_manifest(dataclasses.replace(manifest, networks=tuple(networks)), folder)

    return shared.made(make, "bundle of the Android app", whole)


def sources() -> list[Path]:
    """What the code of an APK is made from."""
    folders = (APP / "main", LIBRARY / "main", LIBRARY / "stubs", DEMO / "tools")
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sorted([*files, *DEMO.glob("*.py"), PACKAGES])


def build(folder: Path, bundle: Path, name: str, *words: str | Path) -> subprocess.CompletedProcess:
    """What `build.py` does with a bundle, into a folder with a key of its own."""
    script = [sys.executable, DEMO / "build.py", "--artifacts", bundle, "--out", folder / name]
    command = [*script, "--keystore", folder / "debug.keystore", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)


@pytest.fixture(scope="module")
def apk(tools: Toolchain, bundle: Path, shared: Shared) -> Path:
    def make(folder: Path) -> None:
        done = build(folder, bundle, "squeezesam.apk")
        assert done.returncode == 0, done.stderr

    return shared.made(make, "APK", tools.root.name, bundle, *sources()) / "squeezesam.apk"


def stored_places(path: Path) -> Iterator[tuple[str, int]]:
    """Where the bytes of each entry begin that is not compressed."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type == zipfile.ZIP_STORED:
                file.seek(entry.header_offset + 26)
                name, extra = struct.unpack("<HH", file.read(4))
                yield entry.filename, entry.header_offset + 30 + name + extra


def load_alignments(library: bytes) -> set[int]:
    """Alignments of the segments of a 64-bit ELF library that are loaded into memory."""
    (offset,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    headers = (offset + i * size for i in range(count))
    return {
        struct.unpack_from("<Q", library, at + 48)[0]
        for at in headers
        if struct.unpack_from("<I", library, at)[0] == PT_LOAD
    }


def is_of_java_8(owner: str, name: str) -> bool:
    """Whether a method is of Java 8, which Android 7 (API 24) has and the stubs of API 23 lack."""
    boxes = ("Boolean", "Byte", "Double", "Float", "Integer", "Long", "Short")
    return owner == "java/util/Optional" or (
        name == "hashCode" and owner in {f"java/lang/{box}" for box in boxes}
    )


@marked(*slow)
class TestApk:
    def test_it_says_what_it_is_and_where_it_runs(self, tools: Toolchain, apk: Path) -> None:
        badging = tools.aapt2("dump", "badging", apk)
        assert re.search(
            rf"^package: name='{PACKAGE}' versionCode='1' versionName='0\.1\.0'", badging
        )
        for line in (
            "sdkVersion:'24'",
            "targetSdkVersion:'34'",
            "application-label:'SqueezeSAM'",
            f"launchable-activity: name='{PACKAGE}.MainActivity'",
            "native-code: 'arm64-v8a' 'x86_64'",
        ):
            assert re.search(f"^{re.escape(line)}", badging, re.MULTILINE), line

    def test_it_asks_for_no_permission(self, tools: Toolchain, apk: Path) -> None:
        said = tools.aapt2("dump", "permissions", apk)
        assert said.split() == ["package:", PACKAGE]
        assert "uses-permission" not in tools.aapt2("dump", "badging", apk)

    def test_both_signature_schemes_of_its_androids_verify(
        self, tools: Toolchain, apk: Path
    ) -> None:
        said = tools.apksigner("verify", "--verbose", "--min-sdk-version", "24", apk)
        assert "v2 scheme (APK Signature Scheme v2): true" in said
        assert "v3 scheme (APK Signature Scheme v3): true" in said

    def test_an_altered_apk_does_not_verify(
        self, tools: Toolchain, apk: Path, tmp_path: Path
    ) -> None:
        content = bytearray(apk.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "altered.apk").write_bytes(content)
        with pytest.raises(MissingDependencyError, match=r"(?i)verif|error"):
            tools.apksigner("verify", tmp_path / "altered.apk")

    def test_it_is_small_enough_to_send(self, apk: Path) -> None:
        assert apk.stat().st_size <= 45 * MEGABYTE

    def test_the_bundle_is_inside_as_it_was_exported(
        self, apk: Path, bundle: Path, tmp_path: Path
    ) -> None:
        with zipfile.ZipFile(apk) as archive:
            inside = [name for name in archive.namelist() if name.startswith("assets/bundle/")]
            archive.extractall(tmp_path, inside)
        unpacked = tmp_path / "assets" / "bundle"
        manifest = read_manifest(unpacked)
        assert manifest == read_manifest(bundle)
        check_files(unpacked, manifest)
        assert {network.kind for network in manifest.networks} == {"segmenter", "detector"}

    def test_its_dex_holds_the_app_the_library_and_onnx_runtime(
        self, tools: Toolchain, apk: Path, tmp_path: Path
    ) -> None:
        found: set[str] = set()
        with zipfile.ZipFile(apk) as archive:
            for name in ("classes.dex", "classes2.dex"):
                found |= Dex(archive.read(name)).defined()
                tools.dexdump("-c", archive.extract(name, tmp_path))
        ours = PACKAGE.replace(".", "/")
        activities = {f"{ours}/{name}" for name in components()}
        assert activities | {"org/squeezesam/segmentation/SamPredictor"} <= found
        assert {"ai/onnxruntime/OrtSession", "kotlin/Unit"} <= found
        # Stubs to compile against must not hide the classes of a phone or of ExecuTorch.
        assert not [one for one in found if one.startswith(("android/", "org/pytorch/"))]

    def test_it_calls_nothing_that_its_oldest_android_lacks(
        self, tools: Toolchain, apk: Path
    ) -> None:
        known = Api(tools.android_jar)
        with zipfile.ZipFile(apk) as archive:
            used = list(Dex(archive.read("classes.dex")).used())
        of_android = [one for one in used if one[0].startswith(("android/", "java/", "javax/"))]
        assert len(of_android) > 300
        lacking = [
            (owner, *member)
            for owner, member in of_android
            if not known.has(owner, member) and not is_of_java_8(owner, member[0])
        ]
        assert not lacking

    def test_libraries_fit_pages_of_16_kb(self, apk: Path) -> None:
        with zipfile.ZipFile(apk) as archive:
            libraries = [name for name in archive.namelist() if name.endswith(".so")]
            for name in libraries:
                assert min(load_alignments(archive.read(name))) >= PAGE, name
        folders = {Path(name).parts[1] for name in libraries}
        assert folders == {"arm64-v8a", "x86_64"}
        assert dict(stored_places(apk))["resources.arsc"] % 4 == 0


@marked(*slow, pytest.mark.long)
class TestBuilds:
    def test_two_builds_differ_in_their_signature_alone(
        self, apk: Path, bundle: Path, tmp_path: Path
    ) -> None:
        done = build(tmp_path, bundle, "again.apk")  # signed with another key
        assert done.returncode == 0, done.stderr
        again = tmp_path / "again.apk"
        with zipfile.ZipFile(apk) as one, zipfile.ZipFile(again) as other:
            end = min(one.start_dir, other.start_dir)
            places = [[(e.filename, e.header_offset) for e in z.infolist()] for z in (one, other)]
        assert places[0] == places[1]
        last = max(offset for _, offset in places[0])
        assert apk.read_bytes()[:last] == again.read_bytes()[:last]
        assert last < end
        with zipfile.ZipFile(apk) as one, zipfile.ZipFile(again) as other:
            assert all(one.read(name) == other.read(name) for name in one.namelist())

    def test_stored_libraries_begin_on_pages_of_16_kb(self, bundle: Path, tmp_path: Path) -> None:
        done = build(tmp_path, bundle, "stored.apk", "--stored")
        assert done.returncode == 0, done.stderr
        places = dict(stored_places(tmp_path / "stored.apk"))
        libraries = [name for name in places if name.endswith(".so")]
        assert len(libraries) == 4
        assert not [name for name in libraries if places[name] % PAGE]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
        (lambda folder: next(folder.glob("*.onnx")).unlink(), "missing"),
        (lambda folder: next(folder.glob("*.onnx")).write_bytes(b"other"), "altered"),
        (lambda folder: next(folder.glob("golden/*.json")).write_bytes(b"{}"), "altered"),
        (lambda folder: renumber(folder / "manifest.json"), "schema version 99"),
    ],
    ids=["no manifest", "no network", "altered network", "altered golden vectors", "newer schema"],
)
def test_a_hostile_bundle_is_refused_in_one_line(exported, tmp_path, damage, said) -> None:
    shutil.copytree(exported, tmp_path / "bundle")
    damage(tmp_path / "bundle")
    done = build(tmp_path, tmp_path / "bundle", "never.apk")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "never.apk").exists()


def renumber(manifest: Path) -> None:
    """Give a manifest a schema version of the future."""
    text = manifest.read_text()
    manifest.write_text(re.sub(r'"schema_version": \d+', '"schema_version": 99', text, count=1))


def test_only_an_apk_is_written(exported, tmp_path) -> None:
    done = build(tmp_path, exported, "squeezesam.zip")
    assert done.returncode == 2
    assert "squeezesam.zip does not end in .apk" in done.stderr


@marked(*slow)
def test_the_parts_of_the_app_without_android_pass_their_tests(
    tools: Toolchain, shared: Shared, tmp_path: Path
) -> None:
    library = [path for path in (LIBRARY / "main").rglob("*.kt") if path.name != "AndroidPhotos.kt"]
    library += (LIBRARY / "stubs").rglob("*.java")
    app = [path for path in (APP / "main").rglob("*.kt") if path.name in WITHOUT_ANDROID]
    tests = list((APP / "test").rglob("*.kt"))
    jars = [tools.onnxruntime / "classes.jar", *tools.test_jars]

    def make(folder: Path) -> None:
        tools.compile_kotlin([*library, *app, *tests], jars, folder / "app.jar")

    compiled = shared.made(
        make, "parts of the Android app", tools.root.name, *library, *app, *tests
    )
    write_photos(tmp_path)
    names = [f"{PACKAGE}.{name}" for path in tests for name in classes_of(path)]
    assert len(names) == 5
    words = ["java", f"-Dphotos={tmp_path}", "-cp", joined([compiled / "app.jar", *jars])]
    done = subprocess.run(
        [*words, "org.junit.runner.JUnitCore", *names], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout
    assert "OK (" in done.stdout


def classes_of(path: Path) -> list[str]:
    return re.findall(r"^class (\w+Test)\b", path.read_text(), re.MULTILINE)


def write_photos(folder: Path) -> None:
    """Photos that are whole, in `whole`, and photos that break off, in `broken`."""
    (folder / "whole").mkdir()
    (folder / "broken").mkdir()
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
    kinds = {"plain.jpg": {}, "progressive.jpg": {"progressive": True}, "plain.png": {}}
    for name, options in kinds.items():
        file = io.BytesIO()
        photo.save(file, Path(name).suffix[1:].replace("jpg", "jpeg"), **options)
        content = file.getvalue()
        (folder / "whole" / name).write_bytes(content)
        for part in (12, len(content) // 2, len(content) - 5):
            (folder / "broken" / f"{part}-{name}").write_bytes(content[:part])
        if name == "plain.jpg":  # phones put films behind their photos
            (folder / "whole" / "film.jpg").write_bytes(content + bytes(500))


def components() -> list[str]:
    """Classes that the manifest of the app names."""
    tree = ElementTree.parse(APP / "main" / "AndroidManifest.xml")
    names = (element.get(NAME, "") for element in tree.iter())
    return [name[1:] for name in names if name.startswith(".")]


class TestSources:
    """What can be said of the sources without a build."""

    def test_every_component_of_the_manifest_is_a_class(self) -> None:
        kotlin = "".join(path.read_text() for path in (APP / "main").rglob("*.kt"))
        assert len(components()) == 5
        for name in components():
            assert re.search(rf"^class {name}\b", kotlin, re.MULTILINE), name

    def test_the_manifest_asks_for_nothing_and_exports_what_it_must(self) -> None:
        tree = ElementTree.parse(APP / "main" / "AndroidManifest.xml")
        assert not tree.findall("uses-permission")
        android = NAME.removesuffix("name")
        guarded = {
            element.get(NAME): element.get(f"{android}permission")
            for element in tree.iter()
            if element.get(f"{android}exported") == "true"
        }
        assert guarded == {".MainActivity": None, ".BenchmarkActivity": "android.permission.DUMP"}

    def test_what_is_pressed_says_what_it_does(self) -> None:
        android = NAME.removesuffix("name")
        for layout in (APP / "main" / "res").glob("layout*/*.xml"):
            for element in ElementTree.parse(layout).iter():
                if element.tag in ("Button", "ImageButton", "ProgressBar"):
                    words = (element.get(f"{android}{a}") for a in ("text", "contentDescription"))
                    assert any(words), element.attrib

    def test_a_turned_screen_has_the_same_parts(self) -> None:
        android = NAME.removesuffix("name")
        upright, turned = (
            {
                one.get(f"{android}id"): (one.tag, one.get(f"{android}text"))
                for one in ElementTree.parse(APP / "main" / "res" / folder / "main.xml").iter()
                if one.get(f"{android}id")
            }
            for folder in ("layout", "layout-land")
        )
        assert len(upright) == 11
        assert turned == upright

    def test_every_theme_has_a_dark_twin(self) -> None:
        for file in ("colors.xml", "styles.xml"):
            light, dark = (
                {one.get("name") for one in ElementTree.parse(path / file).getroot()}
                for path in (APP / "main/res/values", APP / "main/res/values-night")
            )
            assert dark == light - {"Tool"}

    def test_kotlin_files_are_of_this_app(self) -> None:
        for path in APP.rglob("*.kt"):
            text = path.read_text()
            assert text.startswith(f"package {PACKAGE}\n"), path
            assert "androidx" not in text, path
            if path.name in WITHOUT_ANDROID:
                assert "import android" not in text, path


class TestGradle:
    """Gradle cannot run here: its files agree with each other and with `build.py`, no more."""

    catalogue = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text())
    scripts = sorted(DEMO.rglob("*.gradle.kts"))

    def test_versions_are_those_of_the_build_without_gradle(self) -> None:
        versions = self.catalogue["versions"]
        assert (
            versions["kotlin"]
            == tomllib.loads(PACKAGES.read_text())["npm"]["kotlin-compiler"]["version"]
        )
        assert versions["onnxruntime"] == ONNXRUNTIME_VERSION
        assert versions["minSdk"] == constant("toolchain.py", "MIN_SDK")
        assert versions["targetSdk"] == constant("build.py", "TARGET_SDK")
        app = (DEMO / "app" / "build.gradle.kts").read_text()
        assert f'applicationId = "{constant("build.py", "PACKAGE")}"' in app

    def test_versions_are_used_and_defined(self) -> None:
        entries = [*self.catalogue["libraries"].values(), *self.catalogue["plugins"].values()]
        text = "".join(path.read_text() for path in self.scripts)
        used = {entry["version"]["ref"] for entry in entries}
        used |= set(re.findall(r"libs\.versions\.(\w+)", text))
        assert used == set(self.catalogue["versions"])

    def test_scripts_name_what_the_catalogue_has(self) -> None:
        known = {name.replace("-", ".") for name in self.catalogue["libraries"]}
        known |= {f"plugins.{name.replace('-', '.')}" for name in self.catalogue["plugins"]}
        used = set()
        for path in self.scripts:
            found = re.findall(r"(?:\(|\s)libs\.([\w.]+)\)", path.read_text())
            used |= {name for name in found if not name.startswith("versions.")}
        assert used == known

    def test_modules_are_there_and_brackets_close(self) -> None:
        settings = (DEMO / "settings.gradle.kts").read_text()
        modules = re.findall(r'":(\w+)"', settings)
        assert modules == ["segmentation", "app"]
        assert all((DEMO / module / "build.gradle.kts").is_file() for module in modules)
        for path in self.scripts:
            text = re.sub(r'"[^"\n]*"|//.*', "", path.read_text())
            for one, other in ("{}", "()", "[]"):
                assert text.count(one) == text.count(other), path

    @marked(*slow)
    def test_kotlin_itself_finds_no_error_of_syntax(self, tools: Toolchain, tmp_path: Path) -> None:
        """What Gradle defines is unknown here, so that the other errors say nothing."""
        texts = [path.read_text() for path in self.scripts]
        for i, text in enumerate([*texts, "android {"]):
            (tmp_path / f"{i}.kt").write_text(f"fun script{i}() {{\n{text}\n}}\n")
        words = ["-no-reflect", "-no-stdlib", "-cp", str(tools.kotlin / "kotlin-stdlib.jar")]
        words += ["-d", str(tmp_path / "never.jar"), *map(str, tmp_path.glob("*.kt"))]
        command = [*tools.kotlin_compiler, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        wrong = {line.partition(".kt:")[0] for line in done.stderr.splitlines() if "syntax" in line}
        assert {Path(one).name for one in wrong} == {str(len(texts))}, done.stderr

    def test_the_readme_names_the_gradle_that_is_fetched(self) -> None:
        properties = (DEMO / "gradle" / "wrapper" / "gradle-wrapper.properties").read_text()
        (gradle,) = re.findall(r"/gradle-([\d.]+)-bin\.zip", properties)
        assert f"Gradle {gradle}" in (DEMO / "README.md").read_text()


def constant(file: str, name: str) -> str:
    """A constant of a script, as text."""
    for statement in ast.parse((DEMO / file).read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return str(ast.literal_eval(statement.value))
    raise AssertionError(f"{file} has no {name}")


def test_tools_with_another_hash_are_not_unpacked(tmp_path: Path) -> None:
    package = tmp_path / "package.tgz"
    package.write_bytes(b"altered")
    with pytest.raises(MissingDependencyError, match="not the pinned 00; it was altered"):
        checked(package, "00")


def test_packages_come_from_where_apt_is_set_up_to_look(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    with pytest.raises(MissingDependencyError, match=MIRROR_VARIABLE):
        debian_mirror(tmp_path)
    line = "deb [arch=amd64] http://one.example/debian sid main"
    (tmp_path / "sources.list").write_text(f"# none\n{line}\n")
    assert debian_mirror(tmp_path) == "http://one.example/debian"
    (tmp_path / "sources.list").unlink()
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\nURIs: http://two.example/debian\nSuites: bookworm\n"
    )
    assert debian_mirror(tmp_path) == "http://two.example/debian"
    monkeypatch.setenv(MIRROR_VARIABLE, "http://three.example/debian")
    assert debian_mirror(tmp_path) == "http://three.example/debian"
