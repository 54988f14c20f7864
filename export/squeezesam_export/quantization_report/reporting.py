"""From weights to the raw results of a report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.counting import macs, macs_of, parameters
from squeezesam.data.open import open_datasets
from squeezesam.errors import ConfigError
from squeezesam.evaluation.surroundings import machine, package_versions
from squeezesam.network.folding import folded
from squeezesam.spec import INPUT_SIZE, SEGMENTER
from squeezesam.versions import check_pair
from squeezesam.weights import load_weights, shipped_weights
from squeezesam_export.artifacts import sha256_of
from squeezesam_export.kinds.segmenter import calibrate_segmenter
from squeezesam_export.provenance import git_commit, utc_date
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.activations import block_outputs, floating_graph
from squeezesam_export.quantization.blocks import FUSION, block_names
from squeezesam_export.quantization.calibration import SHIPPED_PHOTOS, Inputs
from squeezesam_export.quantization_report.figures import mask_iou_to_float
from squeezesam_export.quantization_report.measuring import Floating, Quantized, measure
from squeezesam_export.quantization_report.records import (
    SCHEMA_VERSION,
    Block,
    Results,
)
from squeezesam_export.quiet import quiet
from squeezesam_export.target import optional


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
    floating = Floating(graph, blocks, options.size)
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
) -> list[Block]:
    """The blocks with their shares of weights and work; what no module does is the fusion's."""
    names = [name for name in block_names(model) if name != FUSION]
    work = macs_of(names, model, size)
    work[FUSION] = macs(model, size) - sum(work.values())
    weights = {name: parameters(model.get_submodule(name)) for name in names}
    weights[FUSION] = parameters(model) - sum(weights.values())
    return [Block(name, weights[name], work[name], nodes) for name, nodes in outputs.items()]


def quantize(
    model: nn.Module,
    calibration: Sequence[Inputs],
    blocks: Sequence[Block],
    choices: Sequence[Collection[str]],
) -> list[Quantized]:
    """The network with each of several choices of blocks quantized and the others in float.

    Raises:
        MissingDependencyError: executorch is not installed.
    """
    chosen = [[block for block in blocks if block.name in names] for names in choices]
    kept = [[block.name for block in blocks if block.name not in names] for names in choices]
    with quiet(), optional("executorch"):
        graphs = pt2e.quantized_each(model, calibration, kept)
    return [Quantized(graph, some) for graph, some in zip(graphs, chosen, strict=True)]
