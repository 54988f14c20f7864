"""Promptable segmentation on the phone.

Three lines give a mask::

    predictor = SamPredictor(load("base"))
    predictor.set_image("photo.jpg")
    masks, iou_predictions, low_res_masks = predictor.predict([[155, 200]], [1])

What stands here is imported when it is first used, so that `import squeezesam` alone takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezesam.inference.load import load
    from squeezesam.inference.predictor import SamPredictor
    from squeezesam.inference.saliency_predictor import SaliencyPredictor

    __version__: str

__all__ = ["SaliencyPredictor", "SamPredictor", "__version__", "load"]

HOMES = {
    "SamPredictor": "squeezesam.inference.predictor",
    "SaliencyPredictor": "squeezesam.inference.saliency_predictor",
    "load": "squeezesam.inference.load",
}


def __getattr__(name: str) -> Any:
    """What stands in `__all__`, at its first use.

    Raises:
        AttributeError: there is nothing of that name.
    """
    if name == "__version__":
        from importlib.metadata import version

        return version("squeezesam")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
