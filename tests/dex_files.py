"""What class files define, and what dex files define and use: is an app fit for its Android?"""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

Member = tuple[str, str]
"""Name and descriptor, such as `("read", "([B)I")`."""

UTF8, LONG, DOUBLE, METHOD_HANDLE = 1, 5, 6, 15
NAME_ALONE = (7, 8, 16, 19, 20)
"""Entries of a constant pool that are one index: class, string, method type, module, package."""


def class_of(content: bytes) -> tuple[str, list[str], set[Member]]:
    """Name of a class, what it extends or implements, and its own fields and methods."""
    (count,) = struct.unpack_from(">H", content, 8)
    pool: list[object] = [None] * count
    at, i = 10, 1
    while i < count:
        kind = content[at]
        if kind == UTF8:
            (length,) = struct.unpack_from(">H", content, at + 1)
            pool[i] = content[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        elif kind in NAME_ALONE:
            (pool[i],) = struct.unpack_from(">H", content, at + 1)
            at += 3
        else:
            at += {LONG: 9, DOUBLE: 9, METHOD_HANDLE: 4}.get(kind, 5)
            i += kind in (LONG, DOUBLE)
        i += 1

    def name(index: int) -> str:
        return str(pool[int(str(pool[index]))])

    _, own, parent, faces = struct.unpack_from(">HHHH", content, at)
    at += 8
    parents = [name(one) for one in (parent, *struct.unpack_from(f">{faces}H", content, at)) if one]
    at += 2 * faces
    members: set[Member] = set()
    for _ in ("fields", "methods"):
        (count,) = struct.unpack_from(">H", content, at)
        at += 2
        for _ in range(count):
            _, called, form, attributes = struct.unpack_from(">HHHH", content, at)
            at += 8
            members.add((str(pool[called]), str(pool[form])))
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">I", content, at + 2)[0]
    return name(own), parents, members


class Api:
    """The classes of a jar.

    Args:
        jar: such as the stubs of an Android version.
    """

    def __init__(self, jar: Path) -> None:
        with zipfile.ZipFile(jar) as archive:
            names = [name for name in archive.namelist() if name.endswith(".class")]
            found = [class_of(archive.read(name)) for name in names]
        self.classes = {name: (parents, members) for name, parents, members in found}

    def has(self, owner: str, member: Member) -> bool:
        """Whether a class has a member, of its own or from one above it."""
        parents, members = self.classes.get(owner, ([], set()))
        return member in members or any(self.has(parent, member) for parent in parents)


class Dex:
    """A dex file.

    Args:
        content: its bytes.
    """

    def __init__(self, content: bytes) -> None:
        assert content.startswith(b"dex\n")
        self.content = content
        self.tables = {
            name: struct.unpack_from("<II", content, at)
            for name, at in {
                "string": 56,
                "type": 64,
                "proto": 72,
                "method": 88,
                "class": 96,
            }.items()
        }

    def number(self, table: str, index: int, width: int, form: str = "<I") -> tuple[int, ...]:
        """Numbers of an entry of a table whose entries have so many bytes."""
        return struct.unpack_from(form, self.content, self.tables[table][1] + width * index)

    def string(self, index: int) -> str:
        """A string of the file."""
        (at,) = self.number("string", index, 4)
        while self.content[at] & 0x80:  # the length before the characters
            at += 1
        return self.content[at + 1 : self.content.index(b"\0", at + 1)].decode("utf-8", "replace")

    def type(self, index: int) -> str:
        """A type as a descriptor."""
        return self.string(*self.number("type", index, 4))

    def defined(self) -> set[str]:
        """Names of the classes that it defines, with slashes."""
        count = self.tables["class"][0]
        return {self.type(*self.number("class", i, 32))[1:-1] for i in range(count)}

    def used(self) -> Iterator[tuple[str, Member]]:
        """Owner and member of each method that it calls or defines."""
        for i in range(self.tables["method"][0]):
            owner, proto, name = self.number("method", i, 8, "<HHI")
            _, gives, takes = self.number("proto", proto, 12, "<III")
            types: tuple[int, ...] = ()
            if takes:
                (count,) = struct.unpack_from("<I", self.content, takes)
                types = struct.unpack_from(f"<{count}H", self.content, takes + 4)
            form = f"({''.join(map(self.type, types))}){self.type(gives)}"
            yield self.type(owner)[1:-1], (self.string(name), form)
