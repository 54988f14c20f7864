"""Options of `squeezesam export` that choose its networks; importing them loads no network.

A kind of network that users can choose has one line in the table below; how it is exported stands
in `squeezesam_export.kinds`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezesam.spec import DETECTOR, SEGMENTER, NetworkKind


@dataclass(frozen=True)
class NetworkChoice:
    """A network that is to be exported.

    Attributes:
        kind: its name in the table of kinds.
        size: side of the square input in pixels.
        weights: None for those that are shipped.
        variant: None for that of the weights, or the default.
    """

    kind: str
    size: int
    weights: Path | None = None
    variant: str | None = None


@dataclass(frozen=True)
class NetworkOptions:
    """The options that choose one kind of network.

    Attributes:
        kind: of the network.
        weights: takes its weights.
        size: takes the side of its input.
        variant: takes the name of its variant; None where there is one.
        left_out: leaves it out; None where it is always exported.
    """

    kind: NetworkKind
    weights: str
    size: str
    variant: str | None = None
    left_out: str | None = None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            self.weights,
            type=Path,
            metavar="WEIGHTS",
            help=f"of the {self.kind.title}; default: shipped weights",
        )
        if self.left_out:
            group.add_argument(
                self.left_out, action="store_true", help=f"leave the {self.kind.title} out"
            )
        if self.variant:
            parser.add_argument(
                self.variant, help="of the network; default: that of the weights, or base"
            )
        parser.add_argument(
            self.size,
            type=int,
            default=self.kind.size,
            help=f"side of the input of the {self.kind.title} in pixels",
        )

    def chosen(self, args: argparse.Namespace) -> NetworkChoice | None:
        """What the given options choose; None where the network is left out."""

        def given(flag: str | None) -> Any:
            return flag and getattr(args, flag.removeprefix("--").replace("-", "_"))

        if given(self.left_out):
            return None
        weights, variant = given(self.weights), given(self.variant)
        return NetworkChoice(self.kind.name, given(self.size), weights, variant)

    def words(self, choice: NetworkChoice | None) -> list[str]:
        """The options that choose the same."""
        if choice is None:
            return [self.left_out] if self.left_out else []
        words = [self.variant, choice.variant] if self.variant and choice.variant else []
        words += [self.weights, str(choice.weights)] if choice.weights else []
        return [*words, self.size, str(choice.size)]


NETWORK_OPTIONS = (
    NetworkOptions(SEGMENTER, "--weights", "--size", "--variant"),
    NetworkOptions(DETECTOR, "--detector", "--detector-size", left_out="--no-detector"),
)
"""In the order in which networks are exported."""
