"""Files of an export directory: names, hashes, and loading whatever runs here."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.files import content_hash, files_below, path_below
from squeezesam.runtimes import LoadedNetwork
from squeezesam.spec import NetworkKind
from squeezesam.strict_json import shown
from squeezesam_export.manifest import Artifact, Manifest, read_manifest
from squeezesam_export.targets import TARGETS
from squeezesam_export.trial import MAX_ARTIFACT_BYTES

LONGEST_NAME = 200
MOST_NAMED = 5
"""In a message."""


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files of a directory in the order of their relative names.

    Hidden and system files, such as a `.DS_Store`, are left out.

    Raises:
        ArtifactError: it holds what is neither file nor folder, or links that lead elsewhere.
    """
    if path.is_file():
        return [path]
    try:
        return [path / name for name in files_below(path)]
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is no artifact ({error}); refused, export again") from error


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a directory."""
    return sum(file.stat().st_size for file in files_of(path))


def check_size(path: Path) -> None:
    """See that a file or directory can be an artifact; to hash a sparse one can take days.

    Raises:
        ArtifactError: it has more bytes than any.
    """
    size = size_of(path)
    if size > MAX_ARTIFACT_BYTES:
        raise ArtifactError(f"{path} has {size} bytes, more than any artifact; export it again")


def hashes_of(path: Path) -> dict[str, str]:
    """SHA-256 of each file of a directory by its relative POSIX name; nothing of a single file."""
    if path.is_file():
        return {}
    return {
        file.relative_to(path).as_posix(): content_hash(file).hexdigest() for file in files_of(path)
    }


def sha256_of(path: Path) -> str:
    """Hash of a file's content, or of a directory.

    Of a directory: for each file in order of its relative POSIX name, the name in UTF-8, a zero
    byte, and the raw SHA-256 of the content. Hidden and system files are left out.
    """
    if path.is_file():
        return content_hash(path).hexdigest()
    digest = hashlib.sha256()
    for name, sha256 in hashes_of(path).items():
        digest.update(name.encode() + b"\0" + bytes.fromhex(sha256))
    return digest.hexdigest()


def bundle_digest(directory: Path) -> str:
    """One SHA-256 of all that an export directory holds, for an app to pin.

    It is the hash of the text that `sha256sum` prints for all files, ordered by the bytes of their
    relative names. Hidden files, files in hidden folders and links are left out: systems put the
    first there by themselves, and the content of what the manifest names is in the manifest.

    Raises:
        ArtifactError: a file cannot be read, is larger than any artifact, or has a name that such a
            text cannot hold.
    """
    lines: dict[bytes, bytes] = {}
    try:
        for folder, folders, names in os.walk(directory):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(folder, name) for name in names if not name.startswith(".")):
                if path.is_file() and not path.is_symlink():
                    check_size(path)
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


def checked_path(
    directory: Path, name: str, sha256: str, files: Mapping[str, str] | None = None
) -> Path:
    """Path of a file that a manifest names, once its content has proved to be the same.

    Args:
        directory: of the export.
        name: relative to it.
        sha256: as `sha256_of` defines it.
        files: what `hashes_of` gave, to name those that were altered.

    Raises:
        ArtifactError: outside the directory, missing, neither file nor folder, or altered.
    """
    try:
        path = path_below(directory, name)
    except ValueError as error:
        raise ArtifactError(f"the manifest of {directory} is refused: {error}") from error
    except OSError as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else f"no file: {error.strerror}"
        where = directory / name if len(name) < LONGEST_NAME else shown(name)
        raise ArtifactError(f"{where} is {reason}; export again") from error
    check_size(path)
    if sha256_of(path) != sha256:
        found, listed = hashes_of(path), files or {}
        names = {one for one in {*found, *listed} if found.get(one) != listed.get(one)}
        which = f" ({', '.join(sorted(names)[:MOST_NAMED])})" if listed and names else ""
        raise ArtifactError(f"{path} was altered since its export{which}; export again")
    return path


def artifact_path(directory: Path, artifact: Artifact) -> Path:
    """Path of an artifact that a manifest describes, once its content has proved to be the same.

    Raises:
        ArtifactError: as `checked_path` does.
    """
    return checked_path(directory, artifact.file, artifact.sha256, artifact.files)


def check_files(directory: Path, manifest: Manifest) -> None:
    """Check every file that the manifest names.

    Raises:
        ArtifactError: one is outside the directory, missing, or altered.
    """
    for artifact in manifest.all_artifacts:
        artifact_path(directory, artifact)
    files = [(one.file, one.sha256) for one in manifest.golden]
    files += [(one.file, one.sha256) for one in manifest.vectors]
    for name, sha256 in files:
        checked_path(directory, name, sha256)


def load_first_runnable(directory: Path, kind: NetworkKind) -> LoadedNetwork:
    """The first artifact of a kind of network in an export directory that runs here.

    One whose own runtime is here goes before all that only a reference interpreter runs.

    Raises:
        ArtifactError: the directory is damaged, or was exported without that network.
        MissingDependencyError: of no artifact is the runtime installed.
    """
    missing: MissingDependencyError | None = None
    artifacts = read_manifest(directory).artifacts_of(kind)
    if not artifacts:
        raise ArtifactError(f"{directory} holds no {kind.title}; export again with one")
    for artifact in sorted(artifacts, key=lambda one: TARGETS[one.target].load is None):
        path = artifact_path(directory, artifact)
        try:
            return TARGETS[artifact.target].loader(path)
        except MissingDependencyError as error:
            missing = missing or error
    assert missing, "there is an artifact"
    raise missing
