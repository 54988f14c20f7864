"""One work on several files: folders stand for the files in them, and one error stops no other."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from squeezesam.data.listing import list_files, split_name
from squeezesam.errors import DataError, SqueezeSamError

T = TypeVar("T")


def files_of(
    paths: Sequence[Path], suffixes: Collection[str], left_out: tuple[str, ...] = ()
) -> list[Path]:
    """The files that are named, each once; a folder stands for the files in it, sorted by name.

    Args:
        paths: of files and folders; what is missing is kept, for its reader to say so.
        suffixes: of the files to take from a folder, in lower case, with the dot.
        left_out: endings of the names of those that are not taken from a folder.

    Raises:
        DataError: a folder cannot be listed, or has no such file.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            files[path] = None
            continue
        inside = [
            path / name
            for name in list_files(path)
            if split_name(name)[1] in suffixes and not name.endswith(left_out)
        ]
        if not inside:
            raise DataError(
                f"{path} has no file that ends in {', '.join(sorted(suffixes))}; "
                "name another folder"
            )
        files |= dict.fromkeys(inside)
    return list(files)


def for_each(things: Sequence[T], work: Callable[[T], None], tell: Callable[[str], None]) -> None:
    """Work on each thing in turn; an error of one is told, and the others go on.

    Args:
        things: what to work on; their text names them in messages.
        work: is called with each.
        tell: shows the message of an error.

    Raises:
        SqueezeSamError: the one error of a single thing; of several things, an error that counts
            those that failed, with the lowest exit status among theirs.
    """
    if len(things) == 1:
        work(things[0])
        return
    errors = []
    for thing in things:
        try:
            work(thing)
        except SqueezeSamError as error:
            errors.append(error)
            tell(str(error) if str(thing) in str(error) else f"{thing}: {error}")
    if errors:
        gravest = min(errors, key=lambda error: error.exit_status)
        raise type(gravest)(f"{len(errors)} of {len(things)} failed; the reasons are above")
