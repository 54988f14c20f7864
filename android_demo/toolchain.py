"""The tools that build the app without Android Studio, as pinned packages of npm and Debian.

`toolchain()` fetches about 310 MB once and keeps 310 MB of them unpacked. The packages come through
`npm pack` and `apt-get download`, from wherever these are set up to look, into a folder of our own:
nothing is installed, and no root rights are needed. Every package is checked against the SHA-256 in
`packages.toml` before it is unpacked. It takes Debian 12, or another Linux on x86-64 with glibc
2.36, and there `apt-get`, `dpkg-deb`, `npm` and a Java 17 JDK.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezesam.errors import MissingDependencyError, SqueezeSamError
from squeezesam.files import content_hash, whole_directory

CACHE = Path("~/.cache/squeezesam").expanduser()
MIRROR_VARIABLE = "SQUEEZESAM_DEBIAN_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")
PROGRAMS = {"java": "openjdk-17-jdk-headless", "npm": "npm", "apt-get": "apt", "dpkg-deb": "dpkg"}
HERE = Path(__file__).parent
PACKAGES = HERE / "packages.toml"
DOWNGRADE = HERE / "tools" / "Downgrade.java"
MIN_SDK = 24

ONNXRUNTIME_VERSION = "1.29.0"
"""What the package of the AAR holds."""


@dataclass(frozen=True)
class Toolchain:
    """The unpacked tools.

    Attributes:
        root: the folder that `toolchain` wrote.
    """

    root: Path

    @property
    def java_home(self) -> Path:
        """Where Debian's jars lie."""
        return self.root / "debian" / "usr" / "share" / "java"

    @property
    def kotlin(self) -> Path:
        """The jars of the Kotlin compiler, its standard library and kotlin-test."""
        return self.root / "kotlin-compiler" / "lib"

    @property
    def onnxruntime(self) -> Path:
        """The unpacked AAR: `classes.jar`, and `jni/ABI/*.so`."""
        return self.root / "onnxruntime"

    @property
    def linux_onnxruntime(self) -> Path:
        """ONNX Runtime of the same version for Linux on x86-64, for tests on the JVM."""
        package = self.root / "com.github.asus4.onnxruntime"
        return package / "Plugins" / "Linux" / "x64" / "libonnxruntime.so"

    @property
    def onnxruntime_notices(self) -> Path:
        """The licences of what ONNX Runtime is made of."""
        return self.root / "com.github.asus4.onnxruntime" / "ThirdPartyNotices.txt"

    @property
    def android_jar(self) -> Path:
        """Stubs of API 23; what is newer takes reflection."""
        return self.java_home / "com.android.android-23.jar"

    @property
    def framework_resources(self) -> Path:
        """The system's own resources of API 33, for aapt2."""
        return self.root / "debian" / "usr/share/android-framework-res/framework-res.apk"

    @property
    def library_dex(self) -> Path:
        """The Kotlin standard library and ONNX Runtime's classes for Android."""
        return self.root / "libraries.dex"

    @property
    def test_jars(self) -> list[Path]:
        """JUnit 4 and kotlin-test."""
        junit = ("junit4.jar", "hamcrest.jar")
        kotlin = ("kotlin-test.jar", "kotlin-test-junit.jar", "kotlin-stdlib.jar")
        return [self.java_home / one for one in junit] + [self.kotlin / one for one in kotlin]

    @property
    def kotlin_compiler(self) -> list[str]:
        """The command of the Kotlin compiler, without its options."""
        names = ["kotlin-compiler", "kotlin-stdlib", "kotlin-script-runtime", "annotations-13.0"]
        names.append("kotlinx-coroutines-core-jvm")
        jars = [self.kotlin / f"{name}.jar" for name in names]
        java = ["java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-cp", joined(jars)]
        return [*java, "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"]

    def compile_kotlin(self, sources: Sequence[Path], classpath: Sequence[Path], out: Path) -> None:
        """Compile Kotlin to a jar that dx can read.

        Args:
            sources: files and folders.
            classpath: jars; the standard library is added.
            out: jar to write.

        Raises:
            MissingDependencyError: the compiler refuses; tells its first error.
        """
        words = ["-no-reflect", "-no-stdlib", "-jvm-target", "1.8", "-Xlambdas=class"]
        words += ["-Xsam-conversions=class", "-Xstring-concat=inline", "-Werror"]
        jars = [*classpath, self.kotlin / "kotlin-stdlib.jar"]
        words += ["-cp", joined(jars), "-d", str(out), *map(str, sources)]
        run([*self.kotlin_compiler, *words])

    def dex(self, jars: Sequence[Path], out: Path) -> None:
        """Translate Java 8 class files for Android.

        Raises:
            MissingDependencyError: dx refuses.
        """
        words = ["--dex", "--no-locals", f"--min-sdk-version={MIN_SDK}", f"--output={out}"]
        dx = self.java_home / "com.android.dx.jar"
        main = "com.android.dx.command.Main"
        run(["java", "-Xmx1g", "-cp", str(dx), main, *words, *map(str, jars)])

    def aapt2(self, *words: str | Path) -> str:
        """Run aapt2 and return what it printed."""
        return self._program("build-tools/debian/aapt2", *words)

    def dexdump(self, *words: str | Path) -> str:
        """Run dexdump and return what it printed."""
        return self._program("build-tools/debian/dexdump", *words)

    def apksigner(self, *words: str | Path) -> str:
        """Run apksigner and return what it printed."""
        jars = [self.java_home / "apksigner.jar", self.java_home / "apksig.jar"]
        main = "com.android.apksigner.ApkSignerTool"
        return run(["java", "-cp", joined(jars), main, *map(str, words)])

    def _program(self, name: str, *words: str | Path) -> str:
        debian = self.root / "debian"
        multiarch = "lib/x86_64-linux-gnu"
        folders = (f"usr/{multiarch}/android", f"usr/{multiarch}", multiarch, "usr/lib/p7zip")
        libraries = [debian / one for one in folders]
        environment = os.environ | {"LD_LIBRARY_PATH": joined(libraries)}
        program = debian / "usr/lib/android-sdk" / name
        return run([str(program), *map(str, words)], environment)


def toolchain(cache: Path = CACHE) -> Toolchain:
    """The tools, fetched if they are not there.

    Args:
        cache: folder for a folder of each set of pins.

    Raises:
        MissingDependencyError: a program is missing, a package cannot be fetched, or one that was
            fetched is not the pinned one.
        OutputError: the cache cannot be written to, or another process is fetching.
    """
    pins = hashlib.sha256(PACKAGES.read_bytes() + DOWNGRADE.read_bytes()).hexdigest()
    root = cache / f"android-tools-{pins[:16]}"
    if not root.exists():
        fetch(root)
    return Toolchain(root)


def fetch(root: Path) -> None:
    """Fetch, check and unpack all packages, and translate the libraries that the app uses.

    Raises:
        MissingDependencyError: as `toolchain` says.
        OutputError: the folder cannot be written to.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join(PROGRAMS[name] for name in missing)
        raise MissingDependencyError(
            f"fetching the Android tools takes {', '.join(missing)}; apt-get install {packages}"
        )
    with whole_directory(root) as folder:
        downloads = folder / "downloads"
        downloads.mkdir()
        pins = tomllib.loads(PACKAGES.read_text())
        for name, pin in pins["npm"].items():
            run(["npm", "pack", "--silent", f"{name}@{pin['version']}"], folder=downloads)
            package = checked(downloads / f"{name}-{pin['version']}.tgz", pin["sha256"])
            unpack_npm(package, pin["keep"], folder / name)
        fetch_debian(pins["debian"], downloads, folder / "debian")
        shutil.rmtree(downloads)
        made = Toolchain(folder)
        aar = folder / "com.github.asus4.onnxruntime" / "Plugins/Android/onnxruntime.aar"
        with zipfile.ZipFile(aar) as archive:
            archive.extractall(made.onnxruntime)
        aar.unlink()
        jars = {
            "stdlib": made.kotlin / "kotlin-stdlib.jar",
            "ort": made.onnxruntime / "classes.jar",
        }
        for name, jar in jars.items():
            compiler = str(made.kotlin / "kotlin-compiler.jar")
            run(["java", "-cp", compiler, str(DOWNGRADE), str(jar), str(folder / f"{name}-8.jar")])
        made.dex([folder / f"{name}-8.jar" for name in jars], made.library_dex)


def unpack_npm(package: Path, kept: Iterable[str], out: Path) -> None:
    """Unpack some files of an npm package, whose names all begin with a folder of their own."""
    with tarfile.open(package) as archive:
        for member in archive:
            member.name = member.name.partition("/")[2]
            if any(member.name == one or member.name.startswith(f"{one}/") for one in kept):
                archive.extract(member, out, filter="data")


def fetch_debian(pins: dict[str, dict[str, dict[str, str]]], downloads: Path, out: Path) -> None:
    """Download the packages of some releases of Debian, check them, and unpack them together."""
    mirror = debian_mirror()
    apt = downloads / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    options = f"arch=amd64 signed-by={KEYRING}"
    sources = (f"deb [{options}] {mirror} {release} main\n" for release in pins)
    (apt / "sources.list").write_text("".join(sources))
    (apt / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{apt}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{apt}/lists";\n'
        'Dir::State::status "/dev/null";\n'
        f'Dir::Cache "{apt}/cache";\n'
        'APT::Architecture "amd64";\n'
        'APT::Sandbox::User "";\n'
        'Acquire::Check-Valid-Until "false";\n'
    )
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    run(["apt-get", "update", "-q"], environment)
    packages = {name: pin for release in pins.values() for name, pin in release.items()}
    wanted = [f"{name}={pin['version']}" for name, pin in packages.items()]
    run(["apt-get", "download", "-q", *wanted], environment, apt)
    for name, pin in packages.items():
        (file,) = apt.glob(f"{name}_{pin['version'].replace(':', '%3a')}_*.deb")
        run(["dpkg-deb", "-x", str(checked(file, pin["sha256"])), str(out)])


def debian_mirror(sources: Path = SOURCES) -> str:
    """The address of Debian's archive, from the environment or from the sources of apt.

    Args:
        sources: folder of `sources.list` and `sources.list.d`.

    Raises:
        MissingDependencyError: neither names one.
    """
    if mirror := os.environ.get(MIRROR_VARIABLE):
        return mirror
    lists = [*sources.glob("sources.list"), *sources.glob("sources.list.d/*")]
    for path in sorted(lists):
        for line in path.read_text(errors="replace").splitlines():
            found = re.match(r"(?:URIs:|deb (?:\[.*?\] )?)\s*(\S+/debian)/?(?:\s|$)", line)
            if found:
                return found[1]
    raise MissingDependencyError(
        f"no source of apt is an archive of Debian; set {MIRROR_VARIABLE} to the address of one"
    )


def checked(package: Path, sha256: str) -> Path:
    """The package itself, once its hash is the pinned one.

    Raises:
        MissingDependencyError: it is not.
    """
    if (found := content_hash(package).hexdigest()) != sha256:
        raise MissingDependencyError(
            f"{package.name} has SHA-256 {found}, not the pinned {sha256}; it was altered"
        )
    return package


def run(
    words: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        MissingDependencyError: it fails; tells its first line with an error, or its last.
    """
    try:
        done = subprocess.run(
            words, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        package = PROGRAMS.get(words[0], words[0])
        raise MissingDependencyError(f"{words[0]} is missing; apt-get install {package}") from error
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no message"]
        errors = [line for line in lines if "error" in line.lower()]
        program = next((word for word in words if "Main" in word or "K2JVM" in word), words[0])
        raise MissingDependencyError(
            f"{program} fails: {' / '.join(errors[:3]) if errors else lines[-1]}"
        )
    return done.stdout


def joined(paths: Iterable[Path]) -> str:
    """A search path."""
    return os.pathsep.join(map(str, paths))


if __name__ == "__main__":
    try:
        print(toolchain().root)
    except SqueezeSamError as error:
        sys.exit(f"toolchain.py: error: {error}")
