"""PyTorch modules, converted to ML Programs, saved, and run by the reference interpreter."""

import numpy as np
import torch
from mil_programs import saved, several
from torch import Tensor, nn

from squeezesam_export.mlprogram.interpreter import Interpreter


def converted(module: nn.Module, *inputs: Tensor, opset: str = "iOS16") -> tuple[Tensor, ...]:
    """What the interpreter answers for a module that coremltools has converted in float32."""
    program = torch.export.export(module.eval(), inputs).run_decompositions({})
    read = saved(program, opset)
    names = [one.name for one in read.inputs]
    return tuple(Interpreter(read)(dict(zip(names, inputs, strict=True))).values())


def assert_converts(module: nn.Module, *inputs: Tensor, tolerance: float = 1e-5) -> None:
    """The interpreter answers what PyTorch answers."""
    with torch.no_grad():
        wanted = module.eval()(*inputs)
    for answer, one in zip(converted(module, *inputs), several(wanted), strict=True):
        assert answer.shape == one.shape
        np.testing.assert_allclose(answer, one, rtol=tolerance, atol=tolerance)
