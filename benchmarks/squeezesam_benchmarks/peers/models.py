"""Anybody's ONNX file as something to time."""

from pathlib import Path

from squeezesam.errors import ArtifactError
from squeezesam.spec import SEGMENTER
from squeezesam_benchmarks.ort_session import declared_inputs
from squeezesam_benchmarks.pipelines import SQUEEZESAM
from squeezesam_benchmarks.places import Subject
from squeezesam_benchmarks.schema import Artifact
from squeezesam_export import onnx_target
from squeezesam_export.artifacts import sha256_of, size_of
from squeezesam_export.ort_file import OnnxFile


def model_subject(path: Path) -> Subject:
    """The whole click where the file has our inputs, else the network alone on random ones.

    Raises:
        ArtifactError: missing, damaged, or an input without a fixed shape.
        MissingDependencyError: onnxruntime is not installed.
    """
    nodes = OnnxFile(path).inputs
    try:
        inputs = declared_inputs(nodes)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from error
    given = [(node.name, one.shape) for node, one in zip(nodes, inputs, strict=True)]
    side = given[0][1][-1] if given and given[0][1] else 0
    is_ours = given == [(spec.name, spec.shape) for spec in SEGMENTER.inputs(side)]
    described = Artifact(path.name, sha256_of(path), size_of(path))
    return Subject(path, onnx_target.TARGET.name, described, SQUEEZESAM if is_ours else None)
