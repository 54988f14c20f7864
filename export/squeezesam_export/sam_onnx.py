"""Any ONNX encoder and decoder of the SAM family as a predictor: a baseline, or a teacher."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from squeezesam.errors import ArtifactError, ConfigError, ImageError, PromptError
from squeezesam.files import PathLike
from squeezesam.image_io import Photo, as_photo
from squeezesam.prompts import FloatArray, as_floats, check_prompts
from squeezesam.spec import MASK_THRESHOLD
from squeezesam_export.ort_file import OnnxFile
from squeezesam_export.sam_layouts import (
    DECODERS,
    ENCODERS,
    MASK_SIDE,
    DecoderLayout,
    EncoderLayout,
    Frame,
)
from squeezesam_export.target import optional

EMBEDDINGS = "image_embeddings"
"""What every decoder calls the encoder's only output."""

TOKENS = 4
"""Masks of segment-anything's decoder: one for clear prompts, then three alternatives."""

CLEAR_PROMPT = 3
"""Points, padding and box corners included, from which on it takes a prompt as clear."""


def sam_onnx_baseline(argument: str | None) -> "SamOnnx":
    """The pair that `ENCODER.onnx,DECODER.onnx` names.

    Raises:
        ConfigError: not two paths.
        ArtifactError: a file is missing, damaged or of no known layout.
        MissingDependencyError: onnxruntime is not installed.
    """
    paths = (argument or "").split(",")
    if len(paths) != 2 or not all(paths):
        raise ConfigError(f"sam-onnx={argument or ''} must name ENCODER.onnx,DECODER.onnx")
    return SamOnnx(*map(Path, paths))


class SamOnnx:
    """A `squeezesam.predictor.Predictor` made of two ONNX files, on the CPU.

    Masks are upsampled here and from the low-resolution ones: the photo-sized masks of some exports
    are cropped for the aspect ratio of the one photo that they were traced with.

    Args:
        encoder: a file of one of `sam_layouts.ENCODERS`.
        decoder: a file of one of `sam_layouts.DECODERS`, of the same family.

    Raises:
        ArtifactError: a file is missing, damaged or of no known layout, or they are no pair.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, encoder: PathLike, decoder: PathLike) -> None:
        self._encoder, self._decoder = _Graph(Path(encoder)), _Graph(Path(decoder))
        self._encoding = _encoder_layout(self._encoder)
        self._decoding = _decoder_layout(self._decoder)
        if self._encoding.family != self._decoding.family:
            raise ArtifactError(
                f"{encoder} is an encoder of {self._encoding.exporter}, {decoder} a decoder of "
                f"{self._decoding.exporter}; give a pair"
            )
        self._photo: tuple[int, int, FloatArray] | None = None

    def set_image(self, image: Photo) -> None:
        """Encode the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
            ArtifactError: the encoder fails.
        """
        pixels = as_photo(image)
        height, width = pixels.shape[:2]
        feed = {self._encoding.input_name: self._encoding.prepare(pixels)}
        (embeddings,) = self._encoder.run([EMBEDDINGS], feed)
        self._photo = width, height, embeddings

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks of what the prompts mean on the photo.

        Args:
            point_coords: [N, 2] clicks (x, y) in photo pixels.
            point_labels: [N], 1 for the object, 0 for background, -1 for a slot to ignore.
            box: [4] or [1, 4] (x0, y0, x1, y1) in photo pixels.
            mask_input: [256, 256] or [1, 256, 256], one of `low_res_masks`; EfficientSAM
                takes no notice of it.
            multimask_output: the alternatives, one for an export of a single mask, instead of the
                one mask that segment-anything's single-mask export selects.

        Returns:
            masks [C, H, W] bool, iou_predictions [C] and low_res_masks [C, 256, 256] logits.

        Raises:
            ImageError: no photo is set.
            PromptError: no prompt, or one that has no meaning on this photo.
            ArtifactError: the decoder fails, or answers NaN or infinity.
        """
        if self._photo is None:
            raise ImageError("no photo is set; call set_image first")
        width, height, embeddings = self._photo
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        if not len(prompts.coords) and prompts.box is None:
            raise PromptError("no prompt; give at least one click or a box")
        earlier = None
        if mask_input is not None:
            earlier = as_floats("mask_input", mask_input, (1, MASK_SIDE, MASK_SIDE))
        frame = self._decoding.frame(width, height)
        feed = {EMBEDDINGS: embeddings, **self._decoding.feed(prompts, frame, earlier)}
        logits, ious = self._decoder.run([self._decoding.masks, self._decoding.ious], feed)
        logits, ious = logits.reshape(-1, MASK_SIDE, MASK_SIDE), ious.ravel()
        if not np.isfinite(logits).all():
            raise ArtifactError(f"{self._decoder.path} answers NaN or infinity; export it in fp32")
        slots = len(prompts.coords) + (1 if prompts.box is None else 2)
        chosen = chosen_masks(ious, slots, multimask_output)
        return photo_masks(logits[chosen], frame, width, height), ious[chosen], logits[chosen]


def photo_masks(logits: FloatArray, frame: Frame, width: int, height: int) -> NDArray[np.bool_]:
    """Upsample mask logits [C, h, w] as the families do, then threshold them: [C, H, W]."""
    square = F.interpolate(torch.from_numpy(logits)[None], (frame.side,) * 2, mode="bilinear")
    columns, rows = frame.inside
    inside = square[..., :rows, :columns]
    upsampled = F.interpolate(inside, (height, width), mode="bilinear")[0]
    return (upsampled > MASK_THRESHOLD).numpy()


def chosen_masks(ious: FloatArray, slots: int, multimask_output: bool) -> NDArray[np.intp]:
    """Which masks to answer with, by the rule of `SamOnnxModel.select_masks`."""
    has_clear_mask = len(ious) == TOKENS
    alternatives = np.arange(int(has_clear_mask), len(ious))
    if multimask_output:
        return alternatives
    if has_clear_mask and slots >= CLEAR_PROMPT:
        return np.array([0])
    return alternatives[[ious[alternatives].argmax()]]


class _Graph:
    """An ONNX file in ONNX Runtime.

    Attributes:
        path: of the file.
        inputs: shape of each input by name; a side that is left open is no int.
        outputs: names.
    """

    def __init__(self, path: Path) -> None:
        with optional("onnx"):
            import onnxruntime
        self._file = OnnxFile(path)
        # Upsampling inside the decoder costs more than all else, and its result is not read.
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self.path = path
        self.inputs = {node.name: node.shape for node in self._file.inputs}
        self.outputs = [node.name for node in self._file.outputs]

    def __str__(self) -> str:
        inputs = ", ".join(
            f"{name} [{', '.join(map(str, shape))}]" for name, shape in self.inputs.items()
        )
        return f"{self.path} (inputs {inputs}; outputs {', '.join(self.outputs)})"

    def run(self, outputs: list[str], feed: dict[str, NDArray[Any]]) -> list[FloatArray]:
        return self._file.run(outputs, feed, self._run_options)


def _encoder_layout(graph: _Graph) -> EncoderLayout:
    for layout in ENCODERS:
        shape = graph.inputs.get(layout.input_name, ())
        if len(graph.inputs) == 1 and _fits(shape, layout.shape) and EMBEDDINGS in graph.outputs:
            return layout
    known = "; ".join(
        f"{layout.input_name} [{', '.join('any' if n is None else str(n) for n in layout.shape)}]"
        f" of {layout.exporter}"
        for layout in ENCODERS
    )
    raise ArtifactError(f"{graph} is no known encoder; known inputs: {known}")


def _decoder_layout(graph: _Graph) -> DecoderLayout:
    for layout in DECODERS:
        if graph.inputs.keys() == layout.inputs and {layout.masks, layout.ious} <= {*graph.outputs}:
            return layout
    known = "; ".join(
        f"{', '.join(sorted(layout.inputs))} -> {layout.masks}, {layout.ious} of {layout.exporter}"
        for layout in DECODERS
    )
    raise ArtifactError(f"{graph} is no known decoder; known: {known}")


def _fits(shape: tuple[Any, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a declared shape takes arrays of the wanted one; None wants a side left open."""
    return len(shape) == len(wanted) and all(
        side == want or not isinstance(side, int) for side, want in zip(shape, wanted, strict=True)
    )
