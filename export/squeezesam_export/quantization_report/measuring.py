"""The float network and quantized ones side by side, on the same inputs."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from squeezesam.data.open import open_datasets
from squeezesam.data.records import Dataset
from squeezesam.environment import check_pair, machine, package_versions
from squeezesam.errors import ConfigError, DataError
from squeezesam.evaluation.measures import Mask, mask_iou
from squeezesam.evaluation.protocol import ClickProtocol
from squeezesam.evaluation.run import Photo, usable_photos
from squeezesam.evaluation.targets import WantedObject
from squeezesam.inference.letterbox import Letterbox
from squeezesam.inference.predictor import SamPredictor
from squeezesam.networks.building import folded
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.networks.overview import macs, macs_of, parameters
from squeezesam.networks.weights import load_weights, shipped_weights
from squeezesam.spec import INPUT_SIZE, SEGMENTER
from squeezesam_export.bundle.artifacts import git_commit, sha256_of, utc_date
from squeezesam_export.kinds.segmenter import calibrate_segmenter
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.calibration import SHIPPED_PHOTOS, Inputs
from squeezesam_export.quantization.graph import (
    FUSION,
    Recorder,
    block_names,
    block_outputs,
    floating_graph,
    received,
)
from squeezesam_export.quantization_report.records import (
    SCHEMA_VERSION,
    Data,
    FloatAnswer,
    QuantizedAnswer,
    QuantizedBlock,
    Results,
    Variant,
    mask_iou_to_float,
)
from squeezesam_export.targets.quiet import quiet
from squeezesam_export.targets.target import optional


class FloatNetwork:
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

    def __init__(
        self, graph: torch.fx.GraphModule, blocks: Sequence[QuantizedBlock], size: int
    ) -> None:
        self.recorder = Recorder(graph, {node for block in blocks for node in block.outputs})
        self.size = size

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """low_res_masks and iou_predictions, as in squeezesam.spec."""
        self.inputs = inputs
        self.low_res_masks, iou_predictions = self.recorder(*inputs)
        return self.low_res_masks, iou_predictions


class PartlyQuantizedNetwork:
    """A network of which some blocks are quantized.

    Args:
        graph: with what rounds the activations of these blocks.
        blocks: that are quantized.
    """

    def __init__(self, graph: torch.fx.GraphModule, blocks: Sequence[QuantizedBlock]) -> None:
        self.blocks = tuple(block.name for block in blocks)
        self.nodes = received(graph, {node for block in blocks for node in block.outputs})
        self.recorder = Recorder(graph, set(self.nodes.values()))


@dataclass(frozen=True)
class ReportPass:
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
    floating: FloatNetwork,
    quantized: Sequence[PartlyQuantizedNetwork],
    datasets: Sequence[Dataset],
    limit: int,
    click: int,
) -> ReportPass:
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
    return ReportPass(tuple(data), tuple(objects), tuple(variants))


def float_answer(
    floating: FloatNetwork, data: str, photo: Photo, target: WantedObject
) -> FloatAnswer:
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
    quantized: PartlyQuantizedNetwork, floating: FloatNetwork, photo: Photo, target: WantedObject
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


def photo_mask(low_res_masks: Tensor, size: int, photo: Photo, target: WantedObject) -> Mask:
    """Mask 0 of [1, M, size/2, size/2] on the photo, what of it counts: [H, W]."""
    letterbox = Letterbox.fit(photo.image.width, photo.image.height, size)
    (mask,) = letterbox.photo_masks(low_res_masks[0, :1].numpy())
    return target.judged(mask)


def energy(tensor: Tensor) -> float:
    """Sum of squares."""
    return tensor.double().square().sum().item()


@dataclass(frozen=True)
class ReportOptions:
    """What to measure.

    Attributes:
        data: data sets, or folders of them.
        weights: None for those that are shipped.
        calibration: folder of photos; None for those that are shipped.
        limit: only so many photos of each data set, evenly spread.
        click: number of the click that is answered.
        keep: so many blocks are tried in float with all others quantized: those that alone move
            the masks most.
        size: side of the input in pixels.
    """

    data: tuple[Path, ...]
    weights: Path | None = None
    calibration: Path | None = None
    limit: int = 40
    click: int = 1
    keep: int = 3
    size: int = INPUT_SIZE

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"limit {self.limit} must be at least 1")
        if self.click < 1:
            raise ConfigError(f"click {self.click} must be at least 1")
        if self.keep < 0:
            raise ConfigError(f"keep {self.keep} must not be negative")


def report(options: ReportOptions, command: str) -> Results:
    """Measure.

    Args:
        options: what to measure.
        command: what was typed.

    Raises:
        ConfigError: a size that does not fit the network.
        DataError, ImageError: the data or the calibration photos are of no use.
        MissingDependencyError: executorch is not installed, or not with the torch of its pair.
        WeightsError: the weights are missing or damaged, or answer NaN or infinity.
    """
    check_pair()
    datasets = open_datasets(*options.data)
    weights = options.weights or shipped_weights(DEFAULT_VARIANT)
    variant, network = load_weights(weights, options.size, SEGMENTER)
    model = folded(network)
    folder = options.calibration or SHIPPED_PHOTOS
    calibration = calibrate_segmenter(model, folder, options.size)
    inputs = calibration.inputs[SEGMENTER.name]
    with quiet():
        graph = floating_graph(model, inputs[0])
    blocks = describe_blocks(model, block_outputs(model, graph), options.size)
    floating = FloatNetwork(graph, blocks, options.size)
    names = [block.name for block in blocks]
    first = quantize(model, inputs, blocks, [names, *([name] for name in names)])
    measured = measure(floating, first, datasets, options.limit, options.click)
    _, *alone = measured.variants
    worst = sorted(alone, key=mask_iou_to_float)[: options.keep]
    kept = [one.quantized[0] for one in worst]
    second = quantize(
        model, inputs, blocks, [[name for name in names if name != one] for one in kept]
    )
    again = measure(floating, second, datasets, options.limit, options.click)
    return Results(
        SCHEMA_VERSION,
        command=command,
        created=utc_date(),
        git_commit=git_commit(),
        network=variant,
        weights=weights.name,
        weights_sha256=sha256_of(weights),
        size=options.size,
        click=options.click,
        calibration_photos=calibration.photos,
        tools=package_versions(),
        machine=machine(),
        blocks=tuple(blocks),
        data=measured.data,
        objects=measured.objects,
        variants=measured.variants + again.variants,
    )


def describe_blocks(
    model: nn.Module, outputs: dict[str, tuple[str, ...]], size: int
) -> list[QuantizedBlock]:
    """The blocks with their shares of weights and work; what no module does is the fusion's."""
    names = [name for name in block_names(model) if name != FUSION]
    work = macs_of(names, model, size)
    work[FUSION] = macs(model, size) - sum(work.values())
    weights = {name: parameters(model.get_submodule(name)) for name in names}
    weights[FUSION] = parameters(model) - sum(weights.values())
    return [
        QuantizedBlock(name, weights[name], work[name], nodes) for name, nodes in outputs.items()
    ]


def quantize(
    model: nn.Module,
    calibration: Sequence[Inputs],
    blocks: Sequence[QuantizedBlock],
    choices: Sequence[Collection[str]],
) -> list[PartlyQuantizedNetwork]:
    """The network with each of several choices of blocks quantized and the others in float.

    Raises:
        MissingDependencyError: executorch is not installed.
    """
    chosen = [[block for block in blocks if block.name in names] for names in choices]
    kept = [[block.name for block in blocks if block.name not in names] for names in choices]
    with quiet(), optional("executorch"):
        graphs = pt2e.quantized_each(model, calibration, kept)
    return [PartlyQuantizedNetwork(graph, some) for graph, some in zip(graphs, chosen, strict=True)]
