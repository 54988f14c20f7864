"""Golden cases and answers as the raw bytes that the runners read and write."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from squeezesam.errors import ArtifactError
from squeezesam_export.contract import Contract
from squeezesam_export.golden import Answered

TYPES = {"float32": torch.float32, "float16": torch.float16}


def case_bytes(case: Answered, contract: Contract, io_dtypes: Mapping[str, str]) -> bytes:
    """The inputs of one case, one after another."""
    return b"".join(
        tensor.to(TYPES[io_dtypes[spec.name]]).numpy().tobytes()
        for spec, tensor in zip(contract.inputs, case.inputs, strict=True)
    )


def answers_of(
    raw: bytes, contract: Contract, io_dtypes: Mapping[str, str]
) -> list[tuple[Tensor, ...]]:
    """The outputs of each case in float32, in the contract's order and shapes.

    Raises:
        ArtifactError: the bytes end within a case.
    """
    layout = [(np.dtype(io_dtypes[spec.name]), spec.shape) for spec in contract.outputs]
    case = np.dtype([(f"output{i}", *field) for i, field in enumerate(layout)])
    if len(raw) % case.itemsize:
        raise ArtifactError(f"an answer of {len(raw)} bytes is no multiple of {case.itemsize}")
    rows = np.frombuffer(raw, case)
    return [
        tuple(torch.from_numpy(row[name].astype(np.float32)) for name in case.names or ())
        for row in rows
    ]
