"""The contract between the network, the exporters, the manifest and the apps.

Every tensor name, shape, unit, label code and constant has its one home here. Notable choices:

- Pixels are scaled by (byte - 128) / 128 instead of ImageNet mean/std. The result is exact in fp16,
  lossless in int8, and one `scale`/`bias` pair for a Core ML image input.
- The letterbox pads bottom and right (like SAM) with byte 128, which becomes exactly 0.
- Prompts are encoded outside the graph. Drawing discs by comparison, one-hot labels by `==` and
  sin/cos of coordinates all leave the XNNPACK, NNAPI and Core ML delegates; as float inputs they
  cost a few hundred kilobytes and nothing ever leaves the accelerator.
  Where drawing is cheap, as in ONNX Runtime on a CPU, a file may hold it: see POINT_SEGMENTER.
- A padding slot of `prompt_tokens` is all zeros, so the network needs no attention mask (an
  additive mask of large magnitude ruins static int8).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Literal

INPUT_SIZE = 320
"""Side of the square network input in pixels; the long side of what it shows is resized to it."""

DETECTOR_SIZE = 512
"""Side of the square input of the salient-object detector in pixels."""

SURROUNDINGS = 150
"""Side of the view of a closer look, in percent of the long side of what it is around."""

SMALLEST_VIEW = 64
"""Side of the view of a closer look in photo pixels, at the least."""

OUTSIDE_LOGIT = -8.0
"""What a mask of a view says about the photo outside of the view, and about its own padding."""

MAP_STRIDE = 2
"""Input pixels per pixel of the prompt maps and of the output masks."""

PIXEL_MEAN = 128.0
PIXEL_SCALE = 1.0 / 128.0
PAD_BYTE = 128

SALIENCY_STRIDE = 4
"""Input pixels per pixel of the salient-object detector's heat map."""

DISC_RADIUS = 2.5
"""Radius of a drawn click in pixels of the prompt maps, edge anti-aliased over one pixel."""

POINT_SLOTS = 14
BOX_SLOTS = 2
TOKEN_SLOTS = POINT_SLOTS + BOX_SLOTS

POSITION_FREQUENCIES = 6
"""Octaves k of sin(2^k pi u) and cos(2^k pi u), for u the coordinate over the input size."""

POSITION_FEATURES = 4 * POSITION_FREQUENCIES
TOKEN_KINDS = 4
TOKEN_FEATURES = POSITION_FEATURES + TOKEN_KINDS

NUM_MASKS = 4
"""Mask 0 is the one whole-object answer; masks 1..3 are the alternatives of multimask output."""

MASK_THRESHOLD = 0.0
"""A pixel belongs to the mask where its logit exceeds this."""

SPECK_AREA = 16
"""Mask pixels below which a region that no click asks for is dropped."""

PINHOLE_AREA = 16
"""Mask pixels below which a gap in the mask is filled."""

FLIPPED_LOGIT = 0.0625
"""Least magnitude of the logit of a pixel that the cleaning takes away or fills in."""

EDGE_SHARPNESS = 2.0
"""Near its outline the opacity of a cut-out is the sigmoid of the logit times this."""


class PointLabel(IntEnum):
    """Codes of `point_labels`, with segment-anything's meaning."""

    PAD = -1
    NEGATIVE = 0
    POSITIVE = 1
    BOX_TOP_LEFT = 2
    BOX_BOTTOM_RIGHT = 3


class MapChannel(IntEnum):
    """Channels of `prompt_maps`."""

    POSITIVE = 0
    NEGATIVE = 1
    BOX = 2
    PREVIOUS_MASK = 3


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of the network: name, shape, element type and meaning."""

    name: str
    shape: tuple[int, ...]
    meaning: str
    dtype: Literal["float32"] = "float32"


IMAGE = "image"
PROMPT_MAPS = "prompt_maps"
PROMPT_TOKENS = "prompt_tokens"
LOW_RES_MASKS = "low_res_masks"
SALIENCY_LOGITS = "saliency_logits"
POINT_COORDS = "point_coords"
POINT_LABELS = "point_labels"
MASK_INPUT = "mask_input"
HAS_MASK_INPUT = "has_mask_input"
IOU_PREDICTIONS = "iou_predictions"


def detector_input_specs(size: int = DETECTOR_SIZE) -> tuple[TensorSpec, ...]:
    """Inputs of the salient-object detector for a square image of `size` pixels."""
    return (
        TensorSpec(
            IMAGE,
            (1, 3, size, size),
            "RGB, (byte - 128) / 128, long side resized to the input size, "
            "padded bottom and right with 0",
        ),
    )


def detector_output_specs(size: int = DETECTOR_SIZE) -> tuple[TensorSpec, ...]:
    """Outputs of the salient-object detector for a square image of `size` pixels."""
    heat_size = size // SALIENCY_STRIDE
    return (
        TensorSpec(
            SALIENCY_LOGITS,
            (1, 1, heat_size, heat_size),
            "logit of belonging to the most prominent object, on the padded square; "
            "the heat map is its sigmoid",
        ),
    )


def input_specs(size: int = INPUT_SIZE) -> tuple[TensorSpec, ...]:
    """Inputs of the network for a square image of `size` pixels, in call order."""
    map_size = size // MAP_STRIDE
    return (
        *detector_input_specs(size),
        TensorSpec(
            PROMPT_MAPS,
            (1, len(MapChannel), map_size, map_size),
            "positive discs, negative discs, filled box, previous mask as tanh(logit / 2); "
            "0 where absent",
        ),
        TensorSpec(
            PROMPT_TOKENS,
            (1, TOKEN_SLOTS, TOKEN_FEATURES),
            "14 point slots then 2 box corners; Fourier features of the position, then one-hot "
            "kind; an unused slot is all zeros",
        ),
    )


def point_specs(size: int = INPUT_SIZE) -> tuple[TensorSpec, ...]:
    """Prompts as the inputs of segment-anything's ONNX files, for a square image of `size` pixels.

    The number of points is open; the shapes here have the usual one.
    """
    map_size = size // MAP_STRIDE
    return (
        TensorSpec(
            POINT_COORDS,
            (1, TOKEN_SLOTS, 2),
            "(x, y) in input pixels, any number of points from 1 on, clicks oldest first; a click "
            "is at the centre of its photo pixel, (x + 0.5, y + 0.5) before the resize; corners of "
            "a box are edges and move with the resize alone",
        ),
        TensorSpec(
            POINT_LABELS,
            (1, TOKEN_SLOTS),
            "1 object, 0 background, 2 and 3 top left and bottom right corner of the one box, -1 "
            "for a point to ignore; no two clicks on the same place",
        ),
        TensorSpec(
            MASK_INPUT,
            (1, 1, map_size, map_size),
            "logits of an earlier low_res_masks channel, cleaned; 0 where absent",
        ),
        TensorSpec(HAS_MASK_INPUT, (1,), "1 where mask_input counts, 0 where it is absent"),
    )


def output_specs(size: int = INPUT_SIZE) -> tuple[TensorSpec, ...]:
    """Outputs of the network for a square image of `size` pixels, in order."""
    map_size = size // MAP_STRIDE
    return (
        TensorSpec(
            LOW_RES_MASKS,
            (1, NUM_MASKS, map_size, map_size),
            "mask logits on the padded square; index 0 is the whole-object answer, 1..3 the "
            "alternatives; in the mask where > 0",
        ),
        TensorSpec(IOU_PREDICTIONS, (1, NUM_MASKS), "predicted IoU of each mask, 0..1"),
    )


Specs = Callable[[int], tuple[TensorSpec, ...]]
"""Tensors for a side of the square image in pixels."""


@dataclass(frozen=True)
class NetworkKind:
    """What one kind of network takes and gives, whatever runs it.

    A network can be several graphs that run one after another, such as an encoder that runs once
    for each photo and a decoder that runs for each click. Each graph is a kind itself, and a file
    of its own in every export; see `in_sequence`.

    Attributes:
        name: of the kind.
        title: what a person calls it.
        inputs: for a side of the square image in pixels, in call order.
        outputs: for a side of the square image in pixels, in order.
        size: side of the square image in pixels where nothing else is said.
        parts: its graphs in the order in which they run; empty where it is a single graph.
        part: what distinguishes its files from those of the other graphs of one network, and of
            another kind with the same weights; empty where there is nothing to distinguish.
        takes_prompts: whether `squeezesam.inference.predictor.SamPredictor` asks it with clicks
            and boxes.
        open_axes: inputs with an axis of any length, and that axis; `inputs` has its usual length.
    """

    name: str
    title: str
    inputs: Specs
    outputs: Specs
    size: int
    parts: "tuple[NetworkKind, ...]" = ()
    part: str = ""
    takes_prompts: bool = False
    open_axes: tuple[tuple[str, int], ...] = ()

    @property
    def graphs(self) -> "tuple[NetworkKind, ...]":
        """The kinds of its files, in the order in which they run."""
        return self.parts or (self,)

    @property
    def photo_tensors(self) -> frozenset[str]:
        """Names of the image, and of all tensors that the graphs before the last take and give."""
        names = (name for graph in self.graphs[:-1] for way in graph.names() for name in way)
        return frozenset((IMAGE, *names))

    def names(self) -> tuple[list[str], list[str]]:
        """Names of all inputs and of all outputs."""
        inputs, outputs = self.inputs(self.size), self.outputs(self.size)
        return [spec.name for spec in inputs], [spec.name for spec in outputs]

    def shapes(self, size: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Shapes of all inputs and of all outputs."""
        inputs, outputs = self.inputs(size), self.outputs(size)
        return [spec.shape for spec in inputs], [spec.shape for spec in outputs]

    def size_of(self, inputs: Sequence[Sequence[object]]) -> int | None:
        """Side of the square image with which its inputs have some shapes; None for no such side.

        Args:
            inputs: a shape for each input; a side that a file leaves open is no int.
        """
        usual, doubled = (self.shapes(size)[0] for size in (self.size, 2 * self.size))
        found = [
            self.size * side // one
            for shape, ones, twos in zip(inputs, usual, doubled, strict=False)
            for side, one, two in zip(shape, ones, twos, strict=False)
            if one != two and isinstance(side, int)
        ]
        if not found or found[0] <= 0:
            return None
        wanted = self.shapes(found[0])[0]
        return found[0] if wanted == self.usual_shapes(inputs) else None

    def usual_shapes(self, inputs: Sequence[Sequence[object]]) -> list[tuple[object, ...]]:
        """The shapes of its inputs, in which open axes have their usual length.

        Args:
            inputs: a shape for each input; a side that a file leaves open is no int.
        """
        shapes = [list(shape) for shape in inputs]
        axes = dict(self.open_axes)
        for shape, spec in zip(shapes, self.inputs(self.size), strict=False):
            if spec.name in axes and axes[spec.name] < len(shape):
                shape[axes[spec.name]] = spec.shape[axes[spec.name]]
        return [tuple(shape) for shape in shapes]

    def serves_as(self, wanted: "NetworkKind") -> bool:
        """Whether it does what another kind is wanted for: answers prompts, or takes and gives the
        same tensors.
        """
        return (self.takes_prompts and wanted.takes_prompts) or self.is_like(wanted)

    def is_like(self, other: "NetworkKind") -> bool:
        """Whether it takes and gives the tensors of another kind."""
        return self is other or self.names() == other.names()


def in_sequence(
    name: str, title: str, *parts: NetworkKind, takes_prompts: bool = False
) -> NetworkKind:
    """The kind of a network of several graphs; tensors go from graph to graph by their names.

    Its inputs are those of all graphs that no earlier graph gives; its outputs are those of the
    last graph.

    Args:
        name: of the kind.
        title: what a person calls it.
        parts: its graphs in the order in which they run. All but the last depend on the photo
            alone.
        takes_prompts: as in `NetworkKind`.
    """

    def inputs(size: int) -> tuple[TensorSpec, ...]:
        given = {spec.name for part in parts for spec in part.outputs(size)}
        specs = {spec.name: spec for part in parts for spec in part.inputs(size)}
        return tuple(spec for spec in specs.values() if spec.name not in given)

    return NetworkKind(
        name, title, inputs, parts[-1].outputs, parts[0].size, parts, takes_prompts=takes_prompts
    )


def encoder_and_decoder(
    name: str,
    title: str,
    size: int,
    image: Specs,
    prompts: Specs,
    outputs: Specs,
    open_axes: tuple[tuple[str, int], ...] = (),
) -> NetworkKind:
    """The kind of a network of an image encoder and a decoder of prompts, as Segment Anything is.

    Args:
        name: of the kind; those of its graphs end with `encoder` and `decoder`.
        title: what a person calls it.
        size: usual side of the square input in pixels.
        image: inputs of the encoder by that side.
        prompts: inputs of the decoder, `embedding_specs` among them.
        outputs: of the decoder.
        open_axes: of the decoder, as in `NetworkKind`.
    """
    encoder = NetworkKind(
        f"{name} encoder", f"{title} encoder", image, embedding_specs, size, part="encoder"
    )
    decoder = NetworkKind(
        f"{name} decoder",
        f"{title} decoder",
        prompts,
        outputs,
        size,
        part="decoder",
        open_axes=open_axes,
    )
    return in_sequence(name, title, encoder, decoder, takes_prompts=True)


SEGMENTER = NetworkKind(
    "segmenter", "promptable network", input_specs, output_specs, INPUT_SIZE, takes_prompts=True
)
DETECTOR = NetworkKind(
    "detector",
    "salient-object detector",
    detector_input_specs,
    detector_output_specs,
    DETECTOR_SIZE,
)


def point_segmenter_inputs(size: int = INPUT_SIZE) -> tuple[TensorSpec, ...]:
    """Inputs of the promptable network together with the drawing of its prompts."""
    return detector_input_specs(size) + point_specs(size)


OPEN_POINTS = ((POINT_COORDS, 1), (POINT_LABELS, 1))
PROMPT_DRAWING = NetworkKind(
    "prompt-drawing",
    "drawing of prompts",
    point_specs,
    lambda size: input_specs(size)[1:],
    INPUT_SIZE,
    open_axes=OPEN_POINTS,
)
"""What goes before the promptable network in a file that takes clicks; no file holds it alone."""

POINT_SEGMENTER = NetworkKind(
    "segmenter-points",
    "promptable network that takes clicks",
    point_segmenter_inputs,
    output_specs,
    INPUT_SIZE,
    part="points",
    takes_prompts=True,
    open_axes=OPEN_POINTS,
)
"""The promptable network and the drawing of its prompts in one file, as in SAM's ONNX files."""

ALTERNATIVES = 3
"""Masks of EfficientSAM and of the early SqueezeSAM; none is meant to be the one answer."""

EFFICIENTSAM_SIZE = 1024
"""Side of the square input of EfficientSAM in pixels; all of a photo is stretched to it."""

EMBEDDING_STRIDE = 16
"""Input pixels of EfficientSAM and Segment Anything per cell of their image embeddings."""

EMBEDDING_CHANNELS = 256

EFFICIENTSAM_MASK_STRIDE = 4
"""Input pixels of EfficientSAM and Segment Anything per pixel of their masks."""

EFFICIENTSAM_POINTS = 6
"""Slots of EfficientSAM for clicks and corners of a box, padded behind."""

EFFICIENTSAM_LABELS = (
    PointLabel.PAD,
    PointLabel.POSITIVE,
    PointLabel.BOX_TOP_LEFT,
    PointLabel.BOX_BOTTOM_RIGHT,
)
"""Labels that EfficientSAM was trained with, in the order of the columns of `point_kinds`."""

IMAGE_EMBEDDINGS = "image_embeddings"
POINTS = "points"
POINT_KINDS = "point_kinds"


def stretched_specs(size: int) -> tuple[TensorSpec, ...]:
    """The image of networks that see all of a photo stretched to a square of `size` pixels."""
    return (
        TensorSpec(
            IMAGE,
            (1, 3, size, size),
            "RGB, (byte - 128) / 128, all of the photo stretched to the square",
        ),
    )


def embedding_specs(size: int) -> tuple[TensorSpec, ...]:
    """What encoders of EfficientSAM and the Segment Anything family give to their decoders."""
    side = size // EMBEDDING_STRIDE
    return (
        TensorSpec(
            IMAGE_EMBEDDINGS,
            (1, EMBEDDING_CHANNELS, side, side),
            "what the encoder makes of the photo; the same for all prompts",
        ),
    )


def efficientsam_point_specs(size: int) -> tuple[TensorSpec, ...]:
    """What EfficientSAM's decoder takes for a click."""
    return (
        *embedding_specs(size),
        TensorSpec(
            POINTS,
            (1, EFFICIENTSAM_POINTS, 2),
            "(x, y) of each slot, from -1 at the left and top edge of the photo to 1; an unused "
            "slot lies half a pixel outside of the input",
        ),
        TensorSpec(
            POINT_KINDS,
            (1, EFFICIENTSAM_POINTS, len(EFFICIENTSAM_LABELS)),
            "one-hot: unused, click on the object, top left and bottom right corner of the box",
        ),
    )


def alternative_specs(size: int, stride: int) -> tuple[TensorSpec, ...]:
    """Alternative masks of `stride` input pixels a pixel."""
    side = size // stride
    return (
        TensorSpec(
            LOW_RES_MASKS,
            (1, ALTERNATIVES, side, side),
            "logits of alternative masks on the stretched photo; in the mask where > 0",
        ),
        TensorSpec(IOU_PREDICTIONS, (1, ALTERNATIVES), "predicted IoU of each mask"),
    )


EFFICIENTSAM = encoder_and_decoder(
    "efficientsam",
    "EfficientSAM",
    EFFICIENTSAM_SIZE,
    stretched_specs,
    efficientsam_point_specs,
    partial(alternative_specs, stride=EFFICIENTSAM_MASK_STRIDE),
)

SAM_SIZE = 1024
"""Side of the square input of the Segment Anything family in pixels."""

SAM_PAD = (124, 116, 104)
"""RGB bytes beside a photo in that input: the mean colour, which is nearly 0 when normalised."""

SAM_LABELS = tuple(PointLabel)
"""Labels that the family was trained with, in the order of the columns of `point_kinds`."""

SAM_POINTS = 2
"""Slots of one click: its own, and the unused one that follows clicks where there is no box."""


def sam_image_specs(size: int) -> tuple[TensorSpec, ...]:
    """The image of the Segment Anything family."""
    return (
        TensorSpec(
            IMAGE,
            (1, 3, size, size),
            "RGB, (byte - 128) / 128, long side resized to the input size, padded bottom and right "
            f"with the bytes {SAM_PAD}",
        ),
    )


def sam_point_specs(size: int) -> tuple[TensorSpec, ...]:
    """What the decoder of the Segment Anything family takes; the number of slots is open."""
    side = size // EFFICIENTSAM_MASK_STRIDE
    return (
        *embedding_specs(size),
        TensorSpec(
            POINTS,
            (1, SAM_POINTS, 2),
            "(x, y) of each slot, from -1 at the left and top edge of the input to 1: clicks, then "
            "the corners of the box, or one unused slot where there are clicks and no box",
        ),
        TensorSpec(
            POINT_KINDS,
            (1, SAM_POINTS, len(SAM_LABELS)),
            "one-hot: unused, background, object, top left and bottom right corner of the box",
        ),
        TensorSpec(
            MASK_INPUT, (1, 1, side, side), "logits of an earlier low_res_masks channel, or 0"
        ),
        TensorSpec(HAS_MASK_INPUT, (1,), "1 where mask_input counts, 0 where it is absent"),
    )


def sam_output_specs(size: int) -> tuple[TensorSpec, ...]:
    """What the decoder of the Segment Anything family gives."""
    side = size // EFFICIENTSAM_MASK_STRIDE
    return (
        TensorSpec(
            LOW_RES_MASKS,
            (1, NUM_MASKS, side, side),
            "mask logits on the padded square; index 0 is the one answer to several prompts, 1..3 "
            "the alternatives; in the mask where > 0",
        ),
        TensorSpec(IOU_PREDICTIONS, (1, NUM_MASKS), "predicted IoU of each mask"),
    )


SAM = encoder_and_decoder(
    "sam",
    "Segment Anything",
    SAM_SIZE,
    sam_image_specs,
    sam_point_specs,
    sam_output_specs,
    open_axes=((POINTS, 1), (POINT_KINDS, 1)),
)
"""SAM itself, MobileSAM and EdgeSAM."""

EARLY_SIZE = 512
"""Side of the square input of the early SqueezeSAM in pixels."""

EARLY_RADIUS = 5.0
"""Radius in input pixels of a click that is drawn for the early SqueezeSAM."""

DRAWN_PROMPTS = "drawn_prompts"


def early_specs(size: int) -> tuple[TensorSpec, ...]:
    """What the early SqueezeSAM takes."""
    return (
        *stretched_specs(size),
        TensorSpec(
            DRAWN_PROMPTS,
            (1, 2, size, size),
            "1 inside of the box, or everywhere without a box, then 1 on discs at the clicks; "
            "0 elsewhere",
        ),
    )


EARLY = NetworkKind(
    "early",
    "early SqueezeSAM",
    early_specs,
    partial(alternative_specs, stride=MAP_STRIDE),
    EARLY_SIZE,
    takes_prompts=True,
)
