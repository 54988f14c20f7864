"""The one table of export targets: a new runtime is one file and one line here."""

from collections.abc import Sequence

from squeezesam.errors import ConfigError
from squeezesam_export.quantization.schemes import Scheme, find_scheme
from squeezesam_export.targets import coreml_target, executorch_target, onnx_target
from squeezesam_export.targets.target import ExportTarget

TARGETS: dict[str, ExportTarget] = {
    target.name: target
    for target in (
        onnx_target.TARGET,
        coreml_target.TARGET,
        executorch_target.XNNPACK_TARGET,
        executorch_target.COREML_TARGET,
    )
}


ALL = "all"


def find_target(name: str) -> ExportTarget:
    """The target of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TARGETS:
        raise ConfigError(f"unknown target {name!r}; choose from {', '.join(TARGETS)}")
    return TARGETS[name]


def plan(
    targets: Sequence[str], precisions: Sequence[str], keep_float: Sequence[str]
) -> list[tuple[ExportTarget, Scheme]]:
    """Every combination of the named targets and schemes, each once.

    Args:
        targets: names.
        precisions: names of schemes, or ALL for those that each target has.
        keep_float: blocks that stay in float where a scheme quantizes.

    Raises:
        ConfigError: an unknown name, a scheme that a target lacks, or ALL beside others.
    """
    names = tuple(dict.fromkeys(precisions))
    if ALL in names:
        if len(names) > 1:
            raise ConfigError(f"--precision {ALL} stands alone; leave {ALL} or the others out")
        names = ()
    combinations = []
    for target in map(find_target, dict.fromkeys(targets)):
        for name in names or target.schemes:
            scheme = find_scheme(name, keep_float)
            if name not in target.schemes:
                raise ConfigError(
                    f"target {target.name} has no {name}; choose from {', '.join(target.schemes)}"
                )
            combinations.append((target, scheme))
    return combinations
