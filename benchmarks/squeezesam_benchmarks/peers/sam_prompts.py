"""Segment Anything's prompt encoder (arXiv 2304.02643) for clicks, inside of the graph as there.

Its convolutions for a mask as prompt are left out: a click does not run them, and they have 5 k
parameters.
"""

import torch
from torch import Tensor, nn

from squeezesam.network.reference import cell_centres, fourier_positions
from squeezesam.spec import PointLabel


class SamPrompts(nn.Module):
    """Random Fourier features of each point plus a learnt vector of its label.

    Args:
        width: of the vectors.
        size: side of the square image in pixels.
        side: of the encoder's grid in cells.
        labels: the codes that have a vector.
    """

    cell_positions: Tensor
    frequencies: Tensor
    codes: Tensor

    def __init__(self, width: int, size: int, side: int, labels: tuple[PointLabel, ...]) -> None:
        super().__init__()
        self.size = size
        self.label_vectors = nn.Parameter(torch.randn(len(labels), width))
        frequencies = torch.randn(2, width // 2)
        positions = fourier_positions(cell_centres(side), frequencies)
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("codes", torch.tensor([float(label) for label in labels]))
        self.register_buffer("cell_positions", positions[None])

    def forward(self, coords: Tensor, labels: Tensor) -> Tensor:
        """Tokens [1, N, width] of points [1, N, 2] in input pixels and labels [1, N]."""
        points = 2 * (coords + 0.5) / self.size - 1  # clicks are at pixel centres
        is_point = (labels != float(PointLabel.PAD)).float().unsqueeze(-1)
        chosen = (labels.unsqueeze(-1) == self.codes).float()
        return fourier_positions(points, self.frequencies) * is_point + chosen @ self.label_vectors
