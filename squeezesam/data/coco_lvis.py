"""COCO's objects with LVIS's finer masks, as SqueezeSAM's paper evaluates on val2017."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar, Self

import numpy as np

from squeezesam.data.coco import CocoInstances
from squeezesam.data.listing import same_name
from squeezesam.data.records import AnnotatedImage, Mask, Skipped
from squeezesam.errors import DataError

JOINT = "+"


@dataclass(frozen=True)
class ReplaceConfig:
    """When an LVIS mask counts as the same object as a COCO mask.

    Attributes:
        iou: they overlap at least this much. The paper says "strongly" and gives no figure; 0.8 is
            the figure with which RITM joined the two sets (arXiv 2102.06583).
    """

    iou: float = 0.8


@dataclass(frozen=True)
class CocoLvis:
    """COCO's photos and objects; an LVIS mask replaces the COCO mask that it strongly overlaps.

    A mask replaces at most one and is replaced by at most one, best overlaps first. LVIS masks
    without a match are left out, so that the objects are COCO's. Decided when a photo is asked for.

    Attributes:
        coco: the photos and objects.
        lvis: the finer masks.
        places: index in `lvis` by `file_name` of the photo.
        config: what counts as a strong overlap.
    """

    LAYOUT: ClassVar[str] = "COCO with LVIS's masks: COCO+LVIS_JSON, two paths joined by '+'"

    coco: CocoInstances
    lvis: CocoInstances
    places: Mapping[str, int]
    config: ReplaceConfig

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether it is two COCO paths joined by '+'."""
        return not path.exists() and all(map(CocoInstances.matches, split_joint(path)))

    @classmethod
    def open(cls, path: Path, config: ReplaceConfig | None = None) -> Self:
        """Open both.

        Raises:
            DataError: either is missing or damaged, they share no photo, or one of LVIS's twice.
        """
        coco, lvis = map(CocoInstances.open, split_joint(path))
        named: dict[str, list[int]] = {}
        for place, photo in enumerate(lvis.photos):
            named.setdefault(file_name(photo), []).append(place)
        ours = {file_name(photo) for photo in coco.photos}
        for name in ours & named.keys():
            if len(named[name]) > 1:
                raise DataError(f"{lvis.path} has several photos {name}; give one split of it")
        if not ours & named.keys():
            raise DataError(f"{coco.path} and {lvis.path} share no photo; give LVIS's split of it")
        places = {name: place for name, (place, *_) in named.items()}
        return cls(coco, lvis, places, config or ReplaceConfig())

    @property
    def name(self) -> str:
        """Name of both."""
        return f"{self.coco.name}{JOINT}{self.lvis.name}"

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What COCO's part skipped; LVIS's split covers other photos as well."""
        return self.coco.skipped

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.coco)

    def __getitem__(self, index: int) -> AnnotatedImage:
        """One photo with its masks; decodes the masks to compare them.

        Raises:
            DataError: its annotation in either file is damaged.
        """
        image = self.coco[index]
        place = self.places.get(file_name(image.name))
        if place is None:
            return image
        finer = self.lvis[place].annotations
        matches = match_masks(
            [each.mask() for each in image.annotations],
            [each.mask() for each in finer],
            self.config,
        )
        annotations = list(image.annotations)
        for old, new in matches.items():
            code, area = finer[new].code, finer[new].area
            annotations[old] = replace(annotations[old], code=code, area=area)
        return replace(image, annotations=tuple(annotations))


def file_name(photo: str) -> str:
    """Name of a photo, without its folders."""
    return same_name(PurePosixPath(photo).name)


def split_joint(path: Path) -> tuple[Path, Path]:
    """The two paths of COCO+LVIS_JSON; without a '+', the first is the current folder."""
    coco, _, lvis = str(path).rpartition(JOINT)
    return Path(coco), Path(lvis)


def match_masks(
    coco: Sequence[Mask], lvis: Sequence[Mask], config: ReplaceConfig
) -> dict[int, int]:
    """Pairs of masks that show one object, as {index in coco: index in lvis}, best IoU first."""
    coco_areas = [np.count_nonzero(mask) for mask in coco]
    lvis_areas = [np.count_nonzero(mask) for mask in lvis]
    overlaps: list[tuple[float, int, int]] = []
    for i, area in enumerate(coco_areas):
        for j, other in enumerate(lvis_areas):
            # IoU is at most the ratio of the areas, which rules out nearly every pair.
            if 0 < config.iou * max(area, other) <= min(area, other):
                shared = np.count_nonzero(coco[i] & lvis[j])
                iou = shared / (area + other - shared)
                if iou >= config.iou:
                    overlaps.append((-iou, i, j))
    matches: dict[int, int] = {}
    for _, i, j in sorted(overlaps):
        if i not in matches and j not in matches.values():
            matches[i] = j
    return matches
