"""Core ML ML Programs, for an app that passes the letterboxed photo as a CVPixelBuffer.

The package scales the picture's bytes itself. Prompt maps, tokens and outputs are float32 in both
precisions, so that one app code serves both; Core ML casts at the border.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from squeezesam.errors import ArtifactError
from squeezesam.runtimes import NetworkCallable
from squeezesam.spec import IMAGE, PIXEL_MEAN, PIXEL_SCALE, input_specs, output_specs
from squeezesam_export.quiet import quiet
from squeezesam_export.target import Lowered, Precision, Target, float32_io, optional

DEPLOYMENT_TARGET = "iOS16"
DEBUG_MAPPING = "executorch_debug_handle_mapping.json"


def export(model: nn.Module, size: int, precision: Precision, path: Path) -> Lowered:
    """Write one .mlpackage.

    Raises:
        MissingDependencyError: coremltools is not installed.
    """
    inputs, outputs = input_specs(size), output_specs(size)
    image, *arrays = inputs
    with quiet(), optional("coreml"):
        import coremltools as ct

        example = tuple(torch.zeros(spec.shape) for spec in inputs)
        program = torch.export.export(model, example, strict=False).run_decompositions({})
        package = ct.convert(
            program,
            inputs=[
                ct.ImageType(
                    name=image.name,
                    shape=image.shape,
                    scale=PIXEL_SCALE,
                    bias=[-PIXEL_MEAN * PIXEL_SCALE] * 3,
                    color_layout=ct.colorlayout.RGB,
                ),
                *(ct.TensorType(spec.name, spec.shape, dtype=np.float32) for spec in arrays),
            ],
            outputs=[ct.TensorType(spec.name, dtype=np.float32) for spec in outputs],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[DEPLOYMENT_TARGET],
            compute_precision={"fp32": ct.precision.FLOAT32, "fp16": ct.precision.FLOAT16}[
                precision
            ],
        )
        package.author = "SqueezeSAM authors"
        package.license = "Apache-2.0"
        package.short_description = f"Promptable segmentation at {size}x{size}, {precision}"
        package.input_description[image.name] = (
            "RGB picture, long side resized to the input size, padded bottom and right with grey "
            "128; scaled inside the model"
        )
        for spec in arrays:
            package.input_description[spec.name] = spec.meaning
        for spec in outputs:
            package.output_description[spec.name] = spec.meaning
        package.save(path)
    (path / DEBUG_MAPPING).unlink(missing_ok=True)  # for ExecuTorch's inspector, no use in an app
    return Lowered({**float32_io(inputs + outputs), IMAGE: "rgb8"})


def load(path: Path) -> NetworkCallable:
    """An .mlpackage as a network callable, on macOS; no Mac was at hand to run this yet.

    Raises:
        ArtifactError: this is not macOS, or the package is missing or damaged.
        MissingDependencyError: coremltools is not installed.
    """
    if sys.platform != "darwin":
        raise ArtifactError(
            f"{path} cannot run here: Core ML packages run on macOS only; "
            "use the .onnx or .pte artifact on this platform"
        )
    with quiet(), optional("coreml"):
        import coremltools as ct

        try:
            package = ct.models.MLModel(str(path))
        except Exception as error:  # coremltools raises bare Exceptions of Apple's messages
            raise ArtifactError(f"Core ML refuses {path} ({error}); export it again") from error
    image_name, *array_names = [spec.name for spec in input_specs()]
    output_names = [spec.name for spec in output_specs()]

    def network(image: Tensor, *arrays: Tensor) -> tuple[Tensor, Tensor]:
        feed = {name: tensor.numpy() for name, tensor in zip(array_names, arrays, strict=True)}
        answer = package.predict({image_name: picture(image), **feed})
        low_res_masks, iou_predictions = (torch.from_numpy(answer[name]) for name in output_names)
        return low_res_masks, iou_predictions

    return network


def picture(image: Tensor) -> Image.Image:
    """The scaled network input [1, 3, S, S] as the picture that it was made from."""
    pixels = (image[0].permute(1, 2, 0) / PIXEL_SCALE + PIXEL_MEAN).round()
    return Image.fromarray(pixels.to(torch.uint8).numpy())


TARGET = Target(
    "coreml",
    ".mlpackage",
    ("fp32", "fp16"),
    f"Core ML, {DEPLOYMENT_TARGET} or later",
    export,
    load if sys.platform == "darwin" else None,
)
