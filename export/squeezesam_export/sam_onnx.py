"""Any ONNX encoder and decoder of the SAM family as a predictor: a baseline, or a teacher.

Every layout that is known stands in ENCODERS or DECODERS; an encoder and a decoder of one family
make a pair.

- `sam`: the decoder is segment-anything's own export (facebookresearch/segment-anything,
  `scripts/export_onnx_model.py` and `segment_anything/utils/onnx.py`), which MobileSAM shares. That
  script exports no encoder. Others do: samexporter (vietanhdev/samexporter, `export_encoder.py`,
  also with `--use-preprocess`), Acly's MobileSAM, and the files of labelme's osam.
- `efficientsam`: yformer/EfficientSAM, `export_to_onnx.py` and `onnx_models.py`. Some of its files
  leave the number of queries open but not that of points; these take one click and no box.

Both families place a click at (x + 0.5, y + 0.5) inside the graph, after scaling, and share the
label codes of `squeezesam.spec.PointLabel`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from squeezesam.errors import ArtifactError, ConfigError, ImageError, PromptError
from squeezesam.files import PathLike
from squeezesam.image_io import Photo, as_photo
from squeezesam.inference.letterbox import enlarged_masks, resized
from squeezesam.inference.prompts import FloatArray, Prompts, as_floats, check_prompts
from squeezesam.spec import MASK_THRESHOLD, PointLabel
from squeezesam_export.targets.ort_file import OnnxFile
from squeezesam_export.targets.target import optional

PhotoPixels = NDArray[np.uint8]
Feed = dict[str, NDArray[Any]]
Family = Literal["sam", "efficientsam"]

SIDE = 1024
"""Side in pixels of the square that SAM's encoder sees."""

SQUARE = (1, 3, SIDE, SIDE)

MASK_SIDE = 256
"""Side of the masks that the decoders compute before any upsampling."""

BOX_LABELS = [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]

PIXEL_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
PIXEL_STD = np.array([58.395, 57.12, 57.375], np.float32)

EFFICIENT_SLOTS = 6
"""Points that EfficientSAM's decoder reads; it drops later ones without a word."""


@dataclass(frozen=True)
class Frame:
    """The square that a decoder counts in, with the photo in its top left.

    Attributes:
        side: of the square; masks are upsampled to it before the photo's part is cut out.
        inside: width and height that the photo takes up in it.
        scale: pixels of the square per photo pixel along x and y.
    """

    side: int
    inside: tuple[int, int]
    scale: tuple[float, float]


@dataclass(frozen=True)
class EncoderLayout:
    """One kind of encoder file.

    Attributes:
        exporter: who writes it.
        family: whose decoders understand its output.
        input_name: of its only input.
        shape: of that input; None is a side that the file leaves open.
        prepare: photo [H, W, 3] -> that input.
    """

    exporter: str
    family: Family
    input_name: str
    shape: tuple[int | None, ...]
    prepare: Callable[[PhotoPixels], FloatArray]


@dataclass(frozen=True)
class DecoderLayout:
    """One kind of decoder file.

    Attributes:
        exporter: who writes it.
        family: whose encoders it understands.
        inputs: names of all its inputs.
        masks: name of the output of low-resolution mask logits.
        ious: name of the output of predicted IoUs.
        feed: (prompts, frame, earlier mask or None) -> all inputs but the embeddings.
        labels: of clicks that the network was trained with.
    """

    exporter: str
    family: Family
    inputs: frozenset[str]
    masks: str
    ious: str
    feed: Callable[[Prompts, Frame, FloatArray | None], Feed]
    labels: frozenset[PointLabel] = frozenset({PointLabel.POSITIVE, PointLabel.NEGATIVE})


def fitted_size(width: int, height: int, side: int = SIDE) -> tuple[int, int]:
    """Width and height of a photo whose long side becomes `side`, rounded as SAM rounds."""
    scale = side / max(width, height)
    return int(width * scale + 0.5), int(height * scale + 0.5)


def fitted_photo(photo: PhotoPixels, side: int = SIDE) -> FloatArray:
    """The photo with a long side of `side` pixels: [h, w, 3], 0..255."""
    size = fitted_size(photo.shape[1], photo.shape[0], side)
    return resized(photo, size).astype(np.float32)


def normalised_square(photo: PhotoPixels, side: int = SIDE) -> FloatArray:
    """The fitted photo, normalised and then padded with 0: [1, 3, side, side]."""
    fitted: FloatArray = (fitted_photo(photo, side) - PIXEL_MEAN) / PIXEL_STD
    square = np.zeros((side, side, 3), np.float32)
    square[: fitted.shape[0], : fitted.shape[1]] = fitted
    return square.transpose(2, 0, 1)[None]


def unit_planes(photo: PhotoPixels) -> FloatArray:
    """The photo at its own size: [1, 3, H, W], 0..1."""
    return photo.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)


def sam_frame(width: int, height: int, side: int = SIDE) -> Frame:
    """The fitted photo, padded."""
    fitted = fitted_size(width, height, side)
    return Frame(side, fitted, (fitted[0] / width, fitted[1] / height))


def efficient_frame(width: int, height: int) -> Frame:
    """The photo stretched over the whole square, its aspect ratio lost."""
    return Frame(MASK_SIDE, (MASK_SIDE, MASK_SIDE), (MASK_SIDE / width, MASK_SIDE / height))


FRAMES: dict[Family, Callable[[int, int], Frame]] = {
    "sam": sam_frame,
    "efficientsam": efficient_frame,
}
"""How a photo of some width and height lies in what the networks of each family see."""


def sam_feed(prompts: Prompts, frame: Frame, mask_input: FloatArray | None) -> Feed:
    """Inputs of segment-anything's decoder.

    Without a box its notebook adds one point of label -1, as the network was trained to see.
    """
    end = np.zeros((1, 2), np.float32) if prompts.box is None else prompts.box.reshape(2, 2)
    end_labels = [PointLabel.PAD] if prompts.box is None else BOX_LABELS
    coords = np.concatenate([prompts.coords, end]) * np.array(frame.scale, np.float32)
    mask = np.zeros((1, MASK_SIDE, MASK_SIDE), np.float32) if mask_input is None else mask_input
    return {
        "point_coords": coords[None],
        "point_labels": np.array([[*prompts.labels, *end_labels]], np.float32),
        "mask_input": mask[None],
        "has_mask_input": np.array([mask_input is not None], np.float32),
        # It serves the photo-sized masks alone, which are not read; see SamOnnx.
        "orig_im_size": np.array([frame.side, frame.side], np.float32),
    }


def efficient_feed(prompts: Prompts, frame: Frame, mask_input: FloatArray | None) -> Feed:  # noqa: ARG001
    """Inputs of EfficientSAM's decoder; it knows no earlier mask and gives negatives no embedding.

    Of more points than it reads, the box and the latest clicks are kept.
    """
    corners = np.zeros((0, 2), np.float32) if prompts.box is None else prompts.box.reshape(2, 2)
    corner_labels = [] if prompts.box is None else BOX_LABELS
    latest = slice(max(0, len(prompts.coords) - EFFICIENT_SLOTS + len(corners)), None)
    coords = np.concatenate([corners, prompts.coords[latest]]) * np.array(frame.scale, np.float32)
    labels = [*corner_labels, *prompts.labels[latest]]
    return {
        "batched_point_coords": coords[None, None],
        "batched_point_labels": np.array([[labels]], np.float32),
        # Coordinates are relative to this size, and the masks come in it.
        "orig_im_size": np.array([frame.side, frame.side], np.int64),
    }


ENCODERS = (
    EncoderLayout("samexporter", "sam", "input_image", SQUARE, normalised_square),
    EncoderLayout("osam", "sam", "x", SQUARE, normalised_square),
    EncoderLayout(
        "samexporter --use-preprocess", "sam", "input_image", (None, None, 3), fitted_photo
    ),
    EncoderLayout(
        "EfficientSAM", "efficientsam", "batched_images", (1, 3, None, None), unit_planes
    ),
)

DECODERS = (
    DecoderLayout(
        "segment-anything",
        "sam",
        frozenset(
            (
                "image_embeddings",
                "point_coords",
                "point_labels",
                "mask_input",
                "has_mask_input",
                "orig_im_size",
            )
        ),
        "low_res_masks",
        "iou_predictions",
        sam_feed,
    ),
    DecoderLayout(
        "EfficientSAM",
        "efficientsam",
        frozenset(
            ("image_embeddings", "batched_point_coords", "batched_point_labels", "orig_im_size")
        ),
        "output_masks",
        "iou_predictions",
        efficient_feed,
        frozenset({PointLabel.POSITIVE}),
    ),
)


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


class SamEncoder:
    """An encoder of the SAM family: what it makes of a photo, on the CPU.

    Args:
        path: a file of one of `ENCODERS`.

    Attributes:
        path: of the file.
        layout: what kind of file it is.

    Raises:
        ArtifactError: the file is missing, damaged or of no known layout.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._graph = _Graph(self.path)
        self.layout = _encoder_layout(self._graph)

    def embeddings(self, pixels: PhotoPixels) -> FloatArray:
        """Embeddings [1, C, h, w] of a photo [H, W, 3].

        Raises:
            ArtifactError: the encoder fails.
        """
        return self._graph.run([EMBEDDINGS], self.feed(pixels))[0]

    def feed(self, pixels: PhotoPixels) -> Feed:
        """The only input, made of a photo [H, W, 3]."""
        return {self.layout.input_name: self.layout.prepare(pixels)}

    def __call__(self, pixels: PhotoPixels) -> tuple[FloatArray, tuple[float, float]]:
        """Embeddings [C, h, w], and the shares of w and h that the photo takes up from top left."""
        height, width = pixels.shape[:2]
        frame = FRAMES[self.layout.family](width, height)
        columns, rows = frame.inside
        return self.embeddings(pixels)[0], (columns / frame.side, rows / frame.side)


class SamOnnx:
    """A `squeezesam.inference.predictor.Predictor` made of two ONNX files, on the CPU.

    Masks are upsampled here and from the low-resolution ones: the photo-sized masks of some exports
    are cropped for the aspect ratio of the one photo that they were traced with.

    Args:
        encoder: a file of one of `ENCODERS`.
        decoder: a file of one of `DECODERS`, of the same family.

    Raises:
        ArtifactError: a file is missing, damaged or of no known layout, or they are no pair.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, encoder: PathLike, decoder: PathLike) -> None:
        self._encoder, self._decoder = SamEncoder(encoder), _Graph(Path(decoder))
        self._decoding = _decoder_layout(self._decoder)
        encoding = self._encoder.layout
        if encoding.family != self._decoding.family:
            raise ArtifactError(
                f"{encoder} is an encoder of {encoding.exporter}, {decoder} a decoder of "
                f"{self._decoding.exporter}; give a pair"
            )
        self._frame = FRAMES[encoding.family]
        self._photo: tuple[int, int, FloatArray] | None = None

    def set_image(self, image: Photo) -> None:
        """Encode the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
            ArtifactError: the encoder fails.
        """
        pixels = as_photo(image)
        height, width = pixels.shape[:2]
        self._photo = width, height, self._encoder.embeddings(pixels)

    @property
    def labels(self) -> frozenset[PointLabel]:
        """Labels of clicks that the network was trained with; a simulated user gives no others."""
        return self._decoding.labels

    def feeds_of_a_click(self) -> list[tuple[Path, Feed]]:
        """Both files, each with the inputs of one click on a square photo without an earlier mask.

        Raises:
            ArtifactError: the encoder fails.
        """
        photo = np.zeros((SIDE, SIDE, 3), np.uint8)
        click = check_prompts([[SIDE / 2, SIDE / 2]], [1], None, width=SIDE, height=SIDE)
        second = self._decoding.feed(click, self._frame(SIDE, SIDE), None)
        return [
            (self._encoder.path, self._encoder.feed(photo)),
            (self._decoder.path, {EMBEDDINGS: self._encoder.embeddings(photo), **second}),
        ]

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
        photo = self._current_photo()
        prompts = point_coords, point_labels, box, mask_input
        logits, ious = self._asked(photo, *prompts, multimask_output)
        width, height, _ = photo
        return photo_masks(logits, self._frame(width, height), width, height), ious, logits

    def predict_low_res(
        self, point_coords: ArrayLike, point_labels: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """The iou_predictions [C] and low_res_masks [C, 256, 256] that `predict` gives.

        Raises:
            ImageError, PromptError, ArtifactError: as `predict` does.
        """
        prompts = point_coords, point_labels, None, None
        logits, ious = self._asked(self._current_photo(), *prompts, True)
        return ious, logits

    def _current_photo(self) -> tuple[int, int, FloatArray]:
        if self._photo is None:
            raise ImageError("no photo is set; call set_image first")
        return self._photo

    def _asked(
        self,
        photo: tuple[int, int, FloatArray],
        point_coords: ArrayLike | None,
        point_labels: ArrayLike | None,
        box: ArrayLike | None,
        mask_input: ArrayLike | None,
        multimask_output: bool,
    ) -> tuple[FloatArray, FloatArray]:
        """Logits [C, 256, 256] and predicted IoUs [C] of the prompts."""
        width, height, embeddings = photo
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        if not len(prompts.coords) and prompts.box is None:
            raise PromptError("no prompt; give at least one click or a box")
        earlier = None
        if mask_input is not None:
            earlier = as_floats("mask_input", mask_input, (1, MASK_SIDE, MASK_SIDE))
        frame = self._frame(width, height)
        feed = {EMBEDDINGS: embeddings, **self._decoding.feed(prompts, frame, earlier)}
        logits, ious = self._decoder.run([self._decoding.masks, self._decoding.ious], feed)
        logits, ious = logits.reshape(-1, MASK_SIDE, MASK_SIDE), ious.ravel()
        if not np.isfinite(logits).all():
            raise ArtifactError(f"{self._decoder.path} answers NaN or infinity; export it in fp32")
        slots = len(prompts.coords) + (1 if prompts.box is None else 2)
        chosen = chosen_masks(ious, slots, multimask_output)
        return logits[chosen], ious[chosen]


def photo_masks(logits: FloatArray, frame: Frame, width: int, height: int) -> NDArray[np.bool_]:
    """Upsample mask logits [C, h, w] as the families do, then threshold them: [C, H, W]."""
    columns, rows = frame.inside
    (squares,) = F.interpolate(torch.from_numpy(logits)[None], (frame.side,) * 2, mode="bilinear")
    inside = squares[:, :rows, :columns]
    return enlarged_masks(inside, MASK_THRESHOLD, (height, width), antialias=False)


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
