"""The folder that `squeezesam web` writes, for any static server, and a server of our own."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from squeezesam import strict_json
from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError
from squeezesam.examples import EXAMPLES
from squeezesam.files import PathLike, check_place, whole_directory
from squeezesam.inference.load import MANIFEST_NAME
from squeezesam_export.bundle.artifacts import artifact_paths
from squeezesam_export.bundle.manifest import read_manifest

SOURCE = Path(__file__).parent / "web"
PAGE = ("index.html", "style.css", "icon.svg", "service-worker.js", "page", "module")
TARGET = "onnx"

PACKAGE = "onnxruntime-web"
PACKAGE_VERSION = "1.30.0"
INSTALLATION = f"npm install --ignore-scripts {PACKAGE}@{PACKAGE_VERSION}"
RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
"""The first three run on the CPU, the other three on WebGPU."""

BUNDLE, RUNTIME, PHOTOS = "bundle", "runtime", "photos"
HOST = "127.0.0.1"
MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
LARGEST_PORT = 65_535
MAX_PACKAGE_BYTES = 1_000_000


def write_site(exports: Sequence[Path], runtime: Path, out: Path) -> None:
    """Write a site, or replace one.

    Args:
        exports: directories with ONNX artifacts, one for each model that the page offers; the first
            one is loaded when the page opens.
        runtime: a `node_modules` folder that holds PACKAGE, or the folder of the package itself.
        out: folder to write.

    Raises:
        ArtifactError: an export is damaged, or has no ONNX artifact.
        ConfigError: two exports have the same name.
        MissingDependencyError: the package is missing, has another version or lacks files.
        OutputError: the place cannot be written to, or holds something else.
    """
    check_place(out, (*PAGE, BUNDLE, RUNTIME, PHOTOS))
    models = named_models(exports)
    scripts = runtime_files(runtime)
    with whole_directory(out) as site:
        write_page(site, scripts)
        write_models(site, models)
        copy_into(site / PHOTOS, [example.path for example in EXAMPLES])
        write_index(site / PHOTOS, [example.path.name for example in EXAMPLES])


def write_page(site: Path, scripts: Sequence[Path]) -> None:
    """Write the page into a folder, with the files of ONNX Runtime but without a bundle."""
    for name in PAGE:
        if (SOURCE / name).is_dir():
            shutil.copytree(SOURCE / name, site / name)
        else:
            shutil.copyfile(SOURCE / name, site / name)
    copy_into(site / RUNTIME, scripts)


def named_models(exports: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of exports that a site needs, by the names of their directories.

    Raises:
        ArtifactError: an export is damaged or altered, or has no ONNX artifact.
        ConfigError: two exports have the same name.
    """
    names = [directory.resolve().name for directory in exports]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"{count} exports are named {name}; rename them as the page is to say")
    files = ([directory / MANIFEST_NAME, *onnx_files(directory)] for directory in exports)
    return dict(zip(names, files, strict=True))


def write_models(site: Path, models: Mapping[str, Sequence[Path]]) -> None:
    """Write what `named_models` gives, and their names, into a folder that has none."""
    (site / BUNDLE).mkdir()
    for name, files in models.items():
        copy_into(site / BUNDLE / name, files)
    write_index(site / BUNDLE, list(models))


def write_index(folder: Path, names: list[str]) -> None:
    """Write the names of what a folder holds, for a page that cannot list it."""
    (folder / "index.json").write_text(json.dumps(names) + "\n", encoding="utf-8")


def copy_into(folder: Path, paths: Sequence[Path]) -> None:
    """Copy files into a new folder."""
    folder.mkdir()
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def onnx_files(artifacts: Path) -> list[Path]:
    """The ONNX artifacts of an export, each with the hash that its manifest names.

    Raises:
        ArtifactError: the export is damaged or altered, or there is none.
    """
    manifest = read_manifest(artifacts)
    found = [one for one in manifest.artifacts if one.target == TARGET]
    if not found:
        raise ArtifactError(f"{artifacts} has no ONNX file; export with --target onnx")
    return [path for artifact in found for path in artifact_paths(artifacts, artifact)]


def runtime_files(runtime: Path, option: str = "--runtime") -> list[Path]:
    """The files of ONNX Runtime that the page loads.

    Args:
        runtime: a `node_modules` folder that holds PACKAGE, or the folder of the package itself.
        option: of the command that takes this folder, for messages.

    Raises:
        MissingDependencyError: the package is missing, has another version or lacks files.
    """
    package = runtime if runtime.name == PACKAGE else runtime / PACKAGE
    try:
        content = strict_json.read(package / "package.json", MAX_PACKAGE_BYTES)
    except (OSError, ValueError) as error:
        raise MissingDependencyError(
            f"{package} is no npm package; run '{INSTALLATION}' and name its node_modules folder "
            f"with {option}"
        ) from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != PACKAGE_VERSION:
        raise MissingDependencyError(
            f"{package} has version {strict_json.shown(version)}; run '{INSTALLATION}'"
        )
    paths = [package / "dist" / name for name in RUNTIME_FILES]
    for path in paths:
        if not path.is_file():
            raise MissingDependencyError(f"{path} is missing; run '{INSTALLATION}' again")
    return paths


def site_server(
    site: Path, port: int, handler: "type[SiteHandler] | None" = None
) -> ThreadingHTTPServer:
    """A server of a site for this machine alone; it does not serve yet.

    Args:
        site: what `write_site` wrote.
        port: 0 for any that is free.
        handler: answers more than files; None for one that does not.

    Raises:
        ConfigError: the port does not exist or is not free.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise ConfigError(f"{port} is no port; name one from 0 to {LARGEST_PORT}")
    try:
        return SiteServer((HOST, port), partial(handler or SiteHandler, directory=str(site)))
    except OSError as error:
        raise ConfigError(f"cannot serve on port {port}: {error.strerror}; name another") from error


class SiteServer(ThreadingHTTPServer):
    """A server that says nothing of browsers that leave before they have their answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what went wrong, unless the browser left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class SiteHandler(SimpleHTTPRequestHandler):
    """Serves a site with the headers that threads in WebAssembly need."""

    def guess_type(self, path: PathLike) -> str:
        """The media type of a file; what a system says of scripts and WebAssembly differs."""
        return MEDIA_TYPES.get(Path(path).suffix) or super().guess_type(path)

    def send_head(self) -> BinaryIO | None:
        """As `SimpleHTTPRequestHandler`; a path with a zero byte is not found."""
        try:
            return super().send_head()
        except ValueError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None

    def list_directory(self, path: PathLike) -> None:
        """Folders are not listed."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Add the headers to every answer."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing of what is asked."""
