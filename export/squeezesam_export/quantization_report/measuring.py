"""The float network and quantized ones side by side, on the same inputs."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from squeezesam.data.records import Dataset
from squeezesam.errors import DataError
from squeezesam.evaluation.click_protocol import ClickProtocol
from squeezesam.evaluation.measures import mask_iou
from squeezesam.evaluation.regions import Mask
from squeezesam.evaluation.run import Photo, usable_photos
from squeezesam.evaluation.targets import Target
from squeezesam.predictor import SamPredictor
from squeezesam.transforms import Letterbox
from squeezesam_export.quantization.activations import Recorder, received
from squeezesam_export.quantization_report.records import (
    Block,
    Data,
    FloatAnswer,
    QuantizedAnswer,
    Variant,
)


class Floating:
    """The float network as a network callable; its latest run is kept.

    Attributes:
        recorder: has the outputs of all blocks.
        inputs: of the network.
        low_res_masks: its answer.

    Args:
        graph: in float.
        blocks: of the network.
        size: side of the input in pixels.
    """

    inputs: tuple[Tensor, ...]
    low_res_masks: Tensor

    def __init__(self, graph: torch.fx.GraphModule, blocks: Sequence[Block], size: int) -> None:
        self.recorder = Recorder(graph, {node for block in blocks for node in block.outputs})
        self.size = size

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """low_res_masks and iou_predictions, as in squeezesam.spec."""
        self.inputs = inputs
        self.low_res_masks, iou_predictions = self.recorder(*inputs)
        return self.low_res_masks, iou_predictions


class Quantized:
    """A network of which some blocks are quantized.

    Args:
        graph: with what rounds the activations of these blocks.
        blocks: that are quantized.
    """

    def __init__(self, graph: torch.fx.GraphModule, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(block.name for block in blocks)
        self.nodes = received(graph, {node for block in blocks for node in block.outputs})
        self.recorder = Recorder(graph, set(self.nodes.values()))


@dataclass(frozen=True)
class Measured:
    """What a pass over the data gave.

    Attributes:
        data: one entry for each data set.
        objects: at least one.
        variants: one for each quantized network.
    """

    data: tuple[Data, ...]
    objects: tuple[FloatAnswer, ...]
    variants: tuple[Variant, ...]


def measure(
    floating: Floating,
    quantized: Sequence[Quantized],
    datasets: Sequence[Dataset],
    limit: int,
    click: int,
) -> Measured:
    """Click on every object as the float network's answers demand; all answer the last click.

    Args:
        floating: the float network.
        quantized: what is compared with it.
        datasets: photos with masks.
        limit: only so many photos of each, evenly spread.
        click: number of the last click.

    Raises:
        ConfigError: `click` is below 1.
        DataError: not one object could be evaluated.
    """
    protocol = ClickProtocol(click)
    # One look, so that the answers are masks of the whole photo.
    predictor = SamPredictor(floating, looking=None)
    data: list[Data] = []
    objects: list[FloatAnswer] = []
    answers: list[list[QuantizedAnswer]] = []
    for dataset in datasets:
        skipped = list(dataset.skipped)
        photos = 0
        for photo in usable_photos(dataset, limit, skipped):
            photos += 1
            predictor.set_image(photo.pixels)
            for target in photo.targets:
                deque(protocol.attempts(predictor, target), maxlen=0)
                objects.append(float_answer(floating, dataset.name, photo, target))
                answers.append([answer(one, floating, photo, target) for one in quantized])
        data.append(Data(dataset.name, photos, tuple(skipped)))
    if not objects:
        names = ", ".join(dataset.name for dataset in datasets)
        raise DataError(f"{names}: no whole object to evaluate; give photos with masks")
    variants = [
        Variant(one.blocks, tuple(of_one))
        for one, of_one in zip(quantized, zip(*answers, strict=True), strict=True)
    ]
    return Measured(tuple(data), tuple(objects), tuple(variants))


def float_answer(floating: Floating, data: str, photo: Photo, target: Target) -> FloatAnswer:
    """The latest answer of the float network, which was for `target`."""
    mask = photo_mask(floating.low_res_masks, floating.size, photo, target)
    return FloatAnswer(
        data,
        photo.image.name,
        photo.place,
        target.index,
        mask_iou(mask, target.mask),
        {node: energy(output) for node, output in floating.recorder.seen.items()},
    )


def answer(
    quantized: Quantized, floating: Floating, photo: Photo, target: Target
) -> QuantizedAnswer:
    """A quantized network on the inputs of the float network's latest answer."""
    low_res_masks, _ = quantized.recorder(*floating.inputs)
    mask, wanted = (
        photo_mask(masks, floating.size, photo, target)
        for masks in (low_res_masks, floating.low_res_masks)
    )
    outputs, float_outputs = quantized.recorder.seen, floating.recorder.seen
    return QuantizedAnswer(
        mask_iou(mask, target.mask),
        mask_iou(mask, wanted),
        {
            node: energy(outputs[given] - float_outputs[node])
            for node, given in quantized.nodes.items()
        },
    )


def photo_mask(low_res_masks: Tensor, size: int, photo: Photo, target: Target) -> Mask:
    """Mask 0 of [1, M, size/2, size/2] on the photo, what of it counts: [H, W]."""
    letterbox = Letterbox.fit(photo.image.width, photo.image.height, size)
    (mask,) = letterbox.photo_masks(low_res_masks[0, :1].numpy())
    return target.judged(mask)


def energy(tensor: Tensor) -> float:
    """Sum of squares."""
    return tensor.double().square().sum().item()
