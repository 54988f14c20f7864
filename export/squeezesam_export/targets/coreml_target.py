"""Core ML ML Programs, for an app that passes the letterboxed photo as a CVPixelBuffer.

The package scales the picture's bytes itself. Prompt maps, tokens and outputs are float32 in every
scheme, so that one app code serves all; Core ML casts at the border.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from squeezesam.errors import ArtifactError, OutputError
from squeezesam.inference.load import InterpretedNetwork, LoadedNetwork
from squeezesam.spec import IMAGE, PIXEL_MEAN, PIXEL_SCALE, NetworkKind, TensorSpec
from squeezesam_export.mlprogram.features import Picture
from squeezesam_export.mlprogram.interpreter import InterpretedModel
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.graph import block_names, block_of, module_path
from squeezesam_export.quantization.schemes import (
    FloatScheme,
    Palettized,
    StaticInt8,
    WeightInt8,
)
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.target import (
    ExportJob,
    ExportTarget,
    LoweringReport,
    check_shapes,
    checked_answers,
    float32_io,
    kind_named,
    optional,
    size_shaped,
)

SMALLEST = 512
"""Values of the smallest weight that is worth compressing."""

CHANNELS_PER_TABLE = {4: 8, 6: None}
"""By bits: 16 values are too few for a whole layer, so that each 8 channels get their own table."""


def compress_weights(package: Any, scheme: WeightInt8 | Palettized, kept: Iterable[str]) -> Any:
    """An ML Program whose weights are decompressed before use.

    Args:
        package: a coremltools.models.MLModel.
        scheme: how to compress.
        kept: names of operators whose weights stay as they are.
    """
    import coremltools.optimize.coreml as cto

    def options(one: Any) -> Any:
        return cto.OptimizationConfig(global_config=one, op_name_configs=dict.fromkeys(kept))

    if isinstance(scheme, WeightInt8):
        linear = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=SMALLEST)
        return cto.linear_quantize_weights(package, options(linear))
    group = CHANNELS_PER_TABLE[scheme.bits]
    grouped = {"granularity": "per_grouped_channel", "group_size": group} if group else {}
    palette = cto.OpPalettizerConfig(
        nbits=scheme.bits, mode="kmeans", weight_threshold=SMALLEST, **grouped
    )
    return cto.palettize_weights(package, options(palette))


DEPLOYMENT_TARGETS = {
    "fp32": "iOS16",
    "fp16": "iOS16",
    "int8": "iOS17",
    "int8-weights": "iOS16",
    "palette6": "iOS16",
    "palette4": "iOS18",
}
"""The schemes of this target, and the first system that runs each: quantized activations came with
iOS 17, tables for groups of channels with iOS 18."""

Predict = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Pictures and arrays by name -> arrays by name."""

AS_PICTURE = {
    "RGB, (byte - 128) / 128": "RGB picture, scaled inside the model",
    "right with 0": "right with grey 128",
}
"""What the meaning of `image` is as a picture."""

DEBUG_MAPPING = "executorch_debug_handle_mapping.json"


def export(job: ExportJob, path: Path) -> LoweringReport:
    """Write one .mlpackage.

    Raises:
        MissingDependencyError: coremltools is not installed, or for int8 executorch.
        OutputError: the weights cannot be written, because the disk is full or for another reason.
    """
    deployment_target = DEPLOYMENT_TARGETS[job.scheme.name]
    with quiet(), optional("coreml"), writing_weights(path):
        package = converted(job, deployment_target)
        package.author = "SqueezeSAM authors"
        package.license = "Apache-2.0"
        package.short_description = (
            f"SqueezeSAM, {job.kind.title} at {job.size}x{job.size}, {job.scheme.name}"
        )
        for spec in job.inputs:
            package.input_description[spec.name] = described(spec)
        for spec in job.outputs:
            package.output_description[spec.name] = spec.meaning
        package.save(path)
    (path / DEBUG_MAPPING).unlink(missing_ok=True)  # for ExecuTorch's inspector, no use in an app
    io_dtypes = float32_io(job.inputs + job.outputs)
    if IMAGE in io_dtypes:
        io_dtypes[IMAGE] = "rgb8"
    return LoweringReport(io_dtypes, f"Core ML, {deployment_target} or later")


def described(spec: TensorSpec) -> str:
    """The meaning of an input of a package."""
    meaning = spec.meaning
    for tensor, picture_words in AS_PICTURE.items() if spec.name == IMAGE else ():
        meaning = meaning.replace(tensor, picture_words)
    return meaning


@contextmanager
def writing_weights(path: Path) -> Iterator[None]:
    """Tell in our words that coremltools cannot write, which it tells by a bare RuntimeError.

    Raises:
        OutputError: it cannot.
    """
    try:
        yield
    except RuntimeError as error:
        if "FileWriter" not in str(error):
            raise
        raise OutputError(
            f"cannot write {path}, or the weights of it in {tempfile.gettempdir()}: the disk is "
            "full, or the size of files is limited; free space, or set TMPDIR to another folder"
        ) from error


class FromPicture(nn.Module):
    """A graph, preceded by the scaling of a picture's bytes where it takes the image.

    Left to `ct.ImageType`, the scaling would be float32 operators before the cast to float16, which
    the Neural Engine does not take; here it is exact in float16.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, *inputs: Tensor) -> Any:
        """As the network, but for `image` in 0..255."""
        return self.network(
            *(
                (tensor - PIXEL_MEAN) * PIXEL_SCALE if name == IMAGE else tensor
                for name, tensor in zip(self.names, inputs, strict=True)
            )
        )


def converted(job: ExportJob, deployment_target: str) -> Any:
    """The network as a coremltools.models.MLModel in the job's scheme."""
    import coremltools as ct

    model, precision = job.model, ct.precision.FLOAT16
    match job.scheme:
        case FloatScheme(dtype=torch.float32):
            precision = ct.precision.FLOAT32
        case StaticInt8(keep_float=kept):
            with optional("executorch"):
                model = pt2e.quantized(model, job.calibration, kept)
    names = [spec.name for spec in job.inputs]
    example = tuple(torch.zeros(spec.shape) for spec in job.inputs)
    program = torch.export.export(
        FromPicture(model, names), example, strict=False
    ).run_decompositions({})
    package = ct.convert(
        program,
        inputs=[
            ct.ImageType(name=spec.name, shape=spec.shape, color_layout=ct.colorlayout.RGB)
            if spec.name == IMAGE
            else ct.TensorType(spec.name, spec.shape, dtype=np.float32)
            for spec in job.inputs
        ],
        outputs=[ct.TensorType(spec.name, dtype=np.float32) for spec in job.outputs],
        convert_to="mlprogram",
        minimum_deployment_target=ct.target[deployment_target],
        compute_precision=precision,
    )
    if isinstance(job.scheme, WeightInt8 | Palettized):
        names = names_in_blocks(program, job.model, job.scheme.keep_float)
        return compress_weights(package, job.scheme, names)
    return package


def names_in_blocks(program: Any, model: nn.Module, blocks: Sequence[str]) -> list[str]:
    """Names that Core ML gives, in fp16, to the operators of some blocks of the network."""
    known = block_names(model)
    return [
        f"{node.name}_cast_fp16"
        for node in program.graph.nodes
        if block_of(module_path(node).removeprefix("network."), known) in blocks
    ]


def load(path: Path) -> LoadedNetwork:
    """An .mlpackage in Core ML itself, on macOS; no Mac was at hand to run this yet.

    Raises:
        ArtifactError: the package is missing or damaged.
        MissingDependencyError: coremltools is not installed.
    """
    with quiet(), optional("coreml"):
        import coremltools as ct

        try:
            package = ct.models.MLModel(str(path))
        except Exception as error:  # coremltools raises bare Exceptions of Apple's messages
            raise ArtifactError(f"Core ML refuses {path} ({error}); export it again") from error
    description = package.get_spec().description
    names = ([one.name for one in features] for features in (description.input, description.output))
    kind = kind_named(path, *names)
    shapes = [
        (1, 3, one.type.imageType.height, one.type.imageType.width)
        if one.type.HasField("imageType")
        else tuple(one.type.multiArrayType.shape)
        for one in description.input
    ]
    size = size_shaped(path, kind, shapes)
    return LoadedNetwork(kind, size, runner_of(path, package.predict, kind, size))


def interpret(path: Path) -> InterpretedNetwork:
    """An .mlpackage in the reference interpreter, on any platform.

    Raises:
        ArtifactError: the package is missing or damaged, or none of our networks.
        MissingDependencyError: coremltools is not installed.
    """
    model = InterpretedModel(path)
    shapes = input_shapes(model)
    kind = kind_named(
        path,
        [feature.name for feature in model.inputs],
        [feature.name for feature in model.outputs],
    )
    size = size_shaped(path, kind, shapes)
    run = runner_of(path, model.predict, kind, size)

    def checked(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        check_shapes(path, inputs, shapes)
        return run(inputs)

    return InterpretedNetwork(kind, size, checked)


def input_shapes(model: InterpretedModel) -> list[tuple[int, ...]]:
    """Shapes of the network's inputs, be the image a picture or an array."""
    return [
        (1, 3, *feature.default) if isinstance(feature, Picture) else feature.default
        for feature in model.inputs
    ]


def runner_of(
    path: Path, predict: Predict, kind: NetworkKind, size: int
) -> Callable[[Sequence[Tensor]], Sequence[Tensor]]:
    """Inputs -> outputs by what runs a package, be it Core ML or the interpreter."""
    names, output_names = kind.names()

    def run(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        answer = predict(
            {
                name: picture(tensor) if name == IMAGE else tensor.numpy()
                for name, tensor in zip(names, inputs, strict=True)
            }
        )
        return checked_answers(path, [answer[name] for name in output_names], kind, size)

    return run


def picture(image: Tensor) -> Image.Image:
    """The scaled network input [1, 3, S, S] as the picture that it was made from."""
    pixels = (image[0].permute(1, 2, 0) / PIXEL_SCALE + PIXEL_MEAN).round()
    return Image.fromarray(pixels.to(torch.uint8).numpy())


TARGET = ExportTarget(
    "coreml",
    ".mlpackage",
    tuple(DEPLOYMENT_TARGETS),
    "Core ML",
    export,
    load if sys.platform == "darwin" else None,
    interpret,
)
