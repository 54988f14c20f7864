"""Export directories of strangers: nothing outside of them is opened, nothing large is unpacked."""

import io
import os
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from squeezesam.errors import ArtifactError, DataError
from squeezesam.inference.load import is_export, load
from squeezesam_export.bundle.array_files import ArrayFile
from squeezesam_export.bundle.artifacts import (
    bundle_digest,
    checked_path,
    hashes_of,
    sha256_of,
    size_of,
)
from squeezesam_export.bundle.manifest import read_manifest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small directory artifact inside of a bundle."""
    path = tmp_path / "bundle" / "a.mlpackage"
    (path / "Data" / "weights").mkdir(parents=True)
    (path / "Manifest.json").write_bytes(b"{}")
    (path / "Data" / "weights" / "weight.bin").write_bytes(b"12")
    return path


SYSTEM = (".DS_Store", "Data/.DS_Store", "Data/weights/._weight.bin", "Thumbs.db", ".localized")


def test_files_of_the_system_do_not_count(package: Path) -> None:
    before = sha256_of(package), size_of(package), hashes_of(package)
    for name in SYSTEM:
        (package / name).write_bytes(b"put there by a system")
    folder = package / "__MACOSX"
    folder.mkdir()
    (folder / "x").write_bytes(b"1")
    assert (sha256_of(package), size_of(package), hashes_of(package)) == before
    assert checked_path(package.parent, package.name, before[0]) == package


@pytest.mark.parametrize("name", ["Data/weights/weight.bin", "Data/more.bin", "Manifest.json"])
def test_altered_files_are_named(name: str, package: Path) -> None:
    sha256, files = sha256_of(package), hashes_of(package)
    (package / name).write_bytes(b"other")
    with pytest.raises(ArtifactError, match=rf"altered since its export \({name}\)"):
        checked_path(package.parent, package.name, sha256, files)


def bind(path: Path) -> None:
    """A socket, of which the name may have about 100 bytes only."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": bind,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link out": lambda path: path.symlink_to("/etc/passwd"),
    "relative link out": lambda path: path.symlink_to("../" * 12 + "etc/passwd"),
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "folder out": lambda path: path.symlink_to("/etc"),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_files_are_refused(name: str, package: Path) -> None:
    bundle = package.parent
    path = bundle / "net.onnx"
    SPECIAL[name](path)
    with pytest.raises(ArtifactError):
        checked_path(bundle, path.name, "0" * 64)
    inside = package / "Data" / "weights" / "weight.bin"
    sha256 = sha256_of(package)
    inside.unlink()
    SPECIAL[name](inside)
    with pytest.raises(ArtifactError):
        checked_path(bundle, package.name, sha256)


@pytest.mark.parametrize("name", [*SPECIAL, "folder"])
def test_a_manifest_that_is_no_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    SPECIAL.get(name, Path.mkdir)(path)
    with pytest.raises(ArtifactError):
        read_manifest(tmp_path)
    assert name in ("link out", "relative link out") or not is_export(tmp_path)


def test_a_linked_folder_in_a_package_is_refused(package: Path) -> None:
    """Its files would not be hashed."""
    sha256 = sha256_of(package)
    weights = package / "Data" / "weights"
    weights.rename(package / "elsewhere")
    weights.symlink_to("../elsewhere")
    with pytest.raises(ArtifactError, match="link to a folder"):
        checked_path(package.parent, package.name, sha256)


def test_a_sparse_file_of_terabytes_is_not_hashed(tmp_path: Path) -> None:
    with (tmp_path / "net.onnx").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(ArtifactError, match="bytes"):
        checked_path(tmp_path, "net.onnx", "0" * 64)
    with pytest.raises(ArtifactError, match="bytes"):
        bundle_digest(tmp_path)
    for suffix in (".onnx", ".pte"):
        path = tmp_path / f"sparse{suffix}"
        with path.open("wb") as file:
            file.truncate(2**32)
        with pytest.raises(ArtifactError, match="more than any artifact"):
            load(path)


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000 + "b", "nul\0", "../x", "/etc/passwd", ""])
def test_names_that_no_file_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as told:
        checked_path(tmp_path, name, "0" * 64)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize(
    "content",
    [
        b" " * 5_000_000,
        b'{"schema_version":' + b"1" * 6000 + b"}",
        b'{"schema_version":' + b"[" * 3000,
        b'{"schema_version":1e999}',
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b"[" + b"{}," * 1_300_000 + b"1]",
        b'{"schema_version":7,"schema_version":7}',
    ],
    ids=["large", "huge number", "deep list", "infinite", "deep", "many", "twice"],
)
def test_manifests_out_of_bounds(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError):
        read_manifest(tmp_path)


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    words = text.encode().ljust(118 - 1) + b"\n"
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(words))
    return b"\x93NUMPY" + version + length + words


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def bomb(start: bytes) -> bytes:
    """An archive whose member grows to 100 MB, made without holding them."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as member,
    ):
        member.write(start)
        for _ in range(100):
            member.write(bytes(1_000_000))
    return file.getvalue()


OBJECTS = io.BytesIO()
np.save(OBJECTS, np.array([{}], object), allow_pickle=True)

TERABYTES = header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }")
HOSTILE_ARRAYS = {
    "empty": b"",
    "pickle": b"\x80\x04N.",
    "objects": OBJECTS.getvalue(),
    "terabytes": TERABYTES,
    "negative": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -4), }") + bytes(16),
    "no header": header("{" * 60),
    "nested header": header("(" * 110),
    "code": header("__import__('os').abort()"),
    "text": header("{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }") + bytes(16),
    "records": header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }")
    + bytes(4),
    "long header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{" * 100,
    "version 9": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", b"\x09\x00"),
    "cut off": npy(np.ones(9))[:-1],
    "no zip": b"PK\x03\x04junk",
    "zip of text": zipped({"a.txt": b"x"}),
    "zip of terabytes": zipped({"a.npy": TERABYTES}),
    "bomb": bomb(npy(np.zeros(3))),
    "declared bomb": bomb(
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (100000000,), }")
    ),
    "many members": zipped({f"{i}.npy": npy(1) for i in range(100)}),
    "comment": zipped({"a.npy": npy(1)})[:-2] + b"\x05\x00hello",
    "objects inside": zipped({"a.npy": OBJECTS.getvalue()}),
}


@pytest.mark.parametrize("name", HOSTILE_ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_hostile_arrays(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(HOSTILE_ARRAYS[name])
    with pytest.raises(DataError, match="no arrays"):
        ArrayFile(path)


def test_a_member_whose_data_are_damaged(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.npy": npy(np.arange(100))}, zipfile.ZIP_STORED))
    content[400] ^= 1
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        ArrayFile(path).read("a")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)),
        np.array(3.5, ">f4"),
        np.zeros((0, 2), np.float16),
        np.array([True, False]),
    ],
)
def test_whole_arrays_are_read(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "b.npz", one=array, two=array)
    np.savez_compressed(tmp_path / "c.npz", one=array)
    for name, member in (("a.npy", ""), ("b.npz", "two"), ("c.npz", "one")):
        found = ArrayFile(tmp_path / name).read(member)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
