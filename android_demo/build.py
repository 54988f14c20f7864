"""Builds the Android app as a signed APK, without Android Studio.

    python android_demo/build.py --artifacts artifacts --out squeezesam.apk

The bundle is what `squeezesam export --target onnx --out artifacts` wrote; all its ONNX files, its
golden vectors and its manifest become assets. The tools come from `toolchain.py`. Two builds of the
same sources and bundle differ in nothing if they are signed with the same key, and in nothing but
the signature otherwise.
"""

import argparse
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolchain import CACHE, MIN_SDK, Toolchain, joined, run, toolchain

from squeezesam import __version__
from squeezesam.errors import ConfigError, SqueezeSamError
from squeezesam.files import whole_file
from squeezesam.inference.load import MANIFEST_NAME
from squeezesam_export.bundle.artifacts import checked_path
from squeezesam_export.bundle.manifest import read_manifest
from squeezesam_export.web_site import onnx_files

HERE = Path(__file__).parent
APP = HERE / "app" / "src" / "main"
LIBRARY = HERE / "segmentation" / "src"
PACKAGE = "org.squeezesam.demo"
TARGET_SDK = 34
"""From 35 on, Android 15 draws apps under its bars; how this one looks there, nobody has seen."""

VERSION_CODE = 1
ABIS = ("arm64-v8a", "x86_64")
BUNDLE, GENERATED = "assets/bundle", "generated"
ANDROID = "http://schemas.android.com/apk/res/android"
PAGE = 16_384
"""The largest memory page of a phone: stored libraries begin on a multiple of it."""

KEYSTORE = Path("~/.android/debug.keystore").expanduser()
"""The key that Android Studio makes and uses for debug builds."""

PASSWORD, ALIAS = "android", "androiddebugkey"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
STORED_SUFFIXES = (".arsc", ".png")


@dataclass(frozen=True)
class BuildOptions:
    """What to build.

    Attributes:
        artifacts: an export directory with ONNX artifacts.
        out: APK to write.
        stored: keep native libraries uncompressed, so that they are run from within the APK.
            Without it the APK is half as large, and Android unpacks them when it installs the app.
        keystore: PKCS 12 file with the key to sign with; a debug key is made if there is none.
        cache: folder for the tools.
    """

    artifacts: Path
    out: Path
    stored: bool = False
    keystore: Path = KEYSTORE
    cache: Path = CACHE


def build(options: BuildOptions) -> None:
    """Build, sign and check the APK.

    Raises:
        ArtifactError: the export is damaged, or has no ONNX artifact.
        ConfigError: the file to write does not end in `.apk`.
        MissingDependencyError: a tool is missing or fails.
        OutputError: the place cannot be written to.
    """
    if options.out.suffix != ".apk":
        raise ConfigError(f"{options.out} does not end in .apk; name a file that does")
    bundle = bundle_files(options.artifacts)
    tools = toolchain(options.cache)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        resources = link_resources(tools, scratch, options.stored)
        dex = compile_code(tools, scratch)
        package(tools, options, resources, dex, bundle)


def bundle_files(artifacts: Path) -> dict[str, Path]:
    """The files of the bundle by their names in the APK.

    Raises:
        ArtifactError: the export is damaged, or has no ONNX artifact.
    """
    manifest = read_manifest(artifacts)
    hashed = [golden for network in manifest.networks for golden in network.golden]
    paths = [artifacts / MANIFEST_NAME, *onnx_files(artifacts)]
    paths += [checked_path(artifacts, one.file, one.sha256) for one in [*hashed, *manifest.vectors]]
    return {f"{BUNDLE}/{path.relative_to(artifacts).as_posix()}": path for path in paths}


def link_resources(tools: Toolchain, scratch: Path, stored: bool) -> Path:
    """Compile and link the resources and the manifest; Java sources of their ids go to GENERATED.

    Args:
        tools: to use.
        scratch: folder of this build.
        stored: see `BuildOptions`.

    Returns:
        A zip with the binary manifest.

    Raises:
        MissingDependencyError: aapt2 refuses.
    """
    resources, manifest = scratch / "resources.apk", scratch / "AndroidManifest.xml"
    write_android_manifest(manifest, stored)
    tools.aapt2("compile", "--dir", APP / "res", "-o", scratch / "res.zip")
    words = ["-o", resources, "-I", tools.framework_resources, "--manifest", manifest]
    words += ["--java", scratch / GENERATED, "--min-sdk-version", str(MIN_SDK)]
    words += ["--target-sdk-version", str(TARGET_SDK), scratch / "res.zip"]
    tools.aapt2("link", *words)
    return resources


def compile_code(tools: Toolchain, scratch: Path) -> Path:
    """Compile the library, then the app that uses what is public of it.

    Args:
        tools: to use.
        scratch: folder of this build, in which resources were linked.

    Returns:
        Both for Android, as one dex file.

    Raises:
        MissingDependencyError: a compiler refuses.
    """
    ids, stubs = scratch / "ids", scratch / "stubs"
    compile_java(scratch / GENERATED, [tools.android_jar], ids)
    compile_java(LIBRARY / "stubs" / "java", [], stubs)
    library, app, dex = (scratch / name for name in ("library.jar", "app.jar", "classes.dex"))
    runtimes = [tools.onnxruntime / "classes.jar", stubs]
    tools.compile_kotlin([LIBRARY / "main" / "kotlin"], [tools.android_jar, *runtimes], library)
    tools.compile_kotlin([APP / "kotlin"], [tools.android_jar, library, ids], app)
    tools.dex([app, library, ids], dex)
    return dex


def package(
    tools: Toolchain, options: BuildOptions, resources: Path, dex: Path, bundle: dict[str, Path]
) -> None:
    """Put everything together, sign it, and see that the signature holds.

    Args:
        tools: to use.
        options: where to and how.
        resources: what `link_resources` gives, for the same `stored`.
        dex: what `compile_code` gives.
        bundle: files by their names in the APK.

    Raises:
        MissingDependencyError: the signer fails.
        OutputError: the place cannot be written to.
    """
    key = debug_key(options.keystore)
    with whole_file(options.out) as out, tempfile.TemporaryDirectory() as scratch:
        unsigned = Path(scratch) / "unsigned.apk"
        write_apk(unsigned, apk_entries(tools, resources, dex, bundle), options.stored)
        sdk = ["--min-sdk-version", str(MIN_SDK)]
        words = ["--ks", key, "--ks-pass", f"pass:{PASSWORD}", *sdk]
        words += ["--v1-signing-enabled", "false", "--lib-page-alignment", str(PAGE)]
        words += ["--out", out, unsigned]
        tools.apksigner("sign", *words)
        tools.apksigner("verify", *sdk, out)
        out.with_name(f"{out.name}.idsig").unlink(missing_ok=True)


def write_android_manifest(out: Path, stored: bool) -> None:
    """The app's manifest with what Gradle would add to it."""
    ElementTree.register_namespace("android", ANDROID)
    tree = ElementTree.parse(APP / "AndroidManifest.xml")
    root = tree.getroot()
    root.set("package", PACKAGE)
    root.set(f"{{{ANDROID}}}versionCode", str(VERSION_CODE))
    root.set(f"{{{ANDROID}}}versionName", __version__)
    application = root.find("application")
    assert application is not None
    application.set(f"{{{ANDROID}}}extractNativeLibs", "false" if stored else "true")
    tree.write(out, encoding="utf-8", xml_declaration=True)


def compile_java(sources: Path, classpath: Iterable[Path], out: Path) -> None:
    """Compile the Java files of a folder for Java 8.

    Raises:
        MissingDependencyError: the compiler refuses.
    """
    out.mkdir()
    words = ["--release", "8", "-Xlint:-options", "-proc:none", "-cp", joined(classpath)]
    run(["javac", *words, "-d", str(out), *sorted(map(str, sources.rglob("*.java")))])


def apk_entries(
    tools: Toolchain, resources: Path, dex: Path, bundle: dict[str, Path]
) -> dict[str, bytes]:
    """The content of the APK by name."""
    with zipfile.ZipFile(resources) as linked:
        entries = {name: linked.read(name) for name in linked.namelist()}
    files = {"classes.dex": dex, "classes2.dex": tools.library_dex, **bundle}
    for abi in ABIS:
        for library in (tools.onnxruntime / "jni" / abi).glob("*.so"):
            files[f"lib/{abi}/{library.name}"] = library
    files["assets/licences/onnxruntime.txt"] = tools.onnxruntime_notices
    files["assets/licences/squeezesam.txt"] = HERE.parent / "LICENSE"
    return entries | {name: path.read_bytes() for name, path in files.items()}


def write_apk(out: Path, entries: dict[str, bytes], stored: bool) -> None:
    """Write a zip that depends on its content alone."""
    with zipfile.ZipFile(out, "w") as apk:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            plain = name.endswith(STORED_SUFFIXES) or (stored and name.endswith(".so"))
            entry.compress_type = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
            apk.writestr(entry, entries[name], compresslevel=9)


def debug_key(keystore: Path) -> Path:
    """A keystore as Android Studio makes it, made if there is none.

    Raises:
        MissingDependencyError: keytool fails.
        OutputError: the place cannot be written to.
    """
    if not keystore.exists():
        with whole_file(keystore) as out:
            words = ["-genkeypair", "-keystore", str(out), "-storetype", "PKCS12"]
            words += ["-storepass", PASSWORD, "-alias", ALIAS, "-keyalg", "RSA", "-keysize", "2048"]
            words += ["-validity", "10950", "-dname", "CN=Android Debug, O=Android, C=US"]
            run(["keytool", *words])
    return keystore


def main() -> int:
    """Build as the command line says; errors of the user's are one line, with status 2."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--artifacts", type=Path, required=True, help="export with ONNX artifacts")
    parser.add_argument("--out", type=Path, default=Path("squeezesam.apk"), help="APK to write")
    parser.add_argument("--stored", action="store_true", help="do not compress native libraries")
    parser.add_argument("--keystore", type=Path, default=KEYSTORE, help=f"default {KEYSTORE}")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the tools")
    try:
        options = BuildOptions(**vars(parser.parse_args()))
        build(options)
    except SqueezeSamError as error:
        print(f"build.py: error: {error}", file=sys.stderr)
        return error.exit_status
    size = options.out.stat().st_size / 1e6
    print(f"wrote {options.out}, {size:.1f} MB; adb install {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
