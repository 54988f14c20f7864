"""How every artifact is timed, wherever it runs: stated once, passed to every runner, stored."""

from dataclasses import dataclass

from squeezesam.errors import ConfigError


@dataclass(frozen=True)
class Protocol:
    """What each process does, in this order, and how the processes follow one another.

    A process loads the artifact, infers once, warms up, takes its timed inferences, runs the whole
    pipeline, and in sustained mode goes on inferring. Each artifact gets a fresh process in each
    round, so that drift of the machine falls on all alike.

    Attributes:
        warm_up_inferences: untimed inferences after the first one.
        timed_inferences: samples taken at least.
        time_budget_s: seconds that the timed inferences go on for, however many there are by then.
        pipeline_runs: timed runs from a photo's pixels to its mask, after an untimed one.
        photo_width_px: of the photo of these runs.
        photo_height_px: likewise.
        sustained_s: seconds of inference without a pause after all that; reports compare their
            first 30 with their last 30.
        rounds: passes over all artifacts.
        cool_down_s: rest before each process.
        thermal_gate_s: the longest wait, before each process, for a device that says it is
            throttling; after that the run fails.

    Raises:
        ConfigError: nothing would be measured.
    """

    warm_up_inferences: int = 3
    timed_inferences: int = 10
    time_budget_s: float = 0.0
    pipeline_runs: int = 3
    photo_width_px: int = 1536
    photo_height_px: int = 2048
    sustained_s: float = 0.0
    rounds: int = 5
    cool_down_s: float = 0.0
    thermal_gate_s: float = 300.0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("warm-up", self.warm_up_inferences, 0),
            ("iterations", self.timed_inferences, 1),
            ("time budget", self.time_budget_s, 0),
            ("pipelines", self.pipeline_runs, 0),
            ("photo width", self.photo_width_px, 1),
            ("photo height", self.photo_height_px, 1),
            ("sustained", self.sustained_s, 0),
            ("rounds", self.rounds, 1),
            ("cool-down", self.cool_down_s, 0),
            ("thermal gate", self.thermal_gate_s, 0),
        ):
            if not least <= value < float("inf"):
                raise ConfigError(f"a {name} of {value:g} cannot be; give at least {least}")

    def longest_s(self, load_s: float, inference_s: float) -> float:
        """Seconds after which a process must have hung, given the longest of each step."""
        inferences = 1 + self.warm_up_inferences + self.timed_inferences
        inferences += 2 * (1 + self.pipeline_runs)  # photos of any size around the network
        return load_s + self.time_budget_s + self.sustained_s + inferences * inference_s
