"""The simulated user of the interactive-segmentation literature.

Each click goes to the point of the error, missed or wrong, that is farthest from the error's
border, and never to a pixel that was clicked before. This is the rule behind the published NoC
figures: the evaluation code that came with f-BRS (arXiv 2001.10331) and RITM (arXiv 2102.06583).
SAM (arXiv 2304.02643, section 7.1) clicks in the same way. Deterministic.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from squeezesam.evaluation.regions import Mask, deepest_point
from squeezesam.spec import PointLabel


class Click(NamedTuple):
    """Pixel (x, y) of the photo and its label."""

    x: int
    y: int
    label: PointLabel


def next_click(target: Mask, answer: Mask, earlier: Sequence[Click] = ()) -> Click | None:
    """The click that corrects `answer`, or None when nothing is left to correct.

    Args:
        target: [H, W].
        answer: [H, W], all False for the first click.
        earlier: clicks that were given already.
    """
    taken = np.zeros_like(target)
    for click in earlier:
        taken[click.y, click.x] = True
    missed = deepest_point(target & ~answer, taken)
    wrong = deepest_point(answer & ~target, taken)
    if missed is not None and (wrong is None or missed.depth > wrong.depth):
        return Click(missed.x, missed.y, PointLabel.POSITIVE)
    if wrong is not None:
        return Click(wrong.x, wrong.y, PointLabel.NEGATIVE)
    return None
