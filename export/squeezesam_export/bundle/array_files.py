"""Reading numpy's files of strangers: what they declare is looked at before anything is read."""

import math
import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import DataError
from squeezesam.strict_json import shown

MAX_ARRAY_BYTES = 256_000_000
MAX_HEADER_BYTES = 4096
NUMBERS = "biuf"
"""Kinds of elements in numpy's words."""

FORMAT: Any = np.lib.format
READERS = {(1, 0): FORMAT.read_array_header_1_0, (2, 0): FORMAT.read_array_header_2_0}
SUFFIX = ".npy"
END = struct.Struct("<4s4H2LH")
END_MARK, LARGE_END_MARK = b"PK\x05\x06", b"PK\x06\x07"
LARGE_END_BYTES = 20
MOST_MEMBERS = 64
MAX_MEMBER_ENTRY = 512


@dataclass(frozen=True)
class Form:
    """What an array file declares.

    Attributes:
        dtype: of its elements, which are numbers.
        shape: of the array.
        by_columns: whether the first index changes fastest, as in Fortran.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    by_columns: bool = False

    def __str__(self) -> str:
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'number'}"

    @property
    def bytes(self) -> int:
        """Of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """The arrays of a file, to be looked at and then read one by one.

    Args:
        path: of an .npz, or of an .npy, whose array has the name "".

    Attributes:
        forms: of the arrays by name.

    Raises:
        DataError: missing, no regular file, or of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not path.is_file():
                raise ValueError("there is no such file")
            self.is_archive = zipfile.is_zipfile(path)
            self.forms = self._forms_inside() if self.is_archive else {"": self._form_alone()}
        except Exception as error:  # zipfile, zlib, tokenize and numpy each raise their own
            raise DataError(
                f"{shown(str(path))} holds no arrays ({error}); give what numpy wrote"
            ) from error

    def read(self, name: str = "") -> NDArray[Any]:
        """One array.

        Raises:
            DataError: its data are damaged.
        """
        try:
            if not self.is_archive:
                with self.path.open("rb") as file:
                    return self._data(file, self.forms[name])
            with zipfile.ZipFile(self.path) as archive, archive.open(name + SUFFIX) as member:
                return self._data(member, self.forms[name])
        except Exception as error:
            raise DataError(
                f"{name} of {self.path} is damaged ({error}); write it again"
            ) from error

    def _form_alone(self) -> Form:
        with self.path.open("rb") as file:
            form = _form(file)
            present = self.path.stat().st_size - file.tell()
            if present < form.bytes:
                raise ValueError(f"it declares {form.bytes} bytes and has {present}")
        return form

    def _forms_inside(self) -> dict[str, Form]:
        _check_directory(self.path)
        forms = {}
        with zipfile.ZipFile(self.path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(SUFFIX)
                if name == info.filename or name in forms:
                    raise ValueError(f"its member {shown(info.filename)} is no array, or is twice")
                with archive.open(info) as member:
                    form = _form(member)
                    if info.file_size != member.tell() + form.bytes:
                        raise ValueError(f"{name} declares other sizes than the archive")
                forms[name] = form
        return forms

    def _data(self, file: Any, form: Form) -> NDArray[Any]:
        _form(file)
        content = file.read(form.bytes)
        if len(content) != form.bytes:
            raise ValueError(f"{len(content)} bytes where there must be {form.bytes}")
        flat = np.frombuffer(content, form.dtype)
        return flat.reshape(form.shape, order="F" if form.by_columns else "C").copy()


def _form(file: BinaryIO | Any) -> Form:
    """What the header says at the start of an array's bytes.

    Raises:
        ValueError: it is none, or that of something else than a moderate array of numbers.
    """
    version = FORMAT.read_magic(file)
    if version not in READERS:
        raise ValueError(f"its format has version {version}")
    shape, by_columns, dtype = READERS[version](file, max_header_size=MAX_HEADER_BYTES)
    form = Form(dtype, shape, by_columns)
    if dtype.kind not in NUMBERS or any(side < 0 for side in shape):
        raise ValueError(f"it holds {dtype}, not numbers")
    if form.bytes > MAX_ARRAY_BYTES:
        raise ValueError(f"it declares {form.bytes} bytes, more than {MAX_ARRAY_BYTES}")
    return form


def _check_directory(path: Path) -> None:
    """See that an archive lists few members, before zipfile makes objects of them.

    Raises:
        ValueError: it does not.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - END.size - LARGE_END_BYTES))
        tail = file.read()
    if len(tail) < END.size:
        raise ValueError("it is cut off")
    mark, _, _, _, members, entries, _, _ = END.unpack(tail[-END.size :])
    if mark != END_MARK or tail.startswith(LARGE_END_MARK):
        raise ValueError("it is no plain archive")
    if members > MOST_MEMBERS or entries > MOST_MEMBERS * MAX_MEMBER_ENTRY:
        raise ValueError(f"it has {members} members")


def check_forms(found: Mapping[str, Form], wanted: Mapping[str, Form]) -> None:
    """See that a file holds exactly the arrays that it must hold.

    Raises:
        ValueError: it does not; says what it holds instead.
    """
    ours, theirs = ({name: str(form) for name, form in one.items()} for one in (found, wanted))
    if ours != theirs:
        raise ValueError(f"it holds {shown(ours)}, not {theirs}")
