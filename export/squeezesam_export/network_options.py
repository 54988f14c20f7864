"""Options of `squeezesam export` that choose its networks; importing them loads no network.

A kind of network that users can choose has one line in the table below; how it is exported stands
in `squeezesam_export.kinds`.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squeezesam.errors import ConfigError
from squeezesam.spec import DETECTOR, POINT_SEGMENTER, SEGMENTER, NetworkKind


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
    """The options that choose one network.

    Attributes:
        kind: of the network.
        weights: takes its weights.
        size: takes the side of its input.
        variant: takes the name of its variant; None where there is one.
        left_out: leaves it out; None where it is always exported.
        form: chooses the kinds that it is exported as; None where there is one.
        forms: these kinds by the words of `form`, the usual one first.
        form_help: says what they are.
    """

    kind: NetworkKind
    weights: str
    size: str
    variant: str | None = None
    left_out: str | None = None
    form: str | None = None
    forms: Mapping[str, NetworkKind] = field(default_factory=dict)
    form_help: str = ""

    @property
    def usual_form(self) -> str:
        """The word of the form that is chosen where nobody chooses."""
        return next(iter(self.forms))

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
            help=f"side of the input of the {self.kind.title} in pixels; default: that of its kind",
        )
        if self.form:
            parser.add_argument(
                self.form,
                default=self.usual_form,
                help=f"comma-separated, of {', '.join(self.forms)}: {self.form_help} "
                f"(default {self.usual_form})",
            )

    def chosen(self, args: argparse.Namespace) -> list[NetworkChoice]:
        """What the given options choose; nothing where the network is left out.

        Raises:
            ConfigError: an unknown form or variant, or a form of another network.
            WeightsError: the weights are missing or damaged.
        """

        def given(flag: str | None) -> Any:
            return flag and getattr(args, flag.removeprefix("--").replace("-", "_"))

        if given(self.left_out):
            return []
        weights, variant, size = given(self.weights), given(self.variant), given(self.size)
        kinds = self.kinds(given(self.form)) if self.form else [self.kind]
        other = kind_of(weights, variant, self.kind)
        if other is not self.kind:
            if kinds[0] is not self.kind:
                raise ConfigError(f"an {other.title} has one form; leave {self.form} out")
            kinds = [other]
        return [
            NetworkChoice(kind.name, kind.size if size is None else size, weights, variant)
            for kind in kinds
        ]

    def kinds(self, words: str) -> list[NetworkKind]:
        """The kinds of a comma-separated list of forms, in the order of the table.

        Raises:
            ConfigError: one is unknown.
        """
        names = words.split(",")
        for name in names:
            if name not in self.forms:
                known = ", ".join(self.forms)
                raise ConfigError(f"unknown {self.form} {name!r}; choose from {known}")
        return [kind for name, kind in self.forms.items() if name in names]

    def words(self, choices: Sequence[NetworkChoice]) -> list[str]:
        """The options that choose the same networks, all of those that serve as this kind."""
        if not choices:
            return [self.left_out] if self.left_out else []
        first = choices[0]
        words = [self.variant, first.variant] if self.variant and first.variant else []
        words += [self.weights, str(first.weights)] if first.weights else []
        words += [self.size, str(first.size)]
        names = {kind.name: form for form, kind in self.forms.items()}
        forms = [names[choice.kind] for choice in choices if choice.kind in names]
        if self.form and forms and forms != [self.usual_form]:
            words += [self.form, ",".join(forms)]
        return words


def kind_of(weights: Path | None, variant: str | None, wanted: NetworkKind) -> NetworkKind:
    """The kind of network that weights or a variant are of, where it serves as the wanted one.

    Raises:
        ConfigError: an unknown variant.
        WeightsError: the weights are missing or damaged.
    """
    from squeezesam.networks.weights import declared_variant, network_kind

    name = variant if weights is None else declared_variant(weights)
    kind = wanted if name is None else network_kind(name)
    return kind if kind.serves_as(wanted) else wanted


NETWORK_OPTIONS = (
    NetworkOptions(
        SEGMENTER,
        "--weights",
        "--size",
        "--variant",
        form="--prompts",
        forms={"tensors": SEGMENTER, "points": POINT_SEGMENTER},
        form_help="what the network takes, drawn prompts for any accelerator, or clicks as SAM's "
        "ONNX files do, for --target onnx",
    ),
    NetworkOptions(DETECTOR, "--detector", "--detector-size", left_out="--no-detector"),
)
"""In the order in which networks are exported."""
