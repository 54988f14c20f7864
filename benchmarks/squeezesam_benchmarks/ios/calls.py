"""Running a tool that talks to a phone."""

import subprocess
from collections.abc import Mapping, Sequence

from squeezesam.errors import DeviceError

LONGEST_S = 300.0
"""For every step but running the app."""


class HungError(DeviceError):
    """A step that did not end in time."""


def call(
    step: str,
    command: Sequence[str],
    longest_s: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, whatever its status.

    Args:
        step: what it is for, such as `installing the app`.
        command: its words.
        longest_s: after which it is killed.
        environment: of the tool; None for ours.

    Raises:
        HungError: it was killed.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=longest_s,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise HungError(
            f"{step} took more than {longest_s:g} s; see that the iPhone is awake and try again"
        ) from error
