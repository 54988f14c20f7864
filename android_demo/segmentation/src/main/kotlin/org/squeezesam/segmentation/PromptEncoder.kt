package org.squeezesam.segmentation

import kotlin.math.PI
import kotlin.math.ceil
import kotlin.math.cos
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sin
import kotlin.math.sqrt
import kotlin.math.tanh

/**
 * Checked prompts in the pixels of one photo.
 *
 * @property coords of the clicks, oldest first
 * @property labels of each click, POSITIVE or NEGATIVE
 * @property box null without one
 */
class Prompts(val coords: List<Point>, val labels: List<Int>, val box: Box?) {
    /**
     * Sees that the prompts, without an earlier mask, say where the object is.
     *
     * @throws PromptError there are none, or only clicks on what does not belong to it
     */
    fun checkAsks() {
        if (box != null || PointLabel.POSITIVE in labels) return
        throw PromptError(
            if (coords.isEmpty()) {
                "no prompt; give at least one click, a box or an earlier mask"
            } else {
                "negative clicks alone do not say what is meant; add a positive click on the object, " +
                    "a box around it, or an earlier mask of it"
            },
        )
    }

    internal fun coordsOf(label: Int): List<Point> = coords.filterIndexed { i, _ -> labels[i] == label }

    companion object {
        /**
         * Check prompts against a photo and settle duplicates and contradictions: of clicks on the
         * same place the latest wins, and a box is clipped to the photo.
         *
         * @param pointCoords in photo pixels
         * @param pointLabels of each: 1 object, 0 background, -1 unused
         * @param box in photo pixels
         * @param width of the photo
         * @param height of the photo
         * @throws PromptError a value has no meaning on this photo
         */
        fun check(
            pointCoords: List<Point>?,
            pointLabels: List<Int>?,
            box: Box?,
            width: Int,
            height: Int,
        ): Prompts {
            if ((pointCoords == null) != (pointLabels == null)) {
                throw PromptError("pointCoords and pointLabels go together; one of them is missing")
            }
            val coords = pointCoords.orEmpty()
            val labels = pointLabels.orEmpty()
            if (labels.size != coords.size) {
                throw PromptError("there are ${labels.size} labels for ${coords.size} points; give one for each")
            }
            val latest = LinkedHashMap<Point, Int>() // keeps the order in which places came
            coords.forEachIndexed { i, place ->
                checkFinite("pointCoords[$i]", floatArrayOf(place.x, place.y))
                val label = labels[i]
                if (label !in PointLabel.PAD..PointLabel.POSITIVE) {
                    throw PromptError("unknown point label $label; use 1 (object), 0 (background) or -1 (unused)")
                }
                if (label == PointLabel.PAD) return@forEachIndexed
                if (!(place.x >= 0 && place.x < width && place.y >= 0 && place.y < height)) {
                    throw PromptError(
                        "point (${place.x}, ${place.y}) is outside the ${width}x$height image; " +
                            "x must be in [0, $width), y in [0, $height)",
                    )
                }
                val plain = Point(place.x + 0f, place.y + 0f) // -0 is 0
                latest.remove(plain)
                latest[plain] = label
            }
            val clipped = box?.let { clipBox(it, width, height) }
            return Prompts(latest.keys.toList(), latest.values.toList(), clipped)
        }

        private fun clipBox(box: Box, width: Int, height: Int): Box {
            checkFinite("box", box.edges)
            val clipped = Box(
                max(box.x0, 0f),
                max(box.y0, 0f),
                min(box.x1, width.toFloat()),
                min(box.y1, height.toFloat()),
            )
            if (clipped.x0 >= clipped.x1 || clipped.y0 >= clipped.y1) {
                throw PromptError(
                    "box (${box.x0}, ${box.y0}, ${box.x1}, ${box.y1}) covers nothing of the " +
                        "${width}x$height image; give x0, y0, x1, y1 with x0 < x1 and y0 < y1",
                )
            }
            return clipped
        }

        private fun checkFinite(name: String, values: FloatArray) {
            for (value in values) {
                if (value.isNaN() || value.isInfinite()) throw PromptError("$name holds $value; give finite numbers")
            }
        }
    }
}

/**
 * The way from prompts to the network's input tensors; see `squeezesam/inference/prompts.py`, whose arithmetic
 * in 32-bit floats is kept.
 */
object PromptEncoder {
    /**
     * Encode checked prompts.
     *
     * @param prompts in photo pixels
     * @param letterbox of the photo
     * @param maskInput [size/2, size/2] logits of an earlier answer; null without one
     * @return `prompt_maps` [1, 4, size/2, size/2] and `prompt_tokens` [1, 16, 28] by name
     */
    fun encode(prompts: Prompts, letterbox: Letterbox, maskInput: FloatArray?): Map<String, FloatArray> {
        val scale = FloatArray(2) { (letterbox.inside[it].toDouble() / letterbox.photo[it]).toFloat() }
        // A click names a pixel; its centre lies half a pixel further. A box names edges.
        val places = prompts.coords.map { Point((it.x + 0.5f) * scale[0], (it.y + 0.5f) * scale[1]) }
        val edges = prompts.box?.edges?.let { all -> FloatArray(4) { all[it] * scale[it % 2] } }
        return mapOf(
            Spec.PROMPT_MAPS to maps(places, prompts.labels, edges, letterbox.maskSide, maskInput),
            Spec.PROMPT_TOKENS to tokens(places, prompts.labels, edges, letterbox.size),
        )
    }

    private fun maps(
        places: List<Point>,
        labels: List<Int>,
        edges: FloatArray?,
        side: Int,
        maskInput: FloatArray?,
    ): FloatArray {
        val area = side * side
        val maps = FloatArray(MapChannel.values().size * area)
        places.forEachIndexed { i, place ->
            val channel = if (labels[i] == PointLabel.POSITIVE) MapChannel.POSITIVE else MapChannel.NEGATIVE
            drawDisc(maps, channel.ordinal * area, side, place)
        }
        if (edges != null) fillBox(maps, MapChannel.BOX.ordinal * area, side, edges)
        if (maskInput != null) {
            val start = MapChannel.PREVIOUS_MASK.ordinal * area
            for (i in 0 until area) maps[start + i] = tanh(maskInput[i] / 2.0).toFloat()
        }
        return maps
    }

    /** Draw an anti-aliased disc at a place in input pixels into the map that begins at `start`. */
    private fun drawDisc(maps: FloatArray, start: Int, side: Int, place: Point) {
        val reach = Spec.DISC_RADIUS + 0.5
        val (x, y) = place.x.toDouble() / Spec.MAP_STRIDE to place.y.toDouble() / Spec.MAP_STRIDE
        fun from(at: Double) = max(0, floor(at - reach - 1).toInt())
        fun until(at: Double) = min(side, ceil(at + reach + 1).toInt())
        for (row in from(y) until until(y)) {
            for (column in from(x) until until(x)) {
                val (across, down) = column + 0.5 - x to row + 0.5 - y
                val shade = (reach - sqrt(across * across + down * down)).coerceIn(0.0, 1.0).toFloat()
                val at = start + row * side + column
                maps[at] = max(maps[at], shade)
            }
        }
    }

    /** Fill in the share of each pixel of a map that a box in input pixels covers. */
    private fun fillBox(maps: FloatArray, start: Int, side: Int, edges: FloatArray) {
        val inMap = DoubleArray(4) { edges[it].toDouble() / Spec.MAP_STRIDE }
        fun covered(i: Int, low: Double, high: Double) =
            (min(i + 1.0, high) - max(i.toDouble(), low)).coerceIn(0.0, 1.0)
        val across = DoubleArray(side) { covered(it, inMap[0], inMap[2]) }
        for (row in 0 until side) {
            val down = covered(row, inMap[1], inMap[3])
            for (column in 0 until side) maps[start + row * side + column] = (down * across[column]).toFloat()
        }
    }

    private fun tokens(places: List<Point>, labels: List<Int>, edges: FloatArray?, size: Int): FloatArray {
        val tokens = FloatArray(Spec.TOKEN_SLOTS * Spec.TOKEN_FEATURES)
        val latest = places.takeLast(Spec.POINT_SLOTS)
        val codes = labels.takeLast(Spec.POINT_SLOTS)
        latest.forEachIndexed { i, place ->
            writeToken(tokens, Spec.POINT_SLOTS - latest.size + i, place, codes[i], size)
        }
        if (edges != null) {
            val corner = Spec.TOKEN_SLOTS - Spec.BOX_SLOTS
            writeToken(tokens, corner, Point(edges[0], edges[1]), PointLabel.BOX_TOP_LEFT, size)
            writeToken(tokens, corner + 1, Point(edges[2], edges[3]), PointLabel.BOX_BOTTOM_RIGHT, size)
        }
        return tokens
    }

    /** Write Fourier features of a place in input pixels and the one-hot kind of its label. */
    private fun writeToken(tokens: FloatArray, slot: Int, place: Point, label: Int, size: Int) {
        val start = slot * Spec.TOKEN_FEATURES
        for (axis in 0..1) {
            for (k in 0 until Spec.POSITION_FREQUENCIES) {
                val angle = place[axis] / size * ((1 shl k) * PI).toFloat()
                val feature = start + 2 * axis * Spec.POSITION_FREQUENCIES + k
                tokens[feature] = sin(angle.toDouble()).toFloat()
                tokens[feature + Spec.POSITION_FREQUENCIES] = cos(angle.toDouble()).toFloat()
            }
        }
        tokens[start + Spec.POSITION_FEATURES + label] = 1f
    }
}
