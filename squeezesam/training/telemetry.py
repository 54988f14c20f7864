"""What a run says of itself: one CSV line and one line for people every so many steps."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from squeezesam.files import whole_file, writing


class Measures(NamedTuple):
    """What is measured beside the loss: two numbers.

    Attributes:
        columns: their names in `log.csv`.
        text: for people, with a place for each.
    """

    columns: tuple[str, str]
    text: str


IOUS = Measures(("iou_first", "iou_last"), "IoU {:.3f} -> {:.3f}")
"""Of the first and of the last answer."""


@dataclass
class Telemetry:
    """Writes `log.csv` and prints progress.

    Attributes:
        path: path of the CSV file.
        steps: batches of the whole run.
        done: batches that a resumed run goes on from; lines of later ones, which a killed run may
            have left, are dropped.
        every: steps between lines.
        measures: what is reported beside the loss.
    """

    path: Path
    steps: int
    done: int = 0
    every: int = 50
    measures: Measures = IOUS

    @property
    def header(self) -> str:
        """The first line of the CSV file."""
        columns = ",".join(self.measures.columns)
        end = "images_per_second,data_wait_share,skipped"
        return f"step,size,learning_rate,loss,{columns},{end}\n"

    def start(self) -> None:
        """Start the CSV file of a new run, or go on with that of a resumed one."""
        found = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        kept = [self.header, *(line for line in found if self._is_done(line))]
        if kept != found:
            with whole_file(self.path) as partial:
                partial.write_text("".join(kept))

    def _is_done(self, line: str) -> bool:
        """Whether it is a whole line about a step that is not to be repeated."""
        step, *others = line.split(",")
        whole = line.endswith("\n") and len(others) == self.header.count(",")
        return whole and step.isdecimal() and int(step) <= self.done

    def restart(self) -> None:
        """Begin a new stretch of measurement."""
        self._started, self._waited = time.perf_counter(), 0.0
        self._steps = self._images = 0

    def waited(self, seconds: float) -> None:
        """Add time in which the network stood still for want of data."""
        self._waited += seconds

    def count(self, images: int) -> None:
        """Add a finished step."""
        self._steps += 1
        self._images += images

    def is_due(self, step: int) -> bool:
        """Whether `report` is to be called after this step."""
        return step % self.every == 0 or step == self.steps

    def report(
        self, step: int, size: int, rate: float, means: tuple[float, float, float], skipped: int
    ) -> None:
        """Write both lines.

        Args:
            step: batches done.
            size: side of the input.
            rate: learning rate.
            means: loss and measures since the last report.
            skipped: damaged photos met in the whole run.
        """
        elapsed = time.perf_counter() - self._started
        pace, share = self._images / elapsed, self._waited / elapsed
        loss, first, last = means
        with writing(self.path), self.path.open("a") as log:
            log.write(
                f"{step},{size},{rate:.2e},{loss:.4f},{first:.4f},{last:.4f},"
                f"{pace:.2f},{share:.3f},{skipped}\n"
            )
        left = (self.steps - step) * elapsed / self._steps / 60
        print(
            f"step {step}/{self.steps} at {size} px: loss {loss:.3f}, "
            f"{self.measures.text.format(first, last)}, {pace:.1f} images/s, "
            f"{share:.0%} waiting for data, "
            f"{left:.0f} min left at this pace" + (f", {skipped} skipped" if skipped else ""),
            flush=True,
        )
        self.restart()
