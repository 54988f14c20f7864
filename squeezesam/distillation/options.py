"""What a teacher is asked, and which of its answers are kept."""

from dataclasses import dataclass

from squeezesam.errors import ConfigError


@dataclass(frozen=True)
class LabelOptions:
    """Thresholds of segment-anything's automatic mask generator, chosen there for ViT-H.

    Source: facebookresearch/segment-anything, `segment_anything/automatic_mask_generator.py`. Two
    departures: a grid of 16 x 16 points in place of 32 x 32, for a quarter of the time; and
    duplicates are told by the IoU of masks and not of boxes, since a wheel and its tyre have one
    box.

    Attributes:
        points_per_side: clicks along each side of the grid on a photo without annotations.
        points_per_mask: clicks inside each annotation of a photo that has some.
        predicted_iou: an answer must be predicted a higher one.
        stability_score: least IoU of an answer's masks at its two thresholds.
        stability_offset: logits that these lie above and below the mask threshold.
        duplicate_iou: IoU with a better answer above which an answer is a duplicate.
    """

    points_per_side: int = 16
    points_per_mask: int = 3
    predicted_iou: float = 0.88
    stability_score: float = 0.95
    stability_offset: float = 1.0
    duplicate_iou: float = 0.7

    def __post_init__(self) -> None:
        for name in ("points_per_side", "points_per_mask"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        for name in ("predicted_iou", "stability_score", "duplicate_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name):g} must be within 0 and 1")
        if not self.stability_offset > 0:
            raise ConfigError(f"stability_offset={self.stability_offset:g} must be positive")
