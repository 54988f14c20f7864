"""The one table of export targets: a new runtime is one file and one line here."""

from collections.abc import Sequence

from squeezesam.errors import ConfigError
from squeezesam_export import coreml_target, executorch_target, onnx_target
from squeezesam_export.target import Precision, Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        onnx_target.TARGET,
        coreml_target.TARGET,
        executorch_target.XNNPACK_TARGET,
        executorch_target.COREML_TARGET,
    )
}

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def find_target(name: str) -> Target:
    """The target of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TARGETS:
        raise ConfigError(f"unknown target {name!r}; choose from {', '.join(TARGETS)}")
    return TARGETS[name]


def find_precision(name: str) -> Precision:
    """The precision of a name.

    Raises:
        ConfigError: there is none.
    """
    for precision in PRECISIONS:
        if precision == name:
            return precision
    raise ConfigError(f"unknown precision {name!r}; choose from {', '.join(PRECISIONS)}")


def plan(targets: Sequence[str], precisions: Sequence[str]) -> list[tuple[Target, Precision]]:
    """Every combination of the named targets and precisions, each once.

    Raises:
        ConfigError: an unknown name, or a precision that a target lacks.
    """
    combinations = [
        (find_target(target), find_precision(precision))
        for target in dict.fromkeys(targets)
        for precision in dict.fromkeys(precisions)
    ]
    for target, precision in combinations:
        if precision not in target.precisions:
            raise ConfigError(
                f"target {target.name} has no {precision}; choose from "
                f"{', '.join(target.precisions)}"
            )
    return combinations
