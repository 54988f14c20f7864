"""The runner's command line, and what it prints."""

import json
from collections.abc import Mapping, Sequence

from squeezesam.errors import ArtifactError
from squeezesam.spec import NetworkKind, TensorSpec
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.native.tools import last_line
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.records import Measurement, record_from_json

KNOWN_DTYPES = ("float32", "float16")
PROCESS_FIELDS = (
    "warm_up_inferences",
    "timed_inferences",
    "time_budget_s",
    "pipeline_runs",
    "photo_width_px",
    "photo_height_px",
    "sustained_s",
)
"""Fields of the protocol that concern one process."""


def tensor_words(kind: NetworkKind, size: int, io_dtypes: Mapping[str, str]) -> list[str]:
    """Inputs, `--`, outputs at an input size, such as `image=float32:1,3,512,512`."""

    def words(specs: Sequence[TensorSpec]) -> list[str]:
        return [
            f"{spec.name}={io_dtypes[spec.name]}:{','.join(map(str, spec.shape))}" for spec in specs
        ]

    return [*words(kind.inputs(size)), "--", *words(kind.outputs(size))]


def time_words(
    subject: BenchmarkArtifact,
    model: str,
    threads: int,
    protocol: Protocol,
    cores: Sequence[int] = (),
) -> list[str]:
    """What follows the runner's name to time an artifact once.

    Args:
        subject: the artifact.
        model: its path where the runner runs.
        threads: for its runtime.
        protocol: how.
        cores: to pin to; the fastest ones where none is given.

    Raises:
        ArtifactError: its inputs are not known, or of types that the runner lacks.
    """
    io_dtypes = dict(subject.io_dtypes)
    if subject.input_size is None or not io_dtypes:
        raise ArtifactError(f"{subject.artifact.name}: no manifest tells its inputs; export it")
    unknown = sorted(set(io_dtypes.values()) - set(KNOWN_DTYPES))
    if unknown:
        raise ArtifactError(
            f"{subject.artifact.name} takes {', '.join(unknown)}, which the native runner lacks; "
            "export another target"
        )
    settings = [f"threads={threads}"]
    settings += [f"{name}={getattr(protocol, name)}" for name in PROCESS_FIELDS]
    if cores:
        settings.append(f"cores={','.join(map(str, cores))}")
    tensors = tensor_words(subject.kind, subject.input_size, io_dtypes)
    return ["time", model, *settings, "--", *tensors]


def measurement_of(name: str, status: int, stdout: str, stderr: str) -> Measurement:
    """What a runner measured.

    Args:
        name: of the artifact, for the message.
        status: exit status of the runner; negative for a signal.
        stdout: what it printed.
        stderr: what it complained of.

    Raises:
        ArtifactError: it failed, or printed anything but one measurement.
    """
    if status:
        raise ArtifactError(
            f"timing {name} failed with status {status}: {last_line(stderr)}; "
            "try `squeezesam verify` on it or export it again"
        )
    try:
        return record_from_json(Measurement, json.loads(stdout))
    except ValueError as error:
        raise ArtifactError(
            f"timing {name}: the runner printed no measurement ({error}); build it again"
        ) from error
