"""From an encoder's width to the decoder's, as in Segment Anything (arXiv 2304.02643)."""

from torch import nn

from squeezesam_benchmarks.peers.norms import ChannelNorm


class Neck(nn.Sequential):
    """1x1 convolution, norm, 3x3 convolution, norm."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            ChannelNorm(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            ChannelNorm(channels_out),
        )
