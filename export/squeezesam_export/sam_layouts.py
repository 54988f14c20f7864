"""How the public exporters of the SAM family lay out their ONNX files.

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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from squeezesam.prompts import FloatArray, Prompts
from squeezesam.spec import PointLabel
from squeezesam.transforms import resized

Photo = NDArray[np.uint8]
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
    prepare: Callable[[Photo], FloatArray]


@dataclass(frozen=True)
class DecoderLayout:
    """One kind of decoder file.

    Attributes:
        exporter: who writes it.
        family: whose encoders it understands.
        inputs: names of all its inputs.
        masks: name of the output of low-resolution mask logits.
        ious: name of the output of predicted IoUs.
        frame: width and height of a photo -> pixels of the decoder.
        feed: (prompts, frame, earlier mask or None) -> all inputs but the embeddings.
    """

    exporter: str
    family: Family
    inputs: frozenset[str]
    masks: str
    ious: str
    frame: Callable[[int, int], Frame]
    feed: Callable[[Prompts, Frame, FloatArray | None], Feed]


def fitted_size(width: int, height: int, side: int = SIDE) -> tuple[int, int]:
    """Width and height of a photo whose long side becomes `side`, rounded as SAM rounds."""
    scale = side / max(width, height)
    return int(width * scale + 0.5), int(height * scale + 0.5)


def fitted_photo(photo: Photo, side: int = SIDE) -> FloatArray:
    """The photo with a long side of `side` pixels: [h, w, 3], 0..255."""
    size = fitted_size(photo.shape[1], photo.shape[0], side)
    return resized(photo, size).astype(np.float32)


def normalised_square(photo: Photo, side: int = SIDE) -> FloatArray:
    """The fitted photo, normalised and then padded with 0: [1, 3, side, side]."""
    fitted: FloatArray = (fitted_photo(photo, side) - PIXEL_MEAN) / PIXEL_STD
    square = np.zeros((side, side, 3), np.float32)
    square[: fitted.shape[0], : fitted.shape[1]] = fitted
    return square.transpose(2, 0, 1)[None]


def unit_planes(photo: Photo) -> FloatArray:
    """The photo at its own size: [1, 3, H, W], 0..1."""
    return photo.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)


def sam_frame(width: int, height: int, side: int = SIDE) -> Frame:
    """The fitted photo, padded."""
    fitted = fitted_size(width, height, side)
    return Frame(side, fitted, (fitted[0] / width, fitted[1] / height))


def efficient_frame(width: int, height: int) -> Frame:
    """The photo stretched over the whole square, its aspect ratio lost."""
    return Frame(MASK_SIDE, (MASK_SIDE, MASK_SIDE), (MASK_SIDE / width, MASK_SIDE / height))


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
        sam_frame,
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
        efficient_frame,
        efficient_feed,
    ),
)
