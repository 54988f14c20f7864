package org.squeezesam.segmentation

import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/**
 * Masks at the size of the photo, or of a smaller picture of it; see `photo_masks` and
 * `photo_alphas` in `squeezesam/inference/letterbox.py`. All logits are [size/2, size/2] of the square.
 */
object MaskUpsampling {
    /** Which logits exceed the threshold. */
    fun maskOf(logits: FloatArray): BooleanArray = BooleanArray(logits.size) { logits[it] > Spec.MASK_THRESHOLD }

    /** Logits of a mask at another size, that of the photo where nothing else is said. */
    fun photoLogits(
        logits: FloatArray,
        letterbox: Letterbox,
        width: Int = letterbox.width,
        height: Int = letterbox.height,
    ): FloatArray {
        val (columns, rows) = letterbox.maskSize
        return Resizing.resizedValues(letterbox.cropped(logits), columns, rows, width, height)
    }

    /** A mask at another size, that of the photo where nothing else is said. */
    fun photoMask(
        logits: FloatArray,
        letterbox: Letterbox,
        width: Int = letterbox.width,
        height: Int = letterbox.height,
    ): BooleanArray {
        val (columns, rows) = letterbox.maskSize
        val mask = BooleanArray(width * height)
        Resizing.forEachRow(letterbox.cropped(logits), columns, rows, width, height) { y, line ->
            for (x in 0 until width) mask[y * width + x] = line[x] > Spec.MASK_THRESHOLD
        }
        return mask
    }

    /**
     * The opacity of a soft cut-out: near the outline how sure the network is, away from it 0 or 255.
     *
     * @return bytes 0..255 row by row, at the size of the photo where nothing else is said
     */
    fun photoAlpha(
        logits: FloatArray,
        letterbox: Letterbox,
        width: Int = letterbox.width,
        height: Int = letterbox.height,
    ): ByteArray {
        val (columns, rows) = letterbox.maskSize
        val part = letterbox.cropped(logits)
        val softness = Resizing.RowResizer(nearOutline(part, columns), columns, rows, width, height)
        val alpha = ByteArray(width * height)
        Resizing.forEachRow(part, columns, rows, width, height) { y, line ->
            val near = softness.row(y)
            for (x in 0 until width) {
                val hard = if (line[x] > Spec.MASK_THRESHOLD) 1.0 else 0.0
                val soft = if (near[x] == 0f) hard else sigmoid(Spec.EDGE_SHARPNESS * (line[x] - Spec.MASK_THRESHOLD))
                alpha[y * width + x] = Math.rint(OPAQUE * (hard + near[x] * (soft - hard))).toInt().toByte()
            }
        }
        return alpha
    }

    private const val OPAQUE = 255

    private fun sigmoid(value: Double) = 1 / (1 + exp(-value))

    /** 1 for a mask pixel of which one of the eight around it is on the other side of the outline. */
    private fun nearOutline(part: FloatArray, width: Int): FloatArray {
        val height = part.size / width
        val mask = maskOf(part)
        return FloatArray(part.size) { i ->
            val (x, y) = i % width to i / width
            val near = (max(y - 1, 0)..min(y + 1, height - 1)).any { row ->
                (max(x - 1, 0)..min(x + 1, width - 1)).any { mask[row * width + it] != mask[i] }
            }
            if (near) 1f else 0f
        }
    }
}
