"""What the user typed, for the record."""

import shlex
import sys


def typed_command() -> str:
    """The command line under which this process runs."""
    return shlex.join(["squeezesam", *sys.argv[1:]])
