"""Files of an export directory: names, hashes, origin, and loading whatever runs here."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import squeezesam
from squeezesam.errors import ArtifactError, MissingDependencyError
from squeezesam.files import content_hash, files_below, path_below
from squeezesam.inference.load import LoadedNetwork, composed
from squeezesam.spec import NetworkKind
from squeezesam.strict_json import shown
from squeezesam_export.bundle.manifest import Artifact, Manifest, read_manifest
from squeezesam_export.targets.table import TARGETS
from squeezesam_export.targets.target import Loader
from squeezesam_export.targets.trial import check_bytes


def utc_date() -> str:
    """Today as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()


def git_commit() -> str | None:
    """Commit of the source that runs, with "-dirty" where files differ from it.

    None when it does not run from a repository that tracks it, as when it was installed from a
    wheel, be it into an environment inside another repository.
    """
    package = Path(squeezesam.__file__)
    if _git(package.parent, "ls-files", "--error-unmatch", package.name) is None:
        return None
    return _git(package.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *args: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


Hasher = Callable[[Path], str]
"""SHA-256 of a file's content; with `functools.cache` around it, each file is hashed once."""

GOLDEN = "golden"
"""The folder of golden files and vectors in an export directory."""

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
    check_bytes(path, size_of(path))


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    return content_hash(path).hexdigest()


def hashes_of(path: Path, hasher: Hasher = content_sha256) -> dict[str, str]:
    """SHA-256 of each file of a directory by its relative POSIX name; nothing of a single file."""
    if path.is_file():
        return {}
    return {file.relative_to(path).as_posix(): hasher(file) for file in files_of(path)}


def sha256_of(path: Path, hasher: Hasher = content_sha256) -> str:
    """Hash of a file's content, or of a directory.

    Of a directory: for each file in order of its relative POSIX name, the name in UTF-8, a zero
    byte, and the raw SHA-256 of the content. Hidden and system files are left out.
    """
    if path.is_file():
        return hasher(path)
    digest = hashlib.sha256()
    for name, sha256 in hashes_of(path, hasher).items():
        digest.update(name.encode() + b"\0" + bytes.fromhex(sha256))
    return digest.hexdigest()


def bundle_digest(directory: Path, hasher: Hasher = content_sha256) -> str:
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
                    lines[name] = f"{hasher(path)}  ".encode() + name + b"\n"
    except OSError as error:
        raise ArtifactError(f"cannot read {error.filename}: {error.strerror}") from error
    for name in lines:
        if set(name) & set(b"\\\n\r"):
            raise ArtifactError(f"{directory} holds a file named {name!r}; remove it")
    return hashlib.sha256(b"".join(lines[name] for name in sorted(lines))).hexdigest()


def check_digest(directory: Path, wanted: str, hasher: Hasher = content_sha256) -> str:
    """The digest of an export directory, once it has proved to be the one that was pinned.

    Raises:
        ArtifactError: its `bundle_digest` is another one.
    """
    found = bundle_digest(directory, hasher)
    if found != wanted.strip().lower():
        raise ArtifactError(
            f"{directory} has the bundle SHA-256 {found}, not {wanted}; "
            "get the export that was pinned, or pin this one if you trust it"
        )
    return found


def checked_path(
    directory: Path,
    name: str,
    sha256: str,
    files: Mapping[str, str] | None = None,
    hasher: Hasher = content_sha256,
) -> Path:
    """Path of a file that a manifest names, once its content has proved to be the same.

    Args:
        directory: of the export.
        name: relative to it.
        sha256: as `sha256_of` defines it.
        files: what `hashes_of` gave, to name those that were altered.
        hasher: of the content of files.

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
    if sha256_of(path, hasher) != sha256:
        found, listed = hashes_of(path, hasher), files or {}
        names = {one for one in {*found, *listed} if found.get(one) != listed.get(one)}
        which = f" ({', '.join(sorted(names)[:MOST_NAMED])})" if listed and names else ""
        raise ArtifactError(f"{path} was altered since its export{which}; export again")
    return path


def artifact_paths(
    directory: Path, artifact: Artifact, hasher: Hasher = content_sha256
) -> list[Path]:
    """Paths of the files of an artifact, once their contents have proved to be the same.

    Raises:
        ArtifactError: as `checked_path` does.
    """
    return [
        checked_path(directory, graph.file, graph.sha256, graph.files, hasher)
        for graph in artifact.graphs
    ]


def check_files(directory: Path, manifest: Manifest, hasher: Hasher = content_sha256) -> None:
    """Check every file that the manifest names, and what it says of it.

    Raises:
        ArtifactError: one is outside the directory, missing, altered or described otherwise, or the
            folder of golden files holds one that the manifest does not name.
    """
    for artifact in manifest.artifacts:
        for path, graph in zip(
            artifact_paths(directory, artifact, hasher), artifact.graphs, strict=True
        ):
            if (size_of(path), hashes_of(path, hasher)) != (graph.size_bytes, graph.files):
                raise ArtifactError(
                    f"{path} has other files, or another size, than the manifest says; export again"
                )
    golden = [file for network in manifest.networks for file in network.golden]
    files = [(file.file, file.sha256) for file in golden]
    files += [(file.file, file.sha256) for file in manifest.vectors]
    for name, sha256 in files:
        checked_path(directory, name, sha256, hasher=hasher)
    present = {path.relative_to(directory).as_posix() for path in files_of(directory / GOLDEN)}
    if unnamed := sorted(present - dict(files).keys()):
        raise ArtifactError(
            f"the manifest of {directory} does not name {', '.join(unnamed[:MOST_NAMED])}; "
            "export again"
        )


def load_graphs(kind: NetworkKind, paths: Sequence[Path], load: Loader) -> LoadedNetwork:
    """A network from the files of its graphs.

    Args:
        kind: of the network.
        paths: of its files, in the order of its graphs.
        load: loads one of them.

    Raises:
        ArtifactError: a file is damaged, or holds another graph.
        MissingDependencyError: the runtime is not installed.
    """
    loaded = [load(path) for path in paths]
    for path, network, graph in zip(paths, loaded, kind.graphs, strict=True):
        if network.kind is not graph:
            raise ArtifactError(
                f"{path} is a {network.kind.title}, not a {graph.title}; export it again"
            )
    return composed(kind, loaded)


def load_first_runnable(directory: Path, kind: NetworkKind) -> LoadedNetwork:
    """The first artifact of a kind of network in an export directory that runs here.

    One whose own runtime is here goes before all that only a reference interpreter runs.

    Raises:
        ArtifactError: the directory is damaged, or was exported without that network.
        MissingDependencyError: of no artifact is the runtime installed.
    """
    missing: MissingDependencyError | None = None
    network = read_manifest(directory).network(kind)
    if network is None:
        raise ArtifactError(f"{directory} holds no {kind.title}; export again with one")
    for artifact in sorted(network.artifacts, key=lambda one: TARGETS[one.target].load is None):
        paths = artifact_paths(directory, artifact)
        try:
            return load_graphs(network.recipe.kind, paths, TARGETS[artifact.target].loader)
        except MissingDependencyError as error:
            missing = missing or error
    assert missing, "there is an artifact"
    raise missing
