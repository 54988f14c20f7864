"""Training samples of EfficientSAM: a photo stretched to the square input, and several objects."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from squeezesam.data.records import HALF, AnnotatedImage, Coverage
from squeezesam.inference.letterbox import Stretched, resized
from squeezesam.spec import MAP_STRIDE
from squeezesam.training.samples import SMALLEST_SHARE, SMALLEST_TARGET, Place, Samples


@dataclass
class StretchedSamples(Samples):
    """A whole photo with as many of its masks as are asked for at once; see `Samples`.

    Every mask is an object of its own, as in the training of Segment Anything: none grows into what
    contains it. A photo with too few masks has some of them asked for more than once, in other
    ways.

    Attributes:
        objects: masks of each photo, N.
    """

    objects: int

    def draw(
        self,
        place: Place,  # noqa: ARG002
        image: AnnotatedImage,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """The photo [3, S, S], coverage of N masks [N, S/2, S/2], and a weight that goes unused."""
        enough = SMALLEST_SHARE * image.width * image.height
        usable = [a for a in image.annotations if a.area >= enough]
        mirrored = bool(rng.random() < self.config.mirror)
        masks = []
        for index in rng.permutation(len(usable)):
            mask = self._stretched(usable[index].code.coverage(), mirrored)
            if (mask > HALF).sum() >= SMALLEST_TARGET:
                masks.append(mask)
            if len(masks) == self.objects:
                break
        if not masks:
            return None
        pixels = image.pixels()[:, ::-1] if mirrored else image.pixels()
        photo = resized(pixels, (self.size, self.size), antialias=Stretched.antialias)
        again = [masks[index % len(masks)] for index in range(self.objects)]
        planes = torch.from_numpy(photo.transpose(2, 0, 1).copy())
        return planes, torch.from_numpy(np.stack(again)), torch.tensor(1.0)

    def _stretched(self, coverage: Coverage, mirrored: bool) -> NDArray[np.uint8]:
        """A mask of the photo [H, W] on the square of the input: [S/2, S/2]."""
        picture = Image.fromarray(np.ascontiguousarray(coverage[:, ::-1] if mirrored else coverage))
        side = self.size // MAP_STRIDE
        return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
