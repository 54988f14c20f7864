"""What a model costs, read from its files: parameters, multiply-accumulates and sizes.

What cannot be read is None, and a note says why.
"""

import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam.errors import ArtifactError
from squeezesam.evaluation.models import is_baseline
from squeezesam.inference.load import WEIGHTS_SUFFIX, is_export, named_path
from squeezesam.inference.predictor import Predictor
from squeezesam.networks.overview import macs, parameters, unallocated
from squeezesam.networks.weights import load_weights
from squeezesam.spec import SEGMENTER
from squeezesam_benchmarks.ort_session import declared_inputs, open_session
from squeezesam_export.bundle.artifacts import size_of
from squeezesam_export.bundle.manifest import Artifact, BundleNetwork, read_manifest
from squeezesam_export.sam_onnx import SamOnnx
from squeezesam_export.targets.onnx_target import stored_tensors
from squeezesam_export.targets.ort_file import ERRORS_ONLY, OnnxFile, one_line

FP32_BYTES, INT8_BYTES = 4, 1
"""Of a parameter."""

FP32, INT8 = "fp32", "int8"


@dataclass(frozen=True)
class ModelCost:
    """What is known of a model's cost.

    Attributes:
        parameters: number of trained values.
        macs: multiply-accumulates of one inference of all its graphs.
        fp32_bytes: of its files in float32, or of its parameters.
        int8_bytes: of its files in int8, or of its parameters.
        notes: what these numbers are where that is not plain, and why one is missing.
    """

    parameters: int | None = None
    macs: int | None = None
    fp32_bytes: int | None = None
    int8_bytes: int | None = None
    notes: tuple[str, ...] = ()


def cost_of(text: str, predictor: Predictor) -> ModelCost:
    """The cost of a model or baseline.

    Args:
        text: names it as `squeezesam.evaluation.models.load_named` takes it.
        predictor: the same, loaded.

    Raises:
        ArtifactError, MissingDependencyError, WeightsError: a file cannot be read.
    """
    if isinstance(predictor, SamOnnx):
        return onnx_cost(predictor.feeds_of_a_click())
    if is_baseline(text):
        return ModelCost(notes=("it is no network, so that nothing is counted",))
    path = named_path(text)
    if path.suffix == WEIGHTS_SUFFIX:
        return weights_cost(path)
    exported = exported_network(path)
    if exported is not None:
        return bundle_cost(*exported)
    if path.suffix == ".onnx":
        nodes = OnnxFile(path).inputs
        shaped = zip(nodes, declared_inputs(nodes), strict=True)
        return onnx_cost(
            [(path, {node.name: np.zeros(one.shape, one.dtype) for node, one in shaped})]
        )
    megabytes = f"{size_of(path) / 1e6:.1f} MB"
    return ModelCost(
        notes=(
            f"the {path.suffix} file of {megabytes} is outside of its export directory, whose "
            "manifest says what network it holds and in which precision",
        )
    )


def exported_network(path: Path) -> tuple[BundleNetwork, Artifact] | None:
    """What a manifest says of an export directory, or of a file in one; None where there is none.

    Raises:
        ArtifactError: the manifest is damaged.
    """
    if is_export(path):
        network = read_manifest(path).network(SEGMENTER)
        return None if network is None else (network, network.artifacts[0])
    if is_export(path.parent):
        for network in read_manifest(path.parent).networks:
            for artifact in network.artifacts:
                if path.name in [graph.file for graph in artifact.graphs]:
                    return network, artifact
    return None


def weights_cost(path: Path) -> ModelCost:
    """The cost of weights, whose sizes are those of the parameters alone."""
    _, network = load_weights(path)
    count = parameters(network)
    return ModelCost(
        count,
        macs(network, network.size, network.kind),
        count * FP32_BYTES,
        count * INT8_BYTES,
        ("both sizes are the bytes of the parameters, not of a file",),
    )


def bundle_cost(network: BundleNetwork, artifact: Artifact) -> ModelCost:
    """The cost of an exported network; its sizes are those of files of the artifact's target."""
    target = artifact.target
    sizes = {one.precision: one.size_bytes for one in network.artifacts if one.target == target}
    missing = [precision for precision in (FP32, INT8) if precision not in sizes]
    counted = unallocated(network.variant, network.input_size)
    notes = [f"both sizes are those of the {target} files of the export directory"]
    if missing:
        notes = [f"the export directory has no {' and no '.join(missing)} file for {target}"]
    return ModelCost(
        parameters(counted),
        macs(counted, network.input_size, network.recipe.kind),
        sizes.get(FP32),
        sizes.get(INT8),
        tuple(notes),
    )


Feed = Mapping[str, NDArray[Any]]

PARAMETER_TYPES = {
    "FLOAT": "fp32",
    "FLOAT16": "fp16",
    "DOUBLE": "fp64",
    "INT8": INT8,
    "UINT8": INT8,
}
"""ONNX's element types of weights, and what a file that consists of them is called."""

HIDDEN_PRODUCTS = frozenset({"Attention", "Einsum", "GRU", "LSTM", "MultiHeadAttention", "RNN"})
"""Operators with matrix products inside, which are not counted."""


def onnx_cost(files: Sequence[tuple[Path, Feed]]) -> ModelCost:
    """The cost of ONNX files, counted in their graphs.

    Args:
        files: each with the inputs of one click.

    Raises:
        ArtifactError: a file does not run.
        MissingDependencyError: onnx or onnxruntime is not installed.
    """
    values: Counter[str] = Counter()
    work: list[int | None] = []
    for path, feed in files:
        values += stored_values(path)
        work.append(onnx_macs(path, feed))
    size = sum(size_of(path) for path, _ in files)
    count = sum(values.values())
    precision = values.most_common(1)[0][0] if values else FP32
    notes = [f"parameters are the numbers that the {precision} files store as weights"]
    known = [one for one in work if one is not None]
    if len(known) < len(work):
        notes.append("GMAC are not counted, since attention is one operator in its graph")
    if precision == FP32:
        notes.append("the int8 size is the bytes of these numbers, since no int8 file is given")
    return ModelCost(
        count,
        sum(known) if len(known) == len(work) else None,
        size if precision == FP32 else None,
        {FP32: count * INT8_BYTES, INT8: size}.get(precision),
        tuple(notes),
    )


def stored_values(path: Path) -> Counter[str]:
    """How many weights an ONNX file stores, by precision; whole numbers such as shapes are none."""
    stored: Counter[str] = Counter()
    for name, shape in stored_tensors(path):
        if name in PARAMETER_TYPES:
            stored[PARAMETER_TYPES[name]] += math.prod(shape)
    return stored


def onnx_macs(path: Path, feed: Feed) -> int | None:
    """Multiply-accumulates of one inference, with the shapes that ONNX Runtime saw in it.

    None where an operator of HIDDEN_PRODUCTS is in the graph.

    Raises:
        ArtifactError: the file does not run.
    """
    session = open_session(1)
    levels = session.onnxruntime.GraphOptimizationLevel
    session.options.graph_optimization_level = levels.ORT_DISABLE_ALL
    session.options.log_severity_level = ERRORS_ONLY
    # Weights that are packed anew lose their shapes.
    session.options.add_session_config_entry("session.disable_prepacking", "1")
    session.options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        session.options.profile_file_prefix = str(Path(folder) / "profile")
        try:
            session.load(path)
            session.infer(dict(feed))
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            raise ArtifactError(
                f"{path} does not run ({one_line(error)}); export it again"
            ) from error
        records = json.loads(Path(session.session.end_profiling()).read_text())
    ran = [record["args"] for record in records if record["name"].endswith("_kernel_time")]
    if any(one["op_name"] in HIDDEN_PRODUCTS for one in ran):
        return None
    return sum(map(macs_of_operator, ran))


def macs_of_operator(ran: Mapping[str, Any]) -> int:
    """Multiply-accumulates of an operator of ONNX Runtime's profile; 0 if it has no products."""
    takes, gives = (
        [tuple(shape) for one in ran[way] for shape in one.values()]
        for way in ("input_type_shape", "output_type_shape")
    )
    match ran["op_name"]:
        case "Conv" | "ConvInteger":
            return math.prod(gives[0]) * math.prod(takes[1][1:])
        case "QLinearConv":
            return math.prod(gives[0]) * math.prod(takes[3][1:])
        case "ConvTranspose":
            return math.prod(takes[0]) * math.prod(takes[1][1:])
        case "MatMul" | "MatMulInteger" | "QLinearMatMul":
            return math.prod(gives[0]) * takes[0][-1]
        case "Gemm":
            # Whichever way the matrices lie, the inner side is what they share beside the output.
            return math.prod(gives[0]) * math.prod(takes[0]) // gives[0][0]
    return 0
