"""The one console command; every subcommand is an entry point of group `squeezesam.commands`."""

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Protocol

from squeezesam import __version__
from squeezesam.errors import SqueezeSamError
from squeezesam.files import UNUSABLE_NAMES
from squeezesam.terminal import printable, printable_streams

VALUE_WITH_MINUS = re.compile(r"-\.?\d")
"""How a negative number or a list of numbers begins; no option does."""

NO_TEMPORARY_FOLDER = "No usable temporary directory"
"""How `tempfile` says, also to packages that ask it while they are imported, that it finds none."""


GROUPS = {
    "use": "Use a network",
    "ship": "Ship it to phones",
    "measure": "Measure it",
    "train": "Train it",
}
"""Groups of commands, in the order of the help, and their titles."""

HELP_WIDTH = 96


class Verb(Protocol):
    """What a module offers that stands for a word of the command line.

    Importing it and declaring its options must not import torch, numpy or anything as slow, so that
    help comes at once; `run` imports what it needs.

    Attributes:
        HELP: what it does, in one sentence without a capital and a full stop.
        EXAMPLE: a command line that a user may type.
    """

    HELP: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> None:
        """Do the work.

        Raises:
            SqueezeSamError: something that the user can put right.
        """


class Command(Verb, Protocol):
    """What the module of a command offers.

    Attributes:
        GROUP: one of GROUPS.
    """

    GROUP: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: exit status 0, or that of the error; see `squeezesam.errors`."""
    words = joined_values(sys.argv[1:] if argv is None else argv)
    parser = command_parser(words[:1])
    with printable_streams():
        return run(parser.parse_args(words))


def command_parser(chosen: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        chosen: names of the commands to load; all are loaded where none of them exists.
    """
    entries = sorted(entry_points(group="squeezesam.commands"), key=lambda entry: entry.name)
    commands: dict[str, Command] = {
        entry.name: entry.load()
        for entry in [entry for entry in entries if entry.name in chosen] or entries
    }
    parser = argparse.ArgumentParser(
        prog="squeezesam",
        description="Promptable segmentation on the phone.",
        epilog=commands_by_group(commands),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"squeezesam {__version__}")
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help="one of those below"
    )
    for name, command in commands.items():
        subparser = add_verb(subparsers, name, command)
        subparser.set_defaults(run=command.run)
    return parser


def add_verb(subparsers: Any, name: str, verb: Verb, **options: str) -> argparse.ArgumentParser:
    """Add the parser of a command, or of a word that follows one.

    Args:
        subparsers: of an `argparse.ArgumentParser`, to add it to.
        name: of the word.
        verb: what it stands for.
        options: of `add_parser`.
    """
    subparser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        description=textwrap.fill(verb.HELP, HELP_WIDTH),
        epilog=f"example:\n  {verb.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )
    verb.add_arguments(subparser)
    return subparser


def commands_by_group(commands: Mapping[str, Command]) -> str:
    """The commands with what they do, under the titles of their groups."""
    width = max(map(len, commands)) + 4
    sections = []
    for group, title in GROUPS.items():
        lines = [
            textwrap.fill(
                command.HELP,
                HELP_WIDTH,
                initial_indent=f"  {name}".ljust(width),
                subsequent_indent=" " * width,
            )
            for name, command in commands.items()
            if group == command.GROUP
        ]
        sections.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join([*sections, "squeezesam COMMAND --help shows the options and an example."])


def given(args: argparse.Namespace, **names: str) -> dict[str, Any]:
    """Options that the user gave, for a dataclass that knows the defaults of all others.

    Args:
        args: what was parsed, None where an option was not given.
        names: the name in `args` of each field of the dataclass.
    """
    values = {field: getattr(args, name) for field, name in names.items()}
    return {field: value for field, value in values.items() if value is not None}


def run(args: argparse.Namespace) -> int:
    """Run a command whose options are read; see `main`."""
    try:
        args.run(args)
    except SqueezeSamError as error:
        complain(args.command, str(error))
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does; nothing is left to be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is not None and error.errno in UNUSABLE_NAMES:
            message = f"{error.filename} cannot be used ({error.strerror}); check the name"
        elif NO_TEMPORARY_FOLDER in str(error):
            message = (
                "no folder for temporary files can be written to; "
                "free some space, or set TMPDIR to a folder that can"
            )
        else:
            raise
        complain(args.command, message)
        return SqueezeSamError.exit_status
    return 0


def complain(command: str, message: str) -> None:
    """Say in one line what is wrong."""
    print(f"squeezesam {command}: {printable(message)}", file=sys.stderr)


def joined_values(words: Sequence[str]) -> list[str]:
    """Command-line words, with the value of each option in the form that argparse takes.

    A value such as `-3,5` would be taken for an option of that name, and one such as `155, 200`
    would end at the space.
    """
    joined: list[str] = []
    for word in words:
        option, value = joined[-1:], ""
        if option and option[0].startswith("--"):
            value = option[0].partition("=")[2]
        elif len(joined) > 1 and joined[-2].startswith("--") and "=" not in joined[-2]:
            value = joined[-1]
        goes_on = value.endswith(",") and not word.startswith("--")
        if goes_on or (value and word.startswith(",")):
            joined[-1] += word
        elif option and option[0].startswith("--") and not value and VALUE_WITH_MINUS.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
