"""Teachers: anything that answers clicks on a photo, with a name for what it has learnt.

ONNX files of the SAM family and every baseline are loaded by `load_teacher`. Whatever else fits the
protocol `squeezesam.predictor.Predictor` will do, segment-anything's own predictor among it, and so
will a torch function of (image, point_coords, point_labels):

    from pathlib import Path
    import torch
    from squeezesam.data.open import open_dataset
    from squeezesam.distillation.labels import label_with_teacher
    from squeezesam.distillation.teacher import Teacher
    from squeezesam.distillation.torch_teacher import TorchPredictor

    def bright(image, point_coords, point_labels):  # -> mask logits [C, h, w], IoUs [C]
        return image.float().mean(0, keepdim=True) - 128, torch.ones(1)

    teacher = Teacher(TorchPredictor(bright), identity="bright, version 1")
    dataset = label_with_teacher(teacher, open_dataset(Path("photos")), Path("labels"))
"""

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from squeezesam.evaluation.baselines import GROUP, load_baseline
from squeezesam.files import content_hash
from squeezesam.predictor import Predictor

DEFAULT_BASELINE = "sam-onnx"
"""What a teacher's text is an argument of where it names no baseline."""


@dataclass(frozen=True)
class Teacher:
    """A predictor whose answers are worth learning.

    Attributes:
        predictor: gives the answers.
        identity: any text that changes when the answers may; labels of another identity are made
            again.
    """

    predictor: Predictor
    identity: str


def load_teacher(text: str) -> Teacher:
    """The teacher that `ENCODER.onnx,DECODER.onnx` or a baseline's `NAME=ARGUMENT` stands for.

    Its identity is the content of the files that the argument names.

    Raises:
        ConfigError: the argument does not suit the baseline.
        ArtifactError: a file is missing, damaged or of no known layout.
        MissingDependencyError: what it needs is not installed.
    """
    name = text.partition("=")[0]
    if name not in {entry.name for entry in entry_points(group=GROUP)}:
        name, text = DEFAULT_BASELINE, f"{DEFAULT_BASELINE}={text}"
    predictor = load_baseline(text)
    digest = hashlib.sha256(name.encode())
    for part in text.partition("=")[2].split(","):
        digest.update(b"\0")
        if not Path(part).is_file():
            digest.update(part.encode())
            continue
        for file in _with_outside_weights(Path(part)):
            digest.update(content_hash(file).digest())
    return Teacher(predictor, digest.hexdigest())


def _with_outside_weights(path: Path) -> Iterator[Path]:
    """A file and those beside it that it names: ONNX files above 2 GB keep their weights there."""
    yield path
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for neighbour in sorted(path.parent.iterdir()):
            is_named = content.find(neighbour.name.encode()) >= 0
            if is_named and neighbour.is_file() and neighbour != path:
                yield neighbour
