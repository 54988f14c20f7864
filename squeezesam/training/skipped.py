"""The list of photos that were left out, one file for each process, complete across resumes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from squeezesam.data.records import Dataset, Skipped
from squeezesam.files import whole_file
from squeezesam.printing import printable


class SkippedPhotos:
    """Lines `name<TAB>reason` in skipped.tsv, or skipped-RANK.tsv for further processes.

    Args:
        folder: folder of the run.
        rank: rank of this process.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        self.path = folder / ("skipped.tsv" if rank == 0 else f"skipped-{rank}.tsv")
        self.reasons: dict[str, str] = {}

    def __len__(self) -> int:
        """Photos left out so far."""
        return len(self.reasons)

    def start(self, datasets: Sequence[Dataset]) -> None:
        """Take over what an earlier run listed and what the readers left out on opening."""
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
            self.reasons.update(dict(line.split("\t", 1) for line in lines))
        for dataset in datasets:
            self.add(
                Skipped(f"{dataset.name}/{each.name}", each.reason) for each in dataset.skipped
            )

    def add(self, photos: Iterable[Skipped]) -> None:
        """List photos; the file is written when a new one is among them."""
        new = {printable(each.name): printable(" ".join(each.reason.split())) for each in photos}
        if new.keys() - self.reasons.keys():
            self.reasons.update(new)
            lines = [f"{name}\t{reason}" for name, reason in sorted(self.reasons.items())]
            with whole_file(self.path) as partial:
                partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
