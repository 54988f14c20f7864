package org.squeezesam.segmentation

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** A place in pixels of a photo. */
data class Point(val x: Float, val y: Float) {
    internal operator fun get(axis: Int): Float = if (axis == 0) x else y
}

/** A box in pixels of a photo: its left, upper, right and lower edge. */
data class Box(val x0: Float, val y0: Float, val x1: Float, val y1: Float) {
    internal val edges: FloatArray get() = floatArrayOf(x0, y0, x1, y1)
}

/** A part of a photo in photo pixels. */
data class View(val left: Int, val top: Int, val width: Int, val height: Int) {
    /** Whether it is all of a photo. */
    internal fun isWhole(photo: Letterbox) = width == photo.width && height == photo.height

    companion object {
        /** All of a photo. */
        fun whole(width: Int, height: Int) = View(0, 0, width, height)
    }
}

/**
 * A photo fitted into the top left of the square input, so that its long side fills the input; see
 * `squeezesam/inference/letterbox.py`. Pairs have the value along x first and along y second.
 *
 * @property width of the photo in pixels
 * @property height of the photo in pixels
 * @property size side of the input in pixels
 */
class Letterbox(val width: Int, val height: Int, val size: Int) {
    /** Width and height of the photo. */
    val photo: IntArray = intArrayOf(width, height)

    /** Columns and rows of a mask that lie on the photo. */
    val maskSize: IntArray

    /** Width and height that the photo takes up in the input. */
    val inside: IntArray

    /** Columns and rows of the heat map that have their centre on the photo. */
    val heatSize: IntArray

    init {
        val whole = Spec.MAP_STRIDE.toDouble() * max(width, height)
        // Math.rint takes a half to the even neighbour, as Python's round does.
        maskSize = photo.mapped { max(1, Math.rint(it.toDouble() * size / whole).toInt()) }
        inside = maskSize.mapped { it * Spec.MAP_STRIDE }
        heatSize = inside.mapped {
            max(1, (it + Spec.SALIENCY_STRIDE / 2 - 1) / Spec.SALIENCY_STRIDE)
        }
    }

    /** Columns and rows of all of a mask. */
    internal val maskSide: Int get() = size / Spec.MAP_STRIDE

    /** The mask pixel, column and row, under the centre of a photo pixel. */
    fun maskPixel(place: Point): IntArray = IntArray(2) { axis ->
        val (cells, side) = maskSize[axis] to photo[axis]
        min(floor((2.0 * place[axis] + 1) * cells / (2.0 * side)).toInt(), cells - 1)
    }

    /**
     * The mask pixels whose centres lie in a box on the photo.
     *
     * @return x0, y0, x1, y1, without the pixels of x1 and y1
     */
    fun maskWindow(box: Box): IntArray = IntArray(4) { i ->
        val (cells, side) = maskSize[i % 2] to photo[i % 2]
        max(0, ceil((2.0 * box.edges[i] * cells - side) / (2.0 * side)).toInt())
    }

    /** The photo pixel under the centre of a pixel of the heat map. */
    fun photoPixel(column: Int, row: Int): IntArray = IntArray(2) { axis ->
        val centre = (2L * (if (axis == 0) column else row) + 1) * Spec.SALIENCY_STRIDE / 2
        min(centre * photo[axis] / inside[axis], photo[axis] - 1L).toInt()
    }

    /**
     * The input `image` that shows a part of a photo.
     *
     * @param photo of which a part is shown
     * @param view the part, of this letterbox's width and height; all of it where nothing is said
     * @return [1, 3, size, size]
     */
    fun apply(photo: Photo, view: View = View.whole(photo.width, photo.height)): FloatArray {
        val (columns, rows) = inside
        val bytes = Resizing.resizedBytes(photo, view, columns, rows)
        val plane = size * size
        val image = FloatArray(3 * plane) // zero is what PAD_BYTE is scaled to
        for (y in 0 until rows) {
            var from = y * columns * 3
            for (to in y * size until y * size + columns) {
                image[to] = scaled(bytes[from])
                image[plane + to] = scaled(bytes[from + 1])
                image[2 * plane + to] = scaled(bytes[from + 2])
                from += 3
            }
        }
        return image
    }

    /** The part of a mask [size/2, size/2] that lies on the photo: rows of `maskSize`. */
    internal fun cropped(mask: FloatArray): FloatArray {
        val (columns, rows) = maskSize
        val part = FloatArray(columns * rows)
        for (y in 0 until rows) {
            mask.copyInto(part, y * columns, y * maskSide, y * maskSide + columns)
        }
        return part
    }

    internal companion object {
        /** A byte as the network takes it. */
        fun scaled(byte: Byte): Float =
            ((byte.toInt() and 0xFF) - Spec.PIXEL_MEAN.toFloat()) * Spec.PIXEL_SCALE.toFloat()

        private inline fun IntArray.mapped(change: (Int) -> Int) = IntArray(size) { change(this[it]) }
    }
}
