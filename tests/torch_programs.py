"""PyTorch modules, converted to ML Programs, saved, and run by the reference interpreter."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from squeezesam_export.mlprogram.interpreter import Interpreter
from squeezesam_export.mlprogram.package import read_package
from squeezesam_export.quiet import quiet

with quiet():
    import coremltools as ct


def converted(module: nn.Module, *inputs: Tensor, opset: str = "iOS16") -> tuple[Tensor, ...]:
    """What the interpreter answers for a module that coremltools has converted in float32."""
    program = torch.export.export(module.eval(), inputs).run_decompositions({})
    with quiet(), tempfile.TemporaryDirectory() as folder:
        package = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[opset],
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        path = Path(folder) / "model.mlpackage"
        package.save(path)
        read = read_package(path).program
    names = [one.name for one in read.inputs]
    return tuple(Interpreter(read)(dict(zip(names, inputs, strict=True))).values())


def assert_converts(module: nn.Module, *inputs: Tensor, tolerance: float = 1e-5) -> None:
    """The interpreter answers what PyTorch answers."""
    with torch.no_grad():
        wanted = module.eval()(*inputs)
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    for answer, one in zip(converted(module, *inputs), several, strict=True):
        assert answer.shape == one.shape
        np.testing.assert_allclose(answer, one, rtol=tolerance, atol=tolerance)
