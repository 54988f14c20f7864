"""The Core ML package inside of an ExecuTorch program, for a platform without Core ML."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from squeezesam.errors import ArtifactError, SqueezeSamError
from squeezesam.runtimes import InterpretedNetwork
from squeezesam_export.coreml_target import input_shapes
from squeezesam_export.mlprogram.model import InterpretedModel
from squeezesam_export.mlprogram.package import empty_model
from squeezesam_export.quiet import quiet
from squeezesam_export.target import check_shapes, checked_answers, kind_named, optional
from squeezesam_export.trial import MAX_ARTIFACT_BYTES, check_by_trial

DELEGATE = "CoreMLBackend"
BLOCK_BYTES = 1 << 20
"""Of a file that is searched for that name."""

PACKAGE = "lowered_module/model.mlpackage"


def is_delegated(path: Path) -> bool:
    """Whether a file is an ExecuTorch program that names the Core ML delegate."""
    if not path.is_file() or path.stat().st_size > MAX_ARTIFACT_BYTES:
        return False
    name, end = DELEGATE.encode(), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if name in end + block:
                return True
            end = block[-len(name) :]
    return False


def interpret(path: Path) -> InterpretedNetwork:
    """A .pte whose every operator is inside one Core ML delegate, in the reference interpreter.

    It is opened in another process first: native code unpacks it.

    Raises:
        ArtifactError: missing or damaged, or with operators outside the delegate.
        MissingDependencyError: executorch or coremltools is not installed.
    """
    with quiet(), optional("executorch,coreml"):
        from executorch.backends.apple.coreml import executorchcoreml  # noqa: F401

        empty_model()  # imported here, a forked child has both already
    check_by_trial(attempt, path)
    return opened(path)


def attempt(path: Path) -> None:
    """Unpack a file; the interpreter that runs it is no native code."""
    opened(path)


def opened(path: Path) -> InterpretedNetwork:
    """A .pte of one Core ML delegate as a callable in this process.

    Raises:
        ArtifactError: as `interpret` does.
    """
    with quiet(), optional("executorch,coreml"):
        from executorch.backends.apple.coreml import executorchcoreml
        from executorch.exir._serialize._program import deserialize_pte_binary
        from executorch.exir.schema import DelegateCall

        try:
            program = deserialize_pte_binary(path.read_bytes()).program
            (plan,) = program.execution_plan
            (chain,) = plan.chains
            (instruction,) = chain.instructions
            (delegate,) = plan.delegates
            call = instruction.instr_args
            if delegate.id != DELEGATE or not isinstance(call, DelegateCall):
                raise ValueError(f"it calls {delegate.id}")
            content = program.backend_delegate_data[delegate.processed.index].data
            with tempfile.TemporaryDirectory() as folder:
                executorchcoreml.unflatten_directory_contents(content, folder)
                model = InterpretedModel(Path(folder) / PACKAGE)
            shapes = input_shapes(model)
            inputs = [feature.name for feature in model.inputs]
            kind = kind_named(path, inputs)
            # The delegate's values, by their numbers in the program: its inputs, then its outputs.
            outputs = dict(zip(call.args[len(inputs) :], model.outputs, strict=True))
            order = [outputs[number].name for number in plan.outputs]
            size = kind.size_of(shapes)
            if size is None:
                raise ValueError(f"it takes {shapes}")
        except SqueezeSamError:
            raise
        except Exception as error:  # the readers of a damaged program raise anything
            raise ArtifactError(
                f"{path} is not one call of the Core ML delegate ({error}); "
                "export executorch-coreml again"
            ) from error

    def run(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        check_shapes(path, tensors, shapes)
        answer = model.predict(
            {name: tensor.numpy() for name, tensor in zip(inputs, tensors, strict=True)}
        )
        # Of float16 in the package; ExecuTorch gives them in the float32 of its program.
        return checked_answers(path, [answer[name] for name in order], kind, size)

    return InterpretedNetwork(kind, size, run)
