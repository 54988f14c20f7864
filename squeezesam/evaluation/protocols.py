"""The table of protocols: a new one is a file that fits `EvaluationProtocol`, and a line here."""

from collections.abc import Callable

from squeezesam.evaluation.box_protocol import BoxProtocol
from squeezesam.evaluation.choice_protocol import ChoiceProtocol
from squeezesam.evaluation.click_protocol import ClickProtocol
from squeezesam.evaluation.part_protocol import PartProtocol
from squeezesam.evaluation.protocol import EvaluationProtocol
from squeezesam.evaluation.salient_protocol import SalientProtocol

PROTOCOLS: dict[str, Callable[..., EvaluationProtocol]] = {
    "clicks": ClickProtocol,
    "parts": PartProtocol,
    "box": BoxProtocol,
    "choice": ChoiceProtocol,
    "salient": SalientProtocol,
}
