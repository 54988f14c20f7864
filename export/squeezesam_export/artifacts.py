"""Files of an export directory: names, hashes, and loading whatever runs here."""

import hashlib
import os
from pathlib import Path, PurePosixPath

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.files import content_hash
from squeezesam.runtimes import LoadedNetwork
from squeezesam.spec import Interface
from squeezesam_export.manifest import Manifest, read_manifest
from squeezesam_export.targets import TARGETS


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files of a directory in the order of their relative names."""
    if path.is_file():
        return [path]
    inside = [file for file in path.rglob("*") if file.is_file()]
    return sorted(inside, key=lambda file: file.relative_to(path).as_posix())


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a directory."""
    return sum(file.stat().st_size for file in files_of(path))


def sha256_of(path: Path) -> str:
    """Hash of a file's content, or of a directory.

    Of a directory: for each file in order of its relative POSIX name, the name in UTF-8, a zero
    byte, and the raw SHA-256 of the content.
    """
    if path.is_file():
        return content_hash(path).hexdigest()
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        digest.update(content_hash(file).digest())
    return digest.hexdigest()


def bundle_digest(directory: Path) -> str:
    """One SHA-256 of all that an export directory holds, for an app to pin.

    It is the hash of the text that `sha256sum` prints for all files, ordered by the bytes of their
    relative names. Hidden files, files in hidden folders and links are left out: systems put the
    first there by themselves, and the content of what the manifest names is in the manifest.

    Raises:
        ArtifactError: a file cannot be read, or has a name that such a text cannot hold.
    """
    lines: dict[bytes, bytes] = {}
    try:
        for folder, folders, names in os.walk(directory):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(folder, name) for name in names if not name.startswith(".")):
                if path.is_file() and not path.is_symlink():
                    name = os.fsencode(path.relative_to(directory).as_posix())
                    lines[name] = f"{content_hash(path).hexdigest()}  ".encode() + name + b"\n"
    except OSError as error:
        raise ArtifactError(f"cannot read {error.filename}: {error.strerror}") from error
    for name in lines:
        if set(name) & set(b"\\\n\r"):
            raise ArtifactError(f"{directory} holds a file named {name!r}; remove it")
    return hashlib.sha256(b"".join(lines[name] for name in sorted(lines))).hexdigest()


def check_digest(directory: Path, wanted: str) -> None:
    """See that an export directory is the one that was pinned.

    Raises:
        ArtifactError: its `bundle_digest` is another one.
    """
    found = bundle_digest(directory)
    if found != wanted.strip().lower():
        raise ArtifactError(
            f"{directory} has the bundle SHA-256 {found}, not {wanted}; "
            "get the export that was pinned, or pin this one if you trust it"
        )


def checked_path(directory: Path, name: str, sha256: str) -> Path:
    """Path of a file that a manifest names, once its content has proved to be the same.

    Raises:
        ArtifactError: outside the directory, missing, or altered.
    """
    relative = PurePosixPath(name)
    if relative.is_absolute() or not relative.parts or ".." in relative.parts:
        raise ArtifactError(f"the manifest of {directory} names {name!r}, outside of it; refused")
    path = directory / relative
    if not path.exists():
        raise ArtifactError(f"{path} is missing; export again")
    if sha256_of(path) != sha256:
        raise ArtifactError(f"{path} was altered since its export; export again")
    return path


def check_files(directory: Path, manifest: Manifest) -> None:
    """Check every file that the manifest names.

    Raises:
        ArtifactError: one is outside the directory, missing, or altered.
    """
    files = [(one.file, one.sha256) for one in manifest.all_artifacts]
    files += [(one.file, one.sha256) for one in manifest.golden]
    files += [(one.file, one.sha256) for one in manifest.vectors]
    for name, sha256 in files:
        checked_path(directory, name, sha256)


def load_first_runnable(directory: Path, interface: Interface) -> LoadedNetwork:
    """The first artifact of a kind of network in an export directory that runs here.

    One whose own runtime is here goes before all that only a reference interpreter runs.

    Raises:
        ArtifactError: the directory is damaged, or was exported without that network.
        MissingDependencyError: of no artifact is the runtime installed.
    """
    missing: MissingDependencyError | None = None
    artifacts = read_manifest(directory).artifacts_of(interface)
    if not artifacts:
        raise ArtifactError(f"{directory} holds no {interface.title}; export again with one")
    for artifact in sorted(artifacts, key=lambda one: TARGETS[one.target].load is None):
        path = checked_path(directory, artifact.file, artifact.sha256)
        try:
            return TARGETS[artifact.target].loader(path)
        except MissingDependencyError as error:
            missing = missing or error
    assert missing, "there is an artifact"
    raise missing
