"""Baselines by name, from the entry points of group `squeezesam.baselines`.

A baseline is a function of its argument, text or None, that gives a `Predictor`; higher packages
register theirs without being imported here.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from squeezesam.errors import ConfigError
from squeezesam.predictor import Predictor

GROUP = "squeezesam.baselines"


def load_baseline(text: str) -> Predictor:
    """The baseline that `NAME` or `NAME=ARGUMENT` stands for.

    Raises:
        ConfigError: no baseline of this name is installed, or its argument does not suit it.
        MissingDependencyError: what it needs is not installed.
    """
    name, equals, argument = text.partition("=")
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise ConfigError(f"unknown baseline {name!r}; choose one of {', '.join(sorted(known))}")
    factory: Callable[[str | None], Predictor] = known[name].load()
    return factory(argument if equals else None)
