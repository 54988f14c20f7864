package org.squeezesam.demo

import kotlin.math.abs
import org.squeezesam.segmentation.MaskAnswer
import org.squeezesam.segmentation.Spec

// Knows no Android, so that it is tested on the JVM.

/** The outline of a mask by marching squares between the centres of its logits. */
object Outline {
    /**
     * From which edge of a cell to which the outline goes, for each set of inside corners. Corners
     * are numbered 1, 2, 4, 8 from the upper left clockwise, edges 0 top, 1 right, 2 bottom, 3 left;
     * the inside is always on the same side.
     */
    private val CROSSINGS: Array<IntArray> = arrayOf(
        intArrayOf(), intArrayOf(0, 3), intArrayOf(1, 0), intArrayOf(1, 3),
        intArrayOf(2, 1), intArrayOf(0, 3, 2, 1), intArrayOf(2, 0), intArrayOf(2, 3),
        intArrayOf(3, 2), intArrayOf(0, 2), intArrayOf(1, 0, 3, 2), intArrayOf(1, 2),
        intArrayOf(3, 1), intArrayOf(0, 1), intArrayOf(3, 0), intArrayOf(),
    )

    private class Piece(val end: Int, val x: Float, val y: Float)

    /** The rings around all that an answer selects: x, y, x, y and so on in photo pixels. */
    fun of(answer: MaskAnswer): List<FloatArray> {
        val (columns, rows) = answer.letterbox.maskSize
        val (left, top) = answer.view.left to answer.view.top
        val (across, down) = answer.view.width.toFloat() / columns to answer.view.height.toFloat() / rows
        val stride = answer.letterbox.size / Spec.MAP_STRIDE
        return rings(answer.logits.first(), stride, columns, rows).onEach { ring ->
            for (i in ring.indices step 2) {
                ring[i] = ring[i] * across + left
                ring[i + 1] = ring[i + 1] * down + top
            }
        }
    }

    /**
     * Rings in units of logits, whose first is centred on 0.5, 0.5.
     *
     * @param logits row by row
     * @param stride from one row to the next
     * @param columns of each row that count
     * @param rows that count
     */
    fun rings(logits: FloatArray, stride: Int, columns: Int, rows: Int): List<FloatArray> {
        // Beyond the border a mask is mirrored with the other sign, so that its outline is the border.
        fun at(x: Int, y: Int): Float {
            val (column, row) = x.coerceIn(0, columns - 1) to y.coerceIn(0, rows - 1)
            val logit = logits[row * stride + column]
            return if (column == x && row == y) logit else -abs(logit)
        }
        fun share(a: Float, b: Float) = a / (a - b)
        fun piece(end: Int, x: Float, y: Float) =
            Piece(end, (x + 0.5f).coerceIn(0f, columns.toFloat()), (y + 0.5f).coerceIn(0f, rows.toFloat()))

        val pieces = LinkedHashMap<Int, Piece>()
        val wide = columns + 2
        for (y in -1 until rows) {
            for (x in -1 until columns) {
                val (a, b) = at(x, y) to at(x + 1, y)
                val (c, d) = at(x + 1, y + 1) to at(x, y + 1)
                val inside = (if (a > 0) 1 else 0) + (if (b > 0) 2 else 0) + (if (c > 0) 4 else 0) + (if (d > 0) 8 else 0)
                val crossings = CROSSINGS[inside]
                if (crossings.isEmpty()) continue
                val cell = (y + 1) * wide + x + 1
                // An edge is known by the cell that it is the top or the left of.
                val edges = intArrayOf(2 * cell, 2 * (cell + 1) + 1, 2 * (cell + wide), 2 * cell + 1)
                for (i in crossings.indices step 2) {
                    val end = edges[crossings[i + 1]]
                    pieces[edges[crossings[i]]] = when (crossings[i]) {
                        0 -> piece(end, x + share(a, b), y.toFloat())
                        1 -> piece(end, x + 1f, y + share(b, c))
                        2 -> piece(end, x + share(d, c), y + 1f)
                        else -> piece(end, x.toFloat(), y + share(a, d))
                    }
                }
            }
        }
        val rings = ArrayList<FloatArray>()
        while (pieces.isNotEmpty()) {
            val ring = ArrayList<Float>()
            var edge = pieces.keys.first()
            while (true) {
                val piece = pieces.remove(edge) ?: break
                ring += piece.x
                ring += piece.y
                edge = piece.end
            }
            rings += ring.toFloatArray()
        }
        return rings
    }
}
