"""ML Programs of a few operators: converted, saved, and run by the reference interpreter."""

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam_export.mlprogram.interpreter import Interpreter
from squeezesam_export.mlprogram.package import read_package
from squeezesam_export.mlprogram.program import Program as ReadProgram
from squeezesam_export.targets.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813 - its usual name
    from coremltools.converters.mil.mil import Function, Program, types

# coremltools collects garbage in every conversion, which would take most of its time: what is
# imported is none.
gc.freeze()

Array = NDArray[Any]
Build = Callable[..., Any]
"""Takes values of the inputs and gives one value or several, made with `mb`."""


def interpreted(build: Build, *inputs: Array, opset: str = "iOS16") -> tuple[Array, ...]:
    """What the interpreter answers, by way of a saved package.

    Args:
        build: makes the operators.
        inputs: float32, float16 or int32 arrays, which the program takes when it runs.
        opset: a coremltools target.
    """
    answers = Interpreter(read_back(build, *inputs, opset=opset))(
        {f"input_{place}": torch.from_numpy(np.array(one)) for place, one in enumerate(inputs)}
    )
    return tuple(np.asarray(answer) for answer in answers.values())


def read_back(build: Build, *inputs: Array, opset: str = "iOS16") -> ReadProgram:
    """The program as it is read from a saved package.

    Args:
        build: as for `interpreted`.
        inputs: likewise; their values do not matter.
        opset: likewise.
    """
    names = [f"input_{place}" for place in range(len(inputs))]
    placeholders = {
        name: mb.TensorSpec(one.shape, types.numpy_type_to_builtin_type(one.dtype))
        for name, one in zip(names, inputs, strict=True)
    }
    with quiet(), Function(placeholders, opset_version=ct.target[opset]) as function:
        results = build(*(function.inputs[name] for name in names))
        function.set_outputs(list(several(results)))
    program = Program()
    program.add_function("main", function)
    return saved(program, opset, pass_pipeline=ct.PassPipeline.EMPTY)


def saved(source: Any, opset: str, **options: Any) -> ReadProgram:
    """What coremltools converts in float32, as it is read from a saved package."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mlpackage"
        ct.convert(
            source,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[opset],
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
            **options,
        ).save(path)
        return read_package(path).program


def inferred(build: Build, *inputs: Array, opset: str = "iOS16") -> tuple[Array, ...]:
    """What coremltools itself evaluates the operators to, where it knows how.

    Args:
        build: as for `interpreted`.
        inputs: likewise, here constants.
        opset: likewise.
    """
    with quiet(), Function({}, opset_version=ct.target[opset]):
        results = build(*(mb.const(val=one) for one in inputs))
        assert all(one.val is not None for one in several(results)), (
            "coremltools does not evaluate this"
        )
        return tuple(np.asarray(one.val) for one in several(results))


def several(result: Any) -> tuple[Any, ...]:
    """Results as a tuple, where one stands alone; `mb` gives a list for several outputs."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)
