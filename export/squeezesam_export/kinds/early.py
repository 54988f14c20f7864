"""The early SqueezeSAM: what an app must know to ask it."""

from dataclasses import dataclass

from squeezesam import spec
from squeezesam.inference.prompting import EarlyPrompting
from squeezesam.networks.configs import EarlySamConfig
from squeezesam.spec import EARLY
from squeezesam_export.kinds.efficientsam import EfficientSamRecipe


@dataclass(frozen=True)
class EarlyRules:
    """How the early SqueezeSAM is asked, where it differs from the contract of the bundle."""

    places: str = "place * input_size / side, with place in photo pixels and side that of the photo"
    box: str = (
        "first channel of drawn_prompts: 1 for the input pixels (column, row) that are at least "
        "the top left and at most the bottom right place of the box; 1 everywhere without a box"
    )
    disc_radius: float = spec.EARLY_RADIUS
    discs: str = (
        "second channel: 1 for the input pixels (column, row) at most disc_radius from the place "
        "of a click"
    )
    background_clicks: str = "none: the network was trained without, so that an app refuses them"
    previous_mask: str = "no prompt; the network is asked once, about the whole photo"
    answer: str = "the mask with the largest predicted IoU where one is wanted, else all of them"


class EarlyRecipe(EfficientSamRecipe):
    """Asked as EfficientSAM is."""

    kind = EARLY
    default_variant = "early"
    stride = EarlySamConfig().bottom_stride
    frame = EarlyPrompting.frame
    rules = EarlyRules()
