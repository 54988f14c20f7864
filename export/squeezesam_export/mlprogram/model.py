"""A saved Core ML model that answers on any platform."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from squeezesam.errors import ArtifactError
from squeezesam_export.mlprogram.features import Array, Other, Picture
from squeezesam_export.mlprogram.interpreter import Interpreter, Observe
from squeezesam_export.mlprogram.package import DAMAGE, read_package

MOST_FILLED = 2**26
"""Elements of an optional array."""


class InterpretedModel:
    """An .mlpackage in the reference interpreter, called as coremltools' MLModel is on a Mac.

    Args:
        path: of the package.

    Raises:
        ArtifactError: missing, damaged, no ML Program, or with operators that are unknown here.
        MissingDependencyError: coremltools is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path = Path(path)
        package = read_package(path)
        self.interpreter = Interpreter(package.program)
        if package.keeps_state or any(isinstance(one, Other) for one in package.inputs):
            raise ArtifactError(
                f"{path} keeps state or takes other inputs than pictures and arrays, which the "
                "reference interpreter does not know"
            )
        self.inputs = [one for one in package.inputs if not isinstance(one, Other)]
        self.outputs = list(package.outputs)
        absent = {one.name for one in self.outputs} - set(package.program.outputs)
        if absent:
            raise ArtifactError(
                f"{path} describes outputs that its program does not give: "
                f"{', '.join(sorted(absent))}; convert it again"
            )

    def predict(self, data: Mapping[str, object], observe: Observe | None = None) -> dict[str, Any]:
        """Outputs by name: arrays, pictures, or a classifier's label and probabilities.

        Args:
            data: for each input a Pillow image or an array; an optional array may be left out.
            observe: sees the results of every operator; None where nobody looks.

        Raises:
            ArtifactError: an input is absent, unknown or of another shape, or an operator fails.
        """
        names = {feature.name for feature in self.inputs}
        optional = {
            one.name for one in self.inputs if isinstance(one, Array) and one.fill is not None
        }
        if not names - optional <= data.keys() <= names:
            wrong = ", ".join(sorted((data.keys() ^ names) - (optional - data.keys())))
            raise ArtifactError(f"{self.path} takes {', '.join(sorted(names))}; look at {wrong}")
        answers = self.interpreter(
            {one.name: one.encode(data.get(one.name, left_out(one))) for one in self.inputs},
            observe,
        )
        try:
            return {one.name: one.decode(answers[one.name]) for one in self.outputs}
        except DAMAGE as error:
            raise ArtifactError(
                f"{self.path} gives other outputs than it describes ({error}); convert it again"
            ) from error


def left_out(feature: Picture | Array) -> object:
    """What an optional input is when nothing is given for it.

    Raises:
        ArtifactError: the description declares an array that no memory holds.
    """
    if not isinstance(feature, Array) or feature.fill is None:
        return None
    if math.prod(feature.default) > MOST_FILLED:
        raise ArtifactError(
            f"{feature.name} of {feature.shape_text} is too large; convert it again"
        )
    return np.full(feature.default, feature.fill, feature.dtype)
