"""The one table of network kinds: a new kind is one file beside this one and one line here."""

from squeezesam_export.kinds.early import EarlyRecipe
from squeezesam_export.kinds.efficientsam import EfficientSamRecipe
from squeezesam_export.kinds.recipe import KindRecipe
from squeezesam_export.kinds.saliency import SaliencyRecipe
from squeezesam_export.kinds.segmenter import PointSegmenterRecipe, SegmenterRecipe

RECIPES: dict[str, KindRecipe] = {
    recipe.kind.name: recipe
    for recipe in (
        SegmenterRecipe(),
        PointSegmenterRecipe(),
        SaliencyRecipe(),
        EfficientSamRecipe(),
        EarlyRecipe(),
    )
}
"""By the name of the kind, in the order in which networks are exported and verified."""
