"""The worst answers to a click on a part, drawn for the model card."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_datasets
from squeezesam.evaluation.contact_sheet import PER_ROW, draw_case, draw_row
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import protocol_of
from squeezesam.predictor import Predictor

PARTS = "parts"


def worst_of_parts(
    evaluations: Sequence[Evaluation], sets: Sequence[Path], predictor: Predictor
) -> Image.Image | None:
    """The objects that come worst from a click on one of their parts, in a row.

    Args:
        evaluations: of the predictor, one for each set.
        sets: data sets, or folders of them.
        predictor: as it was evaluated.

    Returns:
        None where no set was measured by clicks on parts.
    """
    cases = []
    for evaluation, path in zip(evaluations, sets, strict=True):
        for data, dataset in zip(evaluation.data, open_datasets(path), strict=True):
            for result in data.protocols:
                if result.protocol == PARTS:
                    protocol = protocol_of(result)
                    cases += [(min(one.ious), dataset, protocol, one) for one in result.objects]
    if not cases:
        return None
    worst = sorted(cases, key=lambda case: case[0])[:PER_ROW]
    return draw_row("worst", [draw_case(predictor, *case[1:]) for case in worst])
