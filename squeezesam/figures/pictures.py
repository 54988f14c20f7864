"""The worst answers to a click on a part, drawn for the model card."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from squeezesam.data.open import open_datasets
from squeezesam.evaluation.contact_sheet import PER_ROW, draw_case, draw_row, titled
from squeezesam.evaluation.records import Evaluation
from squeezesam.evaluation.report import protocol_of
from squeezesam.predictor import Predictor

PARTS = "parts"

SHOWN = "ccp"
"""The one set whose licence (Apache-2.0) lets its photos be shown; no photo of others is drawn."""


def worst_of_parts(
    evaluations: Sequence[Evaluation], sets: Sequence[Path], predictor: Predictor
) -> Image.Image | None:
    """The people of SHOWN that come worst from a click on one of their parts, in a row.

    Args:
        evaluations: the evaluations of the predictor, one for each set.
        sets: data sets, or folders of them.
        predictor: the predictor that was evaluated.

    Returns:
        None where that set was not measured by clicks on parts.
    """
    for evaluation, path in zip(evaluations, sets, strict=True):
        for data, dataset in zip(evaluation.data, open_datasets(path), strict=True):
            for result in data.protocols:
                if data.name == SHOWN and result.protocol == PARTS:
                    protocol = protocol_of(result)
                    worst = sorted(result.objects, key=lambda one: min(one.ious))[:PER_ROW]
                    cases = [draw_case(predictor, dataset, protocol, one) for one in worst]
                    title = f"{evaluation.subject.label} on {SHOWN}, protocol {PARTS}"
                    return titled(title, [draw_row("worst", cases)])
    return None
