"""A saved Core ML model that answers on any platform."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.features import Other, read_feature
from squeezesam_export.mlprogram.interpreter import Interpreter
from squeezesam_export.mlprogram.package import read_package


class InterpretedModel:
    """An .mlpackage in the reference interpreter, called as coremltools' MLModel is on a Mac.

    Args:
        path: of the package.

    Raises:
        ArtifactError: missing, damaged, no ML Program, or with operators that are unknown here.
        MissingDependencyError: coremltools is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        package = read_package(path)
        self.interpreter = Interpreter(package.program)
        description = package.description
        inputs = [read_feature(one) for one in description.input]
        if description.state or any(isinstance(one, Other) for one in inputs):
            raise ArtifactError(
                f"{path} keeps state or takes other inputs than pictures and arrays, which the "
                "reference interpreter does not know"
            )
        self.inputs = [one for one in inputs if not isinstance(one, Other)]
        self.outputs = [read_feature(one) for one in description.output]
        absent = {one.name for one in self.outputs} - set(package.program.outputs)
        if absent:
            raise ArtifactError(
                f"{path} describes outputs that its program does not give: "
                f"{', '.join(sorted(absent))}; convert it again"
            )

    def predict(self, data: Mapping[str, object]) -> dict[str, Any]:
        """Outputs by name: arrays, pictures, or a classifier's label and probabilities.

        Args:
            data: for each input a Pillow image or an array; optional ones too.

        Raises:
            ArtifactError: an input is absent, unknown or of another shape, or an operator fails.
        """
        names = {feature.name for feature in self.inputs}
        if data.keys() != names:
            wrong = ", ".join(sorted(data.keys() ^ names))
            raise ArtifactError(f"{self.path} takes {', '.join(sorted(names))}; look at {wrong}")
        answers = self.interpreter(
            {feature.name: feature.encode(data[feature.name]) for feature in self.inputs}
        )
        return {feature.name: feature.decode(answers[feature.name]) for feature in self.outputs}
