"""What an app must know to use a bundle, as data; every value comes from squeezesam.spec."""

from dataclasses import dataclass, field

from squeezesam import spec
from squeezesam.inference.looks import DEFAULT_LOOKING, Looking
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING, MaskCleaning


@dataclass(frozen=True)
class Preprocessing:
    """The way from a photo to the input `image`."""

    orientation: str = "upright, as EXIF says; what is transparent lies over white"
    channel_order: str = "RGB"
    fit: str = (
        "in units of mask pixels, each side is max(1, round_half_to_even(side * input_size / "
        "(map_stride * long side))); the photo is resized to map_stride times that"
    )
    resize_filter: str = "bilinear, antialiased (triangle filter widened when shrinking)"
    placement: str = "top left"
    pad_byte: int = spec.PAD_BYTE
    scaling: str = "(byte - pixel_mean) * pixel_scale"
    pixel_mean: float = spec.PIXEL_MEAN
    pixel_scale: float = spec.PIXEL_SCALE


@dataclass(frozen=True)
class PromptEncoding:
    """The way from clicks, box and earlier mask to the inputs `prompt_maps`, `prompt_tokens`."""

    coordinates: str = (
        "input pixels; a click is at the centre of its photo pixel, (x + 0.5, y + 0.5) before the "
        "resize; box corners are edges and move with the resize alone"
    )
    repeated: str = (
        "of clicks on the same photo pixel the latest counts, with its label and at its place in "
        "the order; the earlier ones are left out before all else"
    )
    point_labels: dict[str, int] = field(
        default_factory=lambda: {label.name.lower(): label.value for label in spec.PointLabel}
    )
    map_stride: int = spec.MAP_STRIDE
    map_channels: tuple[str, ...] = tuple(channel.name.lower() for channel in spec.MapChannel)
    disc_radius: float = spec.DISC_RADIUS
    disc: str = (
        "clamp(disc_radius + 0.5 - distance, 0, 1), distance in map pixels from the pixel centre "
        "to the nearest click of the label; all clicks are drawn"
    )
    box: str = "share of each map pixel that the box covers"
    previous_mask: str = "tanh(logit / 2) of an earlier low_res_masks channel, cleaned"
    point_slots: int = spec.POINT_SLOTS
    box_slots: int = spec.BOX_SLOTS
    slot_order: str = (
        "padding first, then the latest point_slots clicks, oldest first; then the top left and "
        "the bottom right corner of the box, padding when there is none"
    )
    position_frequencies: int = spec.POSITION_FREQUENCIES
    token_features: str = (
        "with k = 0 .. position_frequencies - 1 and u = coordinate / input_size: all sin(2^k pi "
        "u_x), all cos(2^k pi u_x), all sin(2^k pi u_y), all cos(2^k pi u_y), then one-hot of the "
        "point label; a padding slot is all zeros"
    )


@dataclass(frozen=True)
class CleaningRules:
    """The way from a channel of `low_res_masks` to its cleaned logits, in this order."""

    numbers: MaskCleaning = DEFAULT_CLEANING
    area: str = (
        "the columns and rows from the top left that the resized photo fills (its sides / "
        "map_stride); all that follows is about these, in whole numbers; in the mask where > "
        "mask_threshold"
    )
    click_pixel: str = (
        "of x and of y: min(floor((2 * place + 1) * cells / (2 * side)), cells - 1), with side "
        "that of the photo and cells the columns or rows of the area"
    )
    box_pixels: str = (
        "along each axis from max(0, ceil((2 * low * cells - side) / (2 * side))) up to, but "
        "without, the same of high, low and high being the edges of the box"
    )
    filled: str = (
        "first, of the pixels outside of the mask that touch one another at an edge, sets of fewer "
        "than pinhole_area that do not reach the border of the area and hold no pixel of a "
        "negative click come into the mask"
    )
    regions: str = "then, pixels of the mask that touch one another, also at a corner"
    clicked: str = "a region with the pixel of a positive click"
    denied: str = "a region with the pixel of a negative click"
    wanted: str = (
        "a region with at least half of its pixels in the box, or at least half of them in the "
        "previous mask; where there is neither a positive click nor a box, every region"
    )
    stay: str = (
        "regions that are clicked, or wanted and not denied; if there is none, every region; of "
        "these, those that are clicked or have at least speck_area pixels, or, if there is none, "
        "all of them; every other region leaves the mask"
    )
    flipped_logit: float = spec.FLIPPED_LOGIT
    logits: str = (
        "of a pixel that left the mask -max(|logit|, flipped_logit), of one that came into it "
        "max(|logit|, flipped_logit); all others stay as they are"
    )
    previous_mask: str = "the cleaned logits are what the next prompt is given as previous mask"


@dataclass(frozen=True)
class LookingRules:
    """How often the network is asked about a photo, and about which part of it."""

    numbers: Looking = DEFAULT_LOOKING
    glance: str = (
        "without an earlier mask of the photo: the prompts on the whole photo; channel 0 of the "
        "answer, cleaned, is the earlier mask of what follows"
    )
    found: str = (
        "edges in photo pixels along x and y of: the smallest box of mask pixels with the earlier "
        "mask in it, from floor(first * side / cells) to ceil(end * side / cells), with end one "
        "past the last, side that of the photo and cells the columns or rows of the area that the "
        "resized photo fills; the photo pixels of the positive clicks, each from floor(place) to "
        "floor(place) + 1; the box, from floor(low) to ceil(high)"
    )
    view: str = (
        "long = the longer of the two distances between the outermost edges; wanted = "
        "max(ceil(long * surroundings / 100), smallest); along each axis length = "
        "min(max(wanted, ceil(side / cells)), side) and start = min(max(floor((lowest + highest - "
        "length) / 2), 0), side - length); where nothing is found, the whole photo; in whole "
        "numbers throughout"
    )
    closer: str = (
        "the view takes the place of the photo: it is letterboxed as preprocessing says; all "
        "prompts move by its corner, and clicks that lie outside of it are left out; the previous "
        "mask is the earlier mask, moved; all masks of the answer are cleaned as masks of the view"
    )
    moved: str = (
        "logits from one frame of mask pixels to another, bilinearly: the centre of a mask pixel "
        "of the new frame, (i + 0.5) * length / cells along each axis of its part of the photo, "
        "gives a place (that centre in the old frame's part) * cells / length - 0.5 among the "
        "centres of the old one, beyond which the edge goes on; first down the columns, then along "
        "the rows, as low + (high - low) * share; outside_logit where the new frame has padding, "
        "or shows what the old one does not"
    )
    outside_logit: float = spec.OUTSIDE_LOGIT
    answer: str = (
        "the photo mask is that of the view at its place, and nothing outside of the view; the "
        "next earlier mask is channel 0 of the answer, moved to the whole photo"
    )


@dataclass(frozen=True)
class Contract:
    """How prompts are encoded and masks are read, whatever network answers them."""

    prompt_encoding: PromptEncoding = PromptEncoding()
    mask_threshold: float = spec.MASK_THRESHOLD
    mask_cleaning: CleaningRules = CleaningRules()
    looking: LookingRules = LookingRules()
    photo_mask: str = (
        "of a cleaned channel of low_res_masks, the columns and rows from the top left that the "
        "resized photo fills (its sides / map_stride), resized bilinearly to the photo (half-pixel "
        "centres, edges repeated, antialiased where a side shrinks); in the mask where > "
        "mask_threshold"
    )
    edge_sharpness: float = spec.EDGE_SHARPNESS
    photo_alpha: str = (
        "opacity of a soft cut-out: hard + near * (soft - hard), times 255 and rounded, with hard "
        "= 1 in the photo mask and 0 outside, soft = 1 / (1 + exp(-edge_sharpness * logit)) of the "
        "resized logit, and near resized in the same way from 1 for a mask pixel of which one of "
        "the eight around it is on the other side of mask_threshold, 0 for all others"
    )


PREPROCESSING = Preprocessing()
CONTRACT = Contract()
"""Those of this version."""
