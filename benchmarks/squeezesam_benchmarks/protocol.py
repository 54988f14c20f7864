"""How every artifact is timed: stated once, passed to every runner, stored with every result."""

from dataclasses import dataclass

from squeezesam.errors import ConfigError


@dataclass(frozen=True)
class Protocol:
    """Load, first inference, warm-up, timed inferences; all of it once per round.

    Attributes:
        warm_up_inferences: untimed inferences after the first one.
        timed_inferences: samples taken from each process.
        rounds: passes over all jobs; each job gets a fresh process in each round, so that drift of
            the machine falls on all jobs alike.

    Raises:
        ConfigError: nothing would be measured.
    """

    warm_up_inferences: int = 3
    timed_inferences: int = 10
    rounds: int = 5

    def __post_init__(self) -> None:
        for name, value, least in (
            ("warm-up", self.warm_up_inferences, 0),
            ("iterations", self.timed_inferences, 1),
            ("rounds", self.rounds, 1),
        ):
            if value < least:
                raise ConfigError(f"{name} of {value} measures nothing; give at least {least}")
