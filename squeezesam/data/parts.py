"""Work that is cut into parts, shared among processes and kept part by part.

Which parts a process does follows from its rank and from the number of processes alone. What a
part gave is kept in a file of its own, its record, beside what it was made from. So a run that
ended early goes on where it stopped, with any number of processes, and the records in the order of
the parts are what one process would have had.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from squeezesam import strict_json
from squeezesam.data.records import Dataset
from squeezesam.data.sa1b import Sa1bTar
from squeezesam.errors import DataError, OutputError, ProcessError
from squeezesam.files import check_name, whole_file
from squeezesam.strict_json import JsonError

T = TypeVar("T")

RECORDS = ".parts"
"""Folder of the records, inside the folder of the results. Readers of data sets pass it over."""

MOST_PHOTOS = 64
"""In a part of a data set without shards. A run that ends early loses one part of each process."""

LEAST_PARTS = 64
"""Of a data set that has as many photos, so that many processes have something to do."""


class Crew(Protocol):
    """The processes that share work: `squeezesam.training.processes.Processes`."""

    @property
    def count(self) -> int:
        """How many there are."""

    def own(self, parts: Sequence[str]) -> Sequence[str]:
        """The parts of this process: every `count`-th, from its rank on."""

    def meet(self) -> None:
        """Wait for the others.

        Raises:
            ProcessError: one of them has ended.
        """


@dataclass(frozen=True)
class SharedWork:
    """Parts of one piece of work, whose results are dataclasses that JSON can hold.

    Attributes:
        folder: for the records; all processes see it.
        origin: what all parts are made from, by a word for each thing, such as `model`; JSON.
        crew: the processes.
    """

    folder: Path
    origin: Mapping[str, Any]
    crew: Crew

    def within(self, name: str, origin: Mapping[str, Any]) -> "SharedWork":
        """A piece of this work, in a folder of this name, that is also made from `origin`."""
        return replace(self, folder=self.folder / name, origin={**self.origin, **origin})

    def do(
        self,
        kind: type[T],
        parts: Sequence[str],
        data: Callable[[str], str],
        make: Callable[[Sequence[str]], Iterable[T]],
        is_whole: Callable[[str, T], bool] = lambda *_: True,
    ) -> list[T]:
        """Do the parts of this process that are not done yet, and wait for the others.

        Args:
            kind: dataclass of the results. A record that does not hold one is made again.
            parts: their names, which are fit for file names and the same in all processes.
            data: identifies the data that a part is made from.
            make: gives the results of these parts, one after another.
            is_whole: whether the files are still there that a part with this result wrote.

        Returns:
            The result of every part, in order.

        Raises:
            OutputError: a record cannot be written, or is of other data or of another origin.
            ProcessError: another process ended before its parts were done.
        """
        self._refuse_strangers(parts)

        @cache  # It may read all photos of a part.
        def origin(part: str) -> dict[str, Any]:
            return {**self.origin, "data": data(part)}

        undone = []
        for part in self.crew.own(parts):
            is_kept = self._path(part).exists()
            result = self._read(kind, part, origin(part)) if is_kept else None
            if result is None or not is_whole(part, result):
                undone.append(part)
        for part, result in zip(undone, make(undone), strict=True):
            record = {"origin": origin(part), "result": asdict(result)}  # type: ignore[call-overload]
            with whole_file(self._path(part)) as partial:
                partial.write_text(json.dumps(record), encoding="utf-8")
        self._meet(parts)
        results = []
        for part in parts:
            result = self._read(kind, part, self.origin)
            if result is None:
                raise OutputError(f"{self._path(part)} is damaged; start the same command again")
            results.append(result)
        # Nothing is moved or replaced before all have read.
        self._meet(parts)
        return results

    def _meet(self, parts: Sequence[str]) -> None:
        """Wait for the others, and see that what they did has arrived."""
        try:
            self.crew.meet()
            lost = ""
        except ProcessError as error:
            lost = f"{error}; "
        undone = [place for place, part in enumerate(parts) if not self._path(part).exists()]
        if undone:
            ranks = sorted({place % self.crew.count for place in undone})
            raise ProcessError(
                f"{lost}{len(undone)} of {len(parts)} parts are not in {self.folder}, those of "
                f"process {', '.join(map(str, ranks))}; start the same command again, which does "
                "the rest, and see that all processes share this folder"
            )
        if lost:
            raise ProcessError(f"{lost}every part is done; start the same command again")

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.json"

    def _refuse_strangers(self, parts: Sequence[str]) -> None:
        known = {self._path(part).name for part in parts}
        check_name(self.folder, OutputError)
        for path in sorted(self.folder.glob("*.json")):
            if path.name not in known:
                raise OutputError(_made_from(path, "data"))

    def _read(self, kind: type[T], part: str, origin: Mapping[str, Any]) -> T | None:
        """The result of a part; None where it is not done, or its record is damaged.

        Raises:
            OutputError: it was made from something else than `origin`.
        """
        path = self._path(part)
        try:
            record = strict_json.read(path)
            earlier, result = dict(record["origin"]), record["result"]
        except (OSError, JsonError, LookupError, TypeError, ValueError):
            return None
        wanted = json.loads(json.dumps(origin))
        others = [word for word, value in wanted.items() if earlier.get(word) != value]
        if others:
            raise OutputError(_made_from(path, ", ".join(others)))
        try:
            return strict_json.decode(kind, result)
        except JsonError:
            return None


def _made_from(path: Path, words: str) -> str:
    return (
        f"{path} differs from this run in its {words}; name another folder for the results, or "
        "remove this record to have its part made again"
    )


def cut(dataset: Dataset, places: Sequence[int]) -> dict[str, Sequence[int]]:
    """The photos of each part by its name: those of one shard, else neighbours.

    Args:
        dataset: the photos.
        places: indices of those that are wanted, ascending.
    """
    if not isinstance(dataset, Sa1bTar):
        size = min(MOST_PHOTOS, max(1, len(places) // LEAST_PARTS))
        starts = range(0, len(places), size)
        return {f"{number:06}": places[start : start + size] for number, start in enumerate(starts)}
    shards: dict[str, list[int]] = {}
    for place in places:
        shards.setdefault(dataset.shards[dataset.spans[place, 0]].name, []).append(place)
    return dict(shards)


def fingerprint(dataset: Dataset, places: Sequence[int]) -> str:
    """SHA-256 of photos and of what their annotations state; damage counts as content.

    Areas stand for the masks, which would have to be decoded.
    """
    digest = hashlib.sha256()
    for place in places:
        try:
            image = dataset[place]
            content = hashlib.sha256(image.source.read()).hexdigest()
            stated = [(each.area, each.kind, each.category) for each in image.annotations]
            said = repr((image.name, image.width, image.height, content, stated))
        except (DataError, OSError) as error:
            said = type(error).__name__  # Its words may hold the path as it was typed.
        digest.update(said.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
