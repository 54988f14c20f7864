"""The end of a classifier."""

from typing import Any

from torch import Tensor

from squeezesam_export.mlprogram.registry import Result, UnsupportedError, op


@op("classify")
def classify(probabilities: Tensor, classes: Any) -> Result:
    """The class of the largest probability, and a dictionary of all.

    Of classes that are as probable, the documentation names none; here it is the first.
    """
    if len(classes) != probabilities.numel():
        raise UnsupportedError(f"{len(classes)} classes for {probabilities.numel()} probabilities")
    flat = probabilities.flatten()
    names = [one.item() if isinstance(one, Tensor) else one for one in classes]
    return names[int(flat.argmax())], dict(zip(names, flat.tolist(), strict=True))
