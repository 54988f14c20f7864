package org.squeezesam.segmentation

import kotlin.math.abs
import kotlin.math.max

/** A pixel of a mask or heat map: its column and row. */
data class Pixel(val x: Int, val y: Int)

/** Connected pieces of a mask or heat map, in reading order of their first pixels. */
internal class Pieces(inside: BooleanArray, width: Int, corners: Boolean) {
    /** Of each pixel the number of its piece, 0 for none. */
    val numbers = IntArray(inside.size)

    /** Pixels of each number; the first one counts for nothing. */
    val areas: List<Int>

    init {
        val height = inside.size / width
        val steps = if (corners) EDGES + CORNERS else EDGES
        val queue = IntArray(inside.size)
        val found = arrayListOf(0)
        for (first in inside.indices) {
            if (numbers[first] != 0 || !inside[first]) continue
            var length = 1
            var next = 0
            queue[0] = first
            numbers[first] = found.size
            while (next < length) {
                val (x, y) = queue[next] % width to queue[next++] / width
                for ((across, down) in steps) {
                    val (column, row) = x + across to y + down
                    if (column !in 0 until width || row !in 0 until height) continue
                    val neighbour = row * width + column
                    if (numbers[neighbour] != 0 || !inside[neighbour]) continue
                    numbers[neighbour] = found.size
                    queue[length++] = neighbour
                }
            }
            found += length
        }
        areas = found
    }

    private companion object {
        val EDGES = listOf(Pixel(0, -1), Pixel(-1, 0), Pixel(1, 0), Pixel(0, 1))
        val CORNERS = listOf(Pixel(-1, -1), Pixel(1, -1), Pixel(-1, 1), Pixel(1, 1))
    }
}

/**
 * What a mask is asked for, in the pixels of the part of it that lies on the photo.
 *
 * @property positive clicks on the object
 * @property negative clicks on the background
 * @property window x0, y0, x1, y1 of the box, without the pixels of x1 and y1; null without one
 * @property previous the mask so far; null without one
 */
class Asked(
    val positive: List<Pixel> = emptyList(),
    val negative: List<Pixel> = emptyList(),
    val window: IntArray? = null,
    val previous: BooleanArray? = null,
) {
    companion object {
        /**
         * What prompts ask of a mask.
         *
         * @param prompts in photo pixels
         * @param maskInput [size/2, size/2] logits of the mask so far; null without one
         * @param letterbox of the photo
         */
        fun of(prompts: Prompts, maskInput: FloatArray?, letterbox: Letterbox): Asked {
            fun pixels(label: Int) = prompts.coordsOf(label).map { place ->
                letterbox.maskPixel(place).let { (x, y) -> Pixel(x, y) }
            }
            return Asked(
                pixels(PointLabel.POSITIVE),
                pixels(PointLabel.NEGATIVE),
                prompts.box?.let(letterbox::maskWindow),
                maskInput?.let { MaskUpsampling.maskOf(letterbox.cropped(it)) },
            )
        }
    }
}

/**
 * Clean masks: what nobody asked for goes, and so do specks and pinholes. The rules are written down
 * in `docs/masks.md` and `squeezesam/inference/mask_cleanup.py`.
 */
object MaskCleanup {
    /**
     * Clean the logits of a mask of the square; its padding stays as it is.
     *
     * @param logits [size/2, size/2]
     * @return a copy
     */
    fun cleanedLogits(
        logits: FloatArray,
        asked: Asked,
        letterbox: Letterbox,
        cleaning: MaskCleaning = MaskCleaning(),
    ): FloatArray {
        val columns = letterbox.maskSize[0]
        val before = MaskUpsampling.maskOf(letterbox.cropped(logits))
        val after = cleaned(before, columns, asked, cleaning)
        val clean = logits.copyOf()
        for (i in before.indices) {
            if (before[i] == after[i]) continue
            val at = i / columns * letterbox.maskSide + i % columns
            val size = max(abs(clean[at]), Spec.FLIPPED_LOGIT)
            clean[at] = if (after[i]) size else -size
        }
        return clean
    }

    /**
     * Clean a mask.
     *
     * @param mask row by row
     * @param width of it
     */
    fun cleaned(
        mask: BooleanArray,
        width: Int,
        asked: Asked,
        cleaning: MaskCleaning = MaskCleaning(),
    ): BooleanArray = withoutUnasked(filled(mask, width, asked, cleaning), width, asked, cleaning)

    /** A mask without its pinholes. */
    private fun filled(mask: BooleanArray, width: Int, asked: Asked, cleaning: MaskCleaning): BooleanArray {
        val height = mask.size / width
        val gaps = Pieces(BooleanArray(mask.size) { !mask[it] }, width, corners = false)
        val numbers = gaps.numbers
        val open = asked.negative.mapTo(HashSet()) { numbers[it.y * width + it.x] }
        for (x in 0 until width) open += listOf(numbers[x], numbers[(height - 1) * width + x])
        for (y in 0 until height) open += listOf(numbers[y * width], numbers[(y + 1) * width - 1])
        val small = BooleanArray(gaps.areas.size) { it > 0 && gaps.areas[it] < cleaning.pinholeArea && it !in open }
        return BooleanArray(mask.size) { mask[it] || small[numbers[it]] }
    }

    /** The regions of a mask that stay. */
    private fun withoutUnasked(
        mask: BooleanArray,
        width: Int,
        asked: Asked,
        cleaning: MaskCleaning,
    ): BooleanArray {
        val found = Pieces(mask, width, corners = true)
        val (numbers, areas) = found.numbers to found.areas
        fun regionsAt(places: List<Pixel>) = places.mapTo(HashSet()) { numbers[it.y * width + it.x] }
        val clicked = regionsAt(asked.positive)
        val denied = regionsAt(asked.negative)
        val regions = 1 until areas.size

        val wanted = HashSet<Int>()
        if (asked.positive.isEmpty() && asked.window == null) wanted += regions
        fun wantHalves(counts: (Int) -> Boolean) {
            val inside = IntArray(areas.size)
            for (i in numbers.indices) if (numbers[i] != 0 && counts(i)) inside[numbers[i]]++
            wanted += regions.filter { 2 * inside[it] >= areas[it] }
        }
        asked.window?.let { (left, top, right, bottom) ->
            wantHalves { it % width in left until right && it / width in top until bottom }
        }
        asked.previous?.let { previous -> wantHalves { previous[it] } }

        val stay = regions.filter { it in clicked || (it in wanted && it !in denied) }.ifEmpty { regions.toList() }
        val large = stay.filter { it in clicked || areas[it] >= cleaning.speckArea }.ifEmpty { stay }
        val kept = BooleanArray(areas.size)
        for (region in large) kept[region] = true
        return BooleanArray(mask.size) { kept[numbers[it]] }
    }
}
