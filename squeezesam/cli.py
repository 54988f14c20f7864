"""The one console command; every subcommand is an entry point of group `squeezesam.commands`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol

from squeezesam import __version__
from squeezesam.errors import SqueezeSamError
from squeezesam.files import UNUSABLE_NAMES
from squeezesam.printing import printable, printable_streams

VALUE_WITH_MINUS = re.compile(r"-\.?\d")
"""How a negative number or a list of numbers begins; no option does."""


class Command(Protocol):
    """What a command module offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> None:
        """Do the work.

        Raises:
            SqueezeSamError: something the user can mend.
        """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: exit status 0, or that of the error; see `squeezesam.errors`."""
    parser = argparse.ArgumentParser(
        prog="squeezesam", description="Promptable segmentation on the phone."
    )
    parser.add_argument("--version", action="version", version=f"squeezesam {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = joined_values(sys.argv[1:] if argv is None else argv)
    entries = sorted(entry_points(group="squeezesam.commands"), key=lambda entry: entry.name)
    # What one command imports, the others need not wait for.
    for entry in [entry for entry in entries if entry.name in words[:1]] or entries:
        command: Command = entry.load()
        subparser = subparsers.add_parser(entry.name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    with printable_streams():
        return run(parser.parse_args(words))


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
        if error.errno not in UNUSABLE_NAMES or error.filename is None:
            raise
        complain(
            args.command, f"{error.filename} cannot be used ({error.strerror}); check the name"
        )
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
