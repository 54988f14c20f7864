package org.squeezesam.segmentation

/**
 * The constants of `squeezesam/spec.py` that ports need, under the same names.
 *
 * A test holds these numbers to those of the Python package, and `Manifest` refuses a bundle that
 * was exported with others.
 */
object Spec {
    /** The version of squeezesam that this library belongs to. */
    const val VERSION = "0.1.0"

    const val MAP_STRIDE = 2
    const val SALIENCY_STRIDE = 4
    const val HEAT_LEVELS = 255
    const val PIXEL_MEAN = 128.0
    const val PIXEL_SCALE = 1.0 / 128.0
    const val PAD_BYTE = 128
    const val DISC_RADIUS = 2.5
    const val POINT_SLOTS = 14
    const val BOX_SLOTS = 2
    const val TOKEN_SLOTS = POINT_SLOTS + BOX_SLOTS
    const val POSITION_FREQUENCIES = 6
    const val POSITION_FEATURES = 4 * POSITION_FREQUENCIES
    const val TOKEN_KINDS = 4
    const val TOKEN_FEATURES = POSITION_FEATURES + TOKEN_KINDS
    const val NUM_MASKS = 4
    const val MASK_THRESHOLD = 0f
    const val FLIPPED_LOGIT = 0.0625f
    const val OUTSIDE_LOGIT = -8f
    const val EDGE_SHARPNESS = 2.0

    const val IMAGE = "image"
    const val PROMPT_MAPS = "prompt_maps"
    const val PROMPT_TOKENS = "prompt_tokens"
    const val LOW_RES_MASKS = "low_res_masks"
    const val IOU_PREDICTIONS = "iou_predictions"
    const val SALIENCY_LOGITS = "saliency_logits"
}

/** Codes of `pointLabels`, with segment-anything's meaning. */
object PointLabel {
    const val PAD = -1
    const val NEGATIVE = 0
    const val POSITIVE = 1
    const val BOX_TOP_LEFT = 2
    const val BOX_BOTTOM_RIGHT = 3

    /** The codes by the names of `spec.py` in lower case. */
    val codes: Map<String, Int> = mapOf(
        "pad" to PAD,
        "negative" to NEGATIVE,
        "positive" to POSITIVE,
        "box_top_left" to BOX_TOP_LEFT,
        "box_bottom_right" to BOX_BOTTOM_RIGHT,
    )
}

/** Channels of `prompt_maps`, in their order. */
enum class MapChannel { POSITIVE, NEGATIVE, BOX, PREVIOUS_MASK }

/** What a network is for. The tensor names are the contract of `squeezesam/spec.py`. */
enum class NetworkKind(val inputs: List<String>, val outputs: List<String>) {
    /** Answers prompts with masks. */
    SEGMENTER(
        listOf(Spec.IMAGE, Spec.PROMPT_MAPS, Spec.PROMPT_TOKENS),
        listOf(Spec.LOW_RES_MASKS, Spec.IOU_PREDICTIONS),
    ),

    /** Answers a photo with a heat map of its most prominent object. */
    DETECTOR(listOf(Spec.IMAGE), listOf(Spec.SALIENCY_LOGITS)),
    ;

    /** The name of the kind in the manifest. */
    val title: String = name.lowercase()
}

/**
 * The numbers of the mask cleaning, in mask pixels; see `docs/masks.md`.
 *
 * @throws ConfigError one is negative
 */
data class MaskCleaning(val speckArea: Int = 16, val pinholeArea: Int = 16) {
    init {
        checkRange("speckArea", speckArea, 0)
        checkRange("pinholeArea", pinholeArea, 0)
    }
}

/**
 * The numbers of the closer look; see `docs/looks.md`.
 *
 * @property surroundings side of the view in percent of what it is around
 * @property smallest least side of the view in photo pixels
 * @throws ConfigError one is too small
 */
data class Looking(val surroundings: Int = 150, val smallest: Int = 64) {
    init {
        checkRange("surroundings", surroundings, 100)
        checkRange("smallest", smallest, 1)
    }
}

/**
 * The choices of the click sampling; see `ClickSampling` in `squeezesam/inference/saliency_prompt.py`.
 *
 * @throws ConfigError one is out of its range
 */
data class ClickSampling(
    val threshold: Int = 240,
    val peak: Int = 244,
    val smallestPerMille: Int = 4,
    val clicks: Int = 5,
) {
    init {
        checkRange("threshold", threshold, 1, 255)
        checkRange("peak", peak, 1, 255)
        checkRange("smallestPerMille", smallestPerMille, 0, 1000)
        checkRange("clicks", clicks, 1, 5)
    }
}

private fun checkRange(name: String, value: Int, least: Int, most: Int = Int.MAX_VALUE) {
    if (value < least) throw ConfigError("$name=$value must be at least $least")
    if (value > most) throw ConfigError("$name=$value must be at most $most")
}

/**
 * What `squeezesam verify` asks of the artifacts of a precision on the golden cases, as the manifest tells it.
 *
 * @property minMaskIou of mask 0 of every case
 * @property meanMaskIou of all cases and masks
 * @property maxIouError by how much a predicted IoU may be off
 * @property maxClickDistance by how many pixels of the heat map a click may be off
 */
data class Bounds(
    val minMaskIou: Double,
    val meanMaskIou: Double,
    val maxIouError: Double,
    val maxClickDistance: Double,
)
