"""Golden cases and answers as the raw bytes that the runners read and write."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam.spec import NetworkKind, TensorSpec
from squeezesam_export.golden_case import GoldenCase

TYPES = {"float32": torch.float32, "float16": torch.float16}


def case_bytes(case: GoldenCase, kind: NetworkKind, io_dtypes: Mapping[str, str]) -> bytes:
    """The inputs of one graph in a case, one after another."""
    names, _ = kind.names()
    return b"".join(
        case.tensors[name].to(TYPES[io_dtypes[name]]).numpy().tobytes() for name in names
    )


def answers_of(
    raw: bytes, outputs: Sequence[TensorSpec], io_dtypes: Mapping[str, str]
) -> list[tuple[Tensor, ...]]:
    """The outputs of each case in float32, in their order and shapes.

    Raises:
        ArtifactError: the bytes end within a case.
    """
    layout = [(np.dtype(io_dtypes[spec.name]), spec.shape) for spec in outputs]
    case = np.dtype([(f"output{i}", *field) for i, field in enumerate(layout)])
    if len(raw) % case.itemsize:
        raise ArtifactError(f"an answer of {len(raw)} bytes is no multiple of {case.itemsize}")
    rows = np.frombuffer(raw, case)
    return [
        tuple(torch.from_numpy(row[name].astype(np.float32)) for name in case.names or ())
        for row in rows
    ]
