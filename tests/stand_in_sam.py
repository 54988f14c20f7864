"""Tiny networks with exactly the inputs and outputs of the public exporters' files.

The encoders hand the picture on, shrunk to 256 x 256. The decoders look up the colour under each
click and answer with everything of that colour, cut to the box; they count in the same pixels as
the real ones, so a wrong scale, a swapped axis or a forgotten padding changes the mask.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, MASK_SIDE = 1024, 256
MEAN = torch.tensor([123.675, 116.28, 103.53])
STD = torch.tensor([58.395, 57.12, 57.375])
HALF_CONTRAST = 3.3
"""Half the distance of the colours in the tests' photo, normalised; masks end midway."""

IOUS = [0.99, 0.5, 0.95, 0.4]
"""Of the clear-prompt mask and the three alternatives; the second of these is the good one."""


class SamEncoder(nn.Module):
    def forward(self, input_image: Tensor) -> Tensor:  # [1, 3, 1024, 1024], normalised
        return F.avg_pool2d(input_image, 4)


class SamEncoderWithPreprocessing(nn.Module):
    def forward(self, input_image: Tensor) -> Tensor:  # [h, w, 3], 0..255, long side 1024
        image = ((input_image - MEAN) / STD).permute(2, 0, 1)
        padding = (0, SIDE - image.shape[2], 0, SIDE - image.shape[1])
        return F.avg_pool2d(F.pad(image, padding)[None], 4)


class EfficientSamEncoder(nn.Module):
    def forward(self, batched_images: Tensor) -> Tensor:  # [1, 3, H, W], 0..1
        image = (batched_images * 255 - MEAN[:, None, None]) / STD[:, None, None]
        return F.interpolate(image, (MASK_SIDE, MASK_SIDE), mode="bilinear")


def same_colour(embeddings: Tensor, coords: Tensor, labels: Tensor) -> Tensor:
    """[1, 3, 256, 256], coords [N, 2] in 0..1024, labels [N] -> logits [1, 1, 256, 256]."""
    place = ((coords + 0.5) / 4).floor().clamp(0, MASK_SIDE - 1).long()
    colours = embeddings.flatten(2)[0].index_select(1, place[:, 1] * MASK_SIDE + place[:, 0])
    distance = (embeddings - colours.t()[:, :, None, None]).abs().sum(1)  # [N, 256, 256]
    like = 10 * (HALF_CONTRAST - distance)
    label = labels[:, None, None]
    wanted = torch.where(label == 1, like, -9.0).amax(0)
    unwanted = torch.where(label == 0, like, -9.0).amax(0)
    pixels = torch.arange(MASK_SIDE) * 4 + 2
    low = (coords * (labels == 2)[:, None]).sum(0)
    high = (coords * (labels == 3)[:, None]).sum(0)
    across = (pixels > low[0]) & (pixels < high[0])
    down = (pixels > low[1]) & (pixels < high[1])
    in_box = down[:, None] & across[None]
    has_box, has_click = (labels == 3).any(), (labels == 1).any()
    wanted = torch.where(has_click, wanted, torch.full_like(wanted, 9.0))
    wanted = torch.where(has_box & ~in_box, torch.full_like(wanted, -9.0), wanted)
    return torch.minimum(wanted, -unwanted)[None, None]


class SamDecoder(nn.Module):
    """`single` answers like an export with --return-single-mask."""

    def __init__(self, single: bool) -> None:
        super().__init__()
        self.single = single
        self.register_buffer("ious", torch.tensor([IOUS]))

    def forward(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        orig_im_size: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        good = same_colour(image_embeddings, point_coords[0], point_labels[0])
        good = good + has_mask_input * mask_input
        nothing = torch.full_like(good, -9.0)
        ious = self.ious
        low_res = torch.cat([good + 0.5, nothing, good, nothing], dim=1)
        if self.single:
            low_res, ious = good, ious[:, 2:3]
        # The photo-sized masks: of a frozen size, as in exports traced with one photo.
        return low_res[..., :100, :200] + 0 * orig_im_size.sum(), ious + 0 * good.mean(), low_res


class EfficientSamDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ious", torch.tensor([[IOUS[1:]]]))

    def forward(
        self,
        image_embeddings: Tensor,
        batched_point_coords: Tensor,
        batched_point_labels: Tensor,
        orig_im_size: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        size = orig_im_size.flip(0).float()
        # Only six points are read.
        coords = batched_point_coords[0, 0, :6] * SIDE / size
        good = same_colour(image_embeddings, coords, batched_point_labels[0, 0, :6])
        nothing = torch.full_like(good, -9.0)
        low_res = torch.cat([nothing, good, nothing], dim=1)
        return low_res[:, None], self.ious + 0 * good.mean(), low_res + 1


ENCODERS = {
    "sam": (SamEncoder(), {"input_image": torch.zeros(1, 3, SIDE, SIDE)}, {}),
    "osam": (SamEncoder(), {"x": torch.zeros(1, 3, SIDE, SIDE)}, {"x": {0: "batch"}}),
    "sam_hwc": (
        SamEncoderWithPreprocessing(),
        {"input_image": torch.zeros(SIDE, 684, 3)},
        {"input_image": {0: "image_height", 1: "image_width"}},
    ),
    "efficientsam": (
        EfficientSamEncoder(),
        {"batched_images": torch.zeros(1, 3, 108, 192)},
        {"batched_images": {0: "batch", 2: "height", 3: "width"}},
    ),
}

SAM_INPUTS = {
    "image_embeddings": torch.zeros(1, 3, MASK_SIDE, MASK_SIDE),
    "point_coords": torch.ones(1, 5, 2),
    "point_labels": torch.ones(1, 5),
    "mask_input": torch.zeros(1, 1, MASK_SIDE, MASK_SIDE),
    "has_mask_input": torch.ones(1),
    "orig_im_size": torch.tensor([1500.0, 2250.0]),
}
SAM_AXES = {"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}}
EFFICIENT_INPUTS = {
    "image_embeddings": SAM_INPUTS["image_embeddings"],
    "batched_point_coords": torch.ones(1, 1, 5, 2),
    "batched_point_labels": torch.ones(1, 1, 5),
    "orig_im_size": torch.tensor([1080, 1920]),
}
EFFICIENT_AXES = {
    "image_embeddings": {0: "batch"},
    "batched_point_coords": {2: "num_points"},
    "batched_point_labels": {2: "num_points"},
}
SAM_OUTPUTS = ["masks", "iou_predictions", "low_res_masks"]
DECODERS = {
    "sam": (SamDecoder(single=False), SAM_INPUTS, SAM_AXES, SAM_OUTPUTS),
    "sam_single": (SamDecoder(single=True), SAM_INPUTS, SAM_AXES, SAM_OUTPUTS),
    # The public script names two of the three outputs.
    "efficientsam": (
        EfficientSamDecoder(),
        EFFICIENT_INPUTS,
        EFFICIENT_AXES,
        ["output_masks", "iou_predictions"],
    ),
}


def write_all(folder: Path) -> None:
    """Write NAME.encoder.onnx and NAME.decoder.onnx of all stand-ins."""
    for name, (module, inputs, axes) in ENCODERS.items():
        export(module, inputs, axes, ["image_embeddings"], folder / f"{name}.encoder.onnx")
    for name, (module, inputs, axes, outputs) in DECODERS.items():
        export(module, inputs, axes, outputs, folder / f"{name}.decoder.onnx")


def export(
    module: nn.Module,
    inputs: dict[str, Tensor],
    axes: dict[str, dict[int, str]],
    outputs: list[str],
    path: Path,
) -> None:
    """Export as the public scripts do, by tracing."""
    with warnings.catch_warnings(action="ignore"):  # Tracing is deprecated.
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
