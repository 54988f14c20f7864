"""Teachers: anything that answers clicks on a photo, with a name for what it has learnt.

ONNX files of the SAM family and every baseline are loaded by `load_teacher`. Whatever else fits the
protocol `squeezesam.inference.predictor.Predictor` will do, segment-anything's own predictor among
it, and so will a torch function of (image, point_coords, point_labels):

    from pathlib import Path
    import torch
    from squeezesam.data.open import open_dataset
    from squeezesam.distillation.labels import label_with_teacher
    from squeezesam.distillation.teacher import Teacher
    from squeezesam.distillation.teacher import TorchPredictor

    def bright(image, point_coords, point_labels):  # -> mask logits [C, h, w], IoUs [C]
        return image.float().mean(0, keepdim=True) - 128, torch.ones(1)

    teacher = Teacher(TorchPredictor(bright), identity="bright, version 1")
    dataset = label_with_teacher(teacher, open_dataset(Path("photos")), Path("labels"))
"""

import hashlib
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from squeezesam.errors import ImageError
from squeezesam.evaluation.models import GROUP, load_baseline
from squeezesam.files import content_hash
from squeezesam.image_io import Photo, as_photo
from squeezesam.inference.letterbox import enlarged_masks
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.prompts import check_prompts, with_corners
from squeezesam.spec import MASK_THRESHOLD

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
        for file in with_outside_weights(Path(part)):
            digest.update(content_hash(file).digest())
    return Teacher(predictor, digest.hexdigest())


def with_outside_weights(path: Path) -> Iterator[Path]:
    """A file and those beside it that it names: ONNX files above 2 GB keep their weights there."""
    yield path
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for neighbour in sorted(path.parent.iterdir()):
            is_named = content.find(neighbour.name.encode()) >= 0
            if is_named and neighbour.is_file() and neighbour != path:
                yield neighbour


TorchSegmenter = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(image, point_coords, point_labels) -> (mask logits, IoU predictions).

`image` [3, H, W] is uint8 RGB and stays the same object while the photo does, so that an encoding
may be kept; `point_coords` [N, 2] are (x, y) in photo pixels; `point_labels` [N] are codes of
`PointLabel`, the corners of a box among them. The logits [C, h, w] cover the whole photo at any
resolution; the IoUs are [C].
"""


class TorchPredictor:
    """A `squeezesam.inference.predictor.Predictor` made of a torch function; it knows no earlier
    mask.
    """

    def __init__(self, segment: TorchSegmenter) -> None:
        self.segment = segment
        self._image: Tensor | None = None

    def set_image(self, image: Photo) -> None:
        """Take the photo that the next predictions are about; an array is RGB.

        Raises:
            ImageError: no photo of `squeezesam.image_io.Photo`.
        """
        self._image = torch.from_numpy(as_photo(image).transpose(2, 0, 1).copy())

    def predict(
        self,
        point_coords: ArrayLike | None = None,
        point_labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,  # noqa: ARG002
        multimask_output: bool = True,
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
        """Masks [C, H, W] bool, iou_predictions [C] and low_res_masks [C, h, w].

        Without `multimask_output` the one of the highest predicted IoU.

        Raises:
            ImageError: no photo is set.
            PromptError: a prompt has no meaning on this photo.
        """
        image = self._current_image()
        logits, ious = self._asked(image, point_coords, point_labels, box)
        if not multimask_output:
            best = ious.argmax(dim=0, keepdim=True)
            logits, ious = logits[best], ious[best]
        _, height, width = image.shape
        masks = enlarged_masks(logits, MASK_THRESHOLD, (height, width), antialias=False)
        return masks, ious.numpy(), logits.numpy()

    def predict_low_res(
        self, point_coords: ArrayLike, point_labels: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The iou_predictions [C] and low_res_masks [C, h, w] that `predict` gives.

        Raises:
            ImageError, PromptError: as `predict` does.
        """
        logits, ious = self._asked(self._current_image(), point_coords, point_labels, None)
        return ious.numpy(), logits.numpy()

    def _current_image(self) -> Tensor:
        if self._image is None:
            raise ImageError("no photo is set; call set_image first")
        return self._image

    def _asked(
        self,
        image: Tensor,
        point_coords: ArrayLike | None,
        point_labels: ArrayLike | None,
        box: ArrayLike | None,
    ) -> tuple[Tensor, Tensor]:
        """Logits [C, h, w] and predicted IoUs [C] of the prompts."""
        height, width = image.shape[1:]
        prompts = check_prompts(point_coords, point_labels, box, width=width, height=height)
        coords, labels = with_corners(prompts)
        with torch.inference_mode():
            logits, ious = self.segment(
                image, torch.from_numpy(coords), torch.tensor(labels, dtype=torch.int64)
            )
        return logits.float().cpu(), ious.float().cpu()
