package org.squeezesam.segmentation

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/**
 * Two looks at a photo: a glance at all of it, then a closer look at what the glance found. The rules
 * are written down in `docs/looks.md` and `squeezesam/inference/looks.py`.
 */
internal object Looks {
    /**
     * The view around a mask and what belongs to it.
     *
     * @param mask the part of it that lies on the photo
     * @param prompts in photo pixels
     * @param letterbox of the photo
     * @param looking how close
     */
    fun surroundings(mask: BooleanArray, prompts: Prompts, letterbox: Letterbox, looking: Looking): View {
        val (photo, cells) = letterbox.photo to letterbox.maskSize
        val spans = List(2) { ArrayList<Int>() } // edges along x and along y
        bounds(mask, cells[0])?.let { found ->
            for (axis in 0..1) {
                spans[axis] += floor(found[axis].toDouble() * photo[axis] / cells[axis]).toInt()
                spans[axis] += ceil(found[axis + 2].toDouble() * photo[axis] / cells[axis]).toInt()
            }
        }
        for (place in prompts.coordsOf(PointLabel.POSITIVE)) {
            for (axis in 0..1) {
                val pixel = floor(place[axis]).toInt()
                spans[axis] += listOf(pixel, pixel + 1)
            }
        }
        prompts.box?.edges?.forEachIndexed { i, edge ->
            spans[i % 2] += (if (i < 2) floor(edge) else ceil(edge)).toInt()
        }
        if (spans[0].isEmpty()) return View.whole(letterbox.width, letterbox.height)
        val low = spans.map { it.reduce(::min) }
        val high = spans.map { it.reduce(::max) }
        val longest = max(high[0] - low[0], high[1] - low[1]).toLong()
        val wanted = max((longest * looking.surroundings + 99) / 100, looking.smallest.toLong())
        val length = IntArray(2) { axis ->
            val side = photo[axis]
            min(max(wanted, ceil(side.toDouble() / cells[axis]).toLong()), side.toLong()).toInt()
        }
        val start = IntArray(2) { axis ->
            val middle = floor((low[axis] + high[axis] - length[axis]) / 2.0).toInt()
            min(max(middle, 0), photo[axis] - length[axis])
        }
        return View(start[0], start[1], length[0], length[1])
    }

    /** The smallest window with all of a mask in it: x0, y0, x1, y1; null where the mask is empty. */
    private fun bounds(mask: BooleanArray, width: Int): IntArray? {
        var found: IntArray? = null
        for (i in mask.indices) {
            if (!mask[i]) continue
            val (x, y) = i % width to i / width
            val window = found ?: intArrayOf(x, y, 0, 0).also { found = it }
            window[0] = min(window[0], x)
            window[2] = max(window[2], x + 1)
            window[3] = y + 1
        }
        return found
    }

    /** Prompts on the photo as prompts on a view; clicks beside it are left out. */
    fun movedPrompts(prompts: Prompts, view: View): Prompts {
        val (left, top) = view.left.toFloat() to view.top.toFloat()
        val places = prompts.coords.map { Point(it.x - left, it.y - top) }
        val inside = places.indices.filter {
            places[it].x >= 0 && places[it].x < view.width && places[it].y >= 0 && places[it].y < view.height
        }
        val box = prompts.box?.let { Box(it.x0 - left, it.y0 - top, it.x1 - left, it.y1 - top) }
        return Prompts(inside.map { places[it] }, inside.map { prompts.labels[it] }, box)
    }

    /**
     * A mask of the photo as the previous mask of a view.
     *
     * @param logits [size/2, size/2] of a mask of the whole photo
     * @param photo its letterbox; of any size
     * @param view of the photo
     * @param letterbox of the view
     * @return [S/2, S/2], S being the size of `letterbox`
     */
    fun ontoView(logits: FloatArray, photo: Letterbox, view: View, letterbox: Letterbox): FloatArray {
        val starts = intArrayOf(view.left, view.top)
        val lengths = intArrayOf(view.width, view.height)
        val places = List(2) { axis ->
            centres(letterbox.maskSize[axis], lengths[axis]).map {
                (starts[axis] + it) * photo.maskSize[axis] / photo.photo[axis] - 0.5
            }
        }
        val moved = resampled(photo.cropped(logits), photo.maskSize, places)
        return laidOut(moved, places[0].size, intArrayOf(0, 0), letterbox.maskSide)
    }

    /**
     * A mask of a view as a mask of the photo.
     *
     * @param logits [S/2, S/2] of a mask of the view
     * @param view of the photo
     * @param letterbox of the view
     * @param photo letterbox of the photo, of the same size S
     * @return [S/2, S/2]; OUTSIDE_LOGIT where a mask pixel has its centre outside
     */
    fun ontoPhoto(logits: FloatArray, view: View, letterbox: Letterbox, photo: Letterbox): FloatArray {
        val starts = intArrayOf(view.left, view.top)
        val lengths = intArrayOf(view.width, view.height)
        val first = IntArray(2)
        val places = List(2) { axis ->
            val all = centres(photo.maskSize[axis], photo.photo[axis]).map { it - starts[axis] }
            first[axis] = max(0, all.indexOfFirst { it >= 0 && it < lengths[axis] })
            all.filter { it >= 0 && it < lengths[axis] }.map { it * letterbox.maskSize[axis] / lengths[axis] - 0.5 }
        }
        val moved = resampled(letterbox.cropped(logits), letterbox.maskSize, places)
        return laidOut(moved, places[0].size, first, photo.maskSide)
    }

    /** Where the centres of cells lie that divide a length evenly. */
    private fun centres(cells: Int, length: Int) = List(cells) { (it + 0.5) * length / cells }

    /** Rows of `width` values in a square of OUTSIDE_LOGIT, from the pixel `first` on. */
    private fun laidOut(values: FloatArray, width: Int, first: IntArray, side: Int): FloatArray {
        val square = FloatArray(side * side)
        square.fill(Spec.OUTSIDE_LOGIT)
        if (width == 0) return square
        for (row in 0 until values.size / width) {
            values.copyInto(square, (first[1] + row) * side + first[0], row * width, (row + 1) * width)
        }
        return square
    }

    private class Between(place: Double, last: Int) {
        private val at = min(max(place, 0.0), last.toDouble())
        val low = floor(at).toInt()
        val next = min(low + 1, last)
        val share = (at - low).toFloat()
    }

    /**
     * Values at other places, bilinearly, in 32-bit floats; beyond the edges the edge goes on.
     *
     * @param values row by row
     * @param size columns and rows of them
     * @param places along the rows and down the columns
     */
    private fun resampled(values: FloatArray, size: IntArray, places: List<List<Double>>): FloatArray {
        val width = size[0]
        val columns = places[0].map { Between(it, width - 1) }
        val rows = places[1].map { Between(it, size[1] - 1) }
        val result = FloatArray(columns.size * rows.size)
        val line = FloatArray(width)
        rows.forEachIndexed { i, row ->
            for (column in 0 until width) {
                val before = values[row.low * width + column]
                line[column] = before + (values[row.next * width + column] - before) * row.share
            }
            columns.forEachIndexed { j, column ->
                val before = line[column.low]
                result[i * columns.size + j] = before + (line[column.next] - before) * column.share
            }
        }
        return result
    }
}
