package org.squeezesam.segmentation

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.tanh

/**
 * What was found in a heat map.
 *
 * @property area pixels of the blob
 * @property clicks in pixels of the heat map
 */
data class SalientObject(val area: Int, val clicks: List<Pixel>)

/**
 * The saliency prompt: from the detector's answer to five clicks on the most prominent object. The
 * rules are written down in `docs/salient.md` and `squeezesam/inference/saliency_prompt.py`.
 */
object SaliencyPrompt {
    /** The byte of the heat map for a logit. */
    fun heatByte(logit: Float): Int = floor(Spec.HEAT_LEVELS * (1 + tanh(logit / 2.0)) / 2 + 0.5).toInt()

    /**
     * The most salient object of a heat map and the clicks on it; null where nothing stands out.
     *
     * @param heat bytes 0..255, row by row
     * @param width of it
     */
    fun findSalientObject(heat: IntArray, width: Int, sampling: ClickSampling = ClickSampling()): SalientObject? {
        val pieces = Pieces(BooleanArray(heat.size) { heat[it] >= sampling.threshold }, width, corners = true)
        if (pieces.areas.size == 1) return null
        val sums = LongArray(pieces.areas.size)
        for (i in heat.indices) if (pieces.numbers[i] != 0) sums[pieces.numbers[i]] += heat[i].toLong()
        var chosen = 1
        for (number in 2 until sums.size) if (sums[number] > sums[chosen]) chosen = number
        val blob = heat.indices.filter { pieces.numbers[it] == chosen }
        val peak = blob.fold(0) { most, i -> max(most, heat[i]) }
        val isLarge = 1000L * blob.size >= sampling.smallestPerMille.toLong() * heat.size
        if (!isLarge || peak < sampling.peak) return null
        return SalientObject(blob.size, sectionClicks(blob.map { Pixel(it % width, it / width) }).take(sampling.clicks))
    }

    /** Clicks on the centre of mass of a blob that is not empty, and of its four sections. */
    private fun sectionClicks(pixels: List<Pixel>): List<Pixel> {
        val whole = nearestToCentre(pixels)
        val clicks = arrayListOf(whole)
        for (below in listOf(false, true)) {
            for (right in listOf(false, true)) {
                val section = pixels.filter { (it.y > whole.y) == below && (it.x > whole.x) == right }
                clicks += if (section.isEmpty()) whole else nearestToCentre(section)
            }
        }
        return clicks
    }

    /** The pixel that is nearest to the centre of mass of pixels in reading order, the first of equals. */
    private fun nearestToCentre(pixels: List<Pixel>): Pixel {
        val (sumX, sumY) = pixels.fold(0L) { sum, it -> sum + it.x } to pixels.fold(0L) { sum, it -> sum + it.y }
        var nearest = pixels[0]
        var least = Long.MAX_VALUE
        for (pixel in pixels) {
            val (across, down) = pixels.size.toLong() * pixel.x - sumX to pixels.size.toLong() * pixel.y - sumY
            val distance = across * across + down * down
            if (distance < least) {
                nearest = pixel
                least = distance
            }
        }
        return nearest
    }
}

/**
 * What stands out in a photo.
 *
 * @property saliencyLogits [1, 1, size/4, size/4], as the detector gives them
 * @property letterbox of the photo in the detector's input
 */
class Finding(
    val saliencyLogits: FloatArray,
    val letterbox: Letterbox,
    sampling: ClickSampling = ClickSampling(),
) {
    /** The part of the heat map that lies on the photo: bytes 0..255, rows of `heatSize`. */
    val heat: IntArray

    /** Null where nothing stands out. */
    val salient: SalientObject?

    /** The clicks in photo pixels; empty where nothing stands out. */
    val coords: List<Point>

    init {
        val (columns, rows) = letterbox.heatSize
        val side = letterbox.size / Spec.SALIENCY_STRIDE
        heat = IntArray(columns * rows) {
            SaliencyPrompt.heatByte(saliencyLogits[it / columns * side + it % columns])
        }
        salient = SaliencyPrompt.findSalientObject(heat, columns, sampling)
        coords = salient?.clicks.orEmpty().map { click ->
            letterbox.photoPixel(click.x, click.y).let { (x, y) -> Point(x.toFloat(), y.toFloat()) }
        }
    }

    /** Labels of `coords`: all positive. */
    val labels: List<Int> get() = coords.map { PointLabel.POSITIVE }

    /**
     * The heat map as an earlier mask of the photo.
     *
     * @param photo letterbox of the photo in the segmenter's input, of S pixels
     * @return [S/2, S/2] logits
     */
    fun maskInput(photo: Letterbox): FloatArray {
        val heatSide = letterbox.size / Spec.SALIENCY_STRIDE
        val side = letterbox.maskSide
        val logits = Resizing.resizedValues(saliencyLogits, heatSide, heatSide, side, side)
        return Looks.ontoView(logits, letterbox, View.whole(photo.width, photo.height), photo)
    }
}
