package org.squeezesam.segmentation

import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min

/**
 * Resizing photos and masks, bilinearly with half-pixel centres, as PyTorch does it. A side that
 * shrinks is antialiased: the triangle filter is as wide as the step between two results.
 */
internal object Resizing {
    /**
     * What each result along one axis is made from: `count[i]` weights of the values from
     * `first[i]` on, at `weights[i * width]`.
     */
    private class Taps(from: Int, to: Int) {
        val first = IntArray(to)
        val count = IntArray(to)
        private val scale = from.toDouble() / to
        private val support = max(scale, 1.0)
        val width = 2 * ceil(support).toInt() + 1
        val weights = DoubleArray(to * width)

        init {
            for (i in 0 until to) {
                val centre = scale * (i + 0.5)
                val start = max((centre - support + 0.5).toInt(), 0)
                first[i] = start
                count[i] = (min((centre + support + 0.5).toInt(), from) - start).coerceIn(0, width)
                var total = 0.0
                for (j in 0 until count[i]) {
                    val distance = Math.abs((start + j - centre + 0.5) / support)
                    weights[i * width + j] = max(1 - distance, 0.0)
                    total += weights[i * width + j]
                }
                for (j in 0 until count[i]) weights[i * width + j] /= total
            }
        }

        /** How many bits of the whole weights lie behind the point; these have at most 15. */
        fun bits(): Int {
            val largest = weights.maxOrNull() ?: 0.0
            var bits = 0
            while (bits < 22 && (0.5 + largest * (1L shl bits + 1)).toLong() < 1L shl 15) bits++
            return bits
        }

        fun whole(bits: Int) = IntArray(weights.size) { (0.5 + weights[it] * (1L shl bits)).toInt() }
    }

    /**
     * Part of an RGB photo, resized with antialiasing to bytes, first along the rows and then down
     * the columns, with a byte in between. The bytes are those of PyTorch.
     *
     * @return RGB, row by row
     */
    fun resizedBytes(photo: Photo, part: View, width: Int, height: Int): ByteArray {
        val rows = if (width == part.width) copied(photo, part) else narrowed(photo, part, width)
        return if (height == part.height) rows else lowered(rows, width, part.height, height)
    }

    private fun copied(photo: Photo, part: View): ByteArray {
        val rows = ByteArray(part.height * part.width * 3)
        for (y in 0 until part.height) {
            val start = ((part.top + y) * photo.width + part.left) * 3
            photo.rgb.copyInto(rows, y * part.width * 3, start, start + part.width * 3)
        }
        return rows
    }

    private fun narrowed(photo: Photo, part: View, width: Int): ByteArray {
        val rows = ByteArray(part.height * width * 3)
        val across = Taps(part.width, width)
        val bits = across.bits()
        val whole = across.whole(bits)
        val half = if (bits > 0) 1 shl bits - 1 else 0
        val rgb = photo.rgb
        for (y in 0 until part.height) {
            val start = ((part.top + y) * photo.width + part.left) * 3
            for (x in 0 until width) {
                var red = half
                var green = half
                var blue = half
                var at = start + across.first[x] * 3
                for (tap in x * across.width until x * across.width + across.count[x]) {
                    val weight = whole[tap]
                    red += weight * (rgb[at].toInt() and 0xFF)
                    green += weight * (rgb[at + 1].toInt() and 0xFF)
                    blue += weight * (rgb[at + 2].toInt() and 0xFF)
                    at += 3
                }
                val to = (y * width + x) * 3
                rows[to] = min(red shr bits, 255).toByte()
                rows[to + 1] = min(green shr bits, 255).toByte()
                rows[to + 2] = min(blue shr bits, 255).toByte()
            }
        }
        return rows
    }

    private fun lowered(rows: ByteArray, width: Int, from: Int, height: Int): ByteArray {
        val down = Taps(from, height)
        val bits = down.bits()
        val whole = down.whole(bits)
        val half = if (bits > 0) 1 shl bits - 1 else 0
        val result = ByteArray(height * width * 3)
        val sums = IntArray(width * 3)
        for (y in 0 until height) {
            sums.fill(half)
            for (j in 0 until down.count[y]) {
                val weight = whole[y * down.width + j]
                val start = (down.first[y] + j) * width * 3
                for (i in sums.indices) sums[i] += weight * (rows[start + i].toInt() and 0xFF)
            }
            val to = y * width * 3
            for (i in sums.indices) result[to + i] = min(sums[i] shr bits, 255).toByte()
        }
        return result
    }

    /**
     * Values resized to another size, one row after the other, so that a large photo needs no more
     * memory than one of its rows.
     *
     * @param values row by row
     * @param width of them
     * @param height of them
     * @param use takes the number of a row and its `toWidth` values, which the next row overwrites
     */
    inline fun forEachRow(
        values: FloatArray,
        width: Int,
        height: Int,
        toWidth: Int,
        toHeight: Int,
        use: (y: Int, line: FloatArray) -> Unit,
    ) {
        val resizer = RowResizer(values, width, height, toWidth, toHeight)
        for (y in 0 until toHeight) use(y, resizer.row(y))
    }

    /** As `forEachRow`, all rows together. */
    fun resizedValues(values: FloatArray, width: Int, height: Int, toWidth: Int, toHeight: Int): FloatArray {
        val result = FloatArray(toWidth * toHeight)
        forEachRow(values, width, height, toWidth, toHeight) { y, line -> line.copyInto(result, y * toWidth) }
        return result
    }

    /** Widens all rows at once and then gives one row after the other. */
    class RowResizer(values: FloatArray, width: Int, height: Int, private val toWidth: Int, toHeight: Int) {
        private val down = Taps(height, toHeight)
        private val wide = FloatArray(height * toWidth)
        private val line = FloatArray(toWidth)
        private val sums = DoubleArray(toWidth)

        init {
            val across = Taps(width, toWidth)
            for (y in 0 until height) {
                for (x in 0 until toWidth) {
                    var sum = 0.0
                    for (j in 0 until across.count[x]) {
                        sum += across.weights[x * across.width + j] * values[y * width + across.first[x] + j]
                    }
                    wide[y * toWidth + x] = sum.toFloat()
                }
            }
        }

        /** Row `y`; valid until the next call. */
        fun row(y: Int): FloatArray {
            sums.fill(0.0)
            for (j in 0 until down.count[y]) {
                val weight = down.weights[y * down.width + j]
                val start = (down.first[y] + j) * toWidth
                for (x in 0 until toWidth) sums[x] += weight * wide[start + x]
            }
            for (x in 0 until toWidth) line[x] = sums[x].toFloat()
            return line
        }
    }
}
