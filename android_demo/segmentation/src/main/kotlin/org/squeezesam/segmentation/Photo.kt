package org.squeezesam.segmentation

/**
 * A photo as RGB bytes of its own, upright, row by row.
 *
 * @property width in pixels
 * @property height in pixels
 */
class Photo private constructor(val width: Int, val height: Int, internal val rgb: ByteArray) {
    /** Row `y` as numbers 0xAARRGGBB, with an opacity for each pixel of the photo. */
    fun argbRow(y: Int, alpha: ByteArray, row: IntArray) {
        for (x in 0 until width) {
            val (at, from) = y * width + x to 3 * (y * width + x)
            row[x] = alpha[at].toInt() and 0xFF shl 24 or
                (rgb[from].toInt() and 0xFF shl 16) or
                (rgb[from + 1].toInt() and 0xFF shl 8) or
                (rgb[from + 2].toInt() and 0xFF)
        }
    }

    companion object {
        /** The longest side of a photo in pixels; what JPEG can declare. */
        const val MAX_SIDE = 65_535

        /** The most pixels of a photo, as in `squeezesam/image_io.py`; three bytes are kept of each. */
        const val MAX_PIXELS = 70_000_000L

        /**
         * See that a photo can be used, by the size that its file declares; ask before it is decoded.
         *
         * @throws ImageError it has no pixels, or more than memory can be asked for
         */
        fun checkSize(width: Int, height: Int) {
            if (width !in 1..MAX_SIDE || height !in 1..MAX_SIDE) {
                throw ImageError("a photo of ${width}x$height pixels cannot be used; choose another one")
            }
            if (width.toLong() * height > MAX_PIXELS) {
                throw ImageError(
                    "a photo of ${width}x$height pixels is too large; choose one of at most " +
                        "${MAX_PIXELS / PIXELS_PER_MEGAPIXEL} megapixels",
                )
            }
        }

        /**
         * By how much to sample a photo down while it is decoded: the smallest power of two, as
         * Android's `inSampleSize`, that leaves at most so many pixels.
         *
         * @throws ImageError it has no size that a photo can have
         */
        fun sampleSize(width: Int, height: Int, mostPixels: Long): Int {
            if (width !in 1..MAX_SIDE || height !in 1..MAX_SIDE) checkSize(width, height)
            var step = 1
            while ((width / step).toLong() * (height / step) > mostPixels) step *= 2
            return step
        }

        /**
         * A photo of RGB bytes, which are copied.
         *
         * @throws ImageError there are not three bytes for each pixel, or `checkSize` refuses it
         */
        fun ofRgb(width: Int, height: Int, rgb: ByteArray): Photo {
            checkSize(width, height)
            if (rgb.size != 3 * width * height) {
                throw ImageError("${rgb.size} bytes are no ${width}x$height photo; choose another one")
            }
            return Photo(width, height, rgb.copyOf())
        }

        /**
         * A photo of numbers 0xAARRGGBB, as Android's `Bitmap.getPixels` gives them; what is
         * transparent lies over white.
         *
         * @throws ImageError there is not one number for each pixel, or `checkSize` refuses it
         */
        fun ofArgb(width: Int, height: Int, argb: IntArray): Photo {
            checkSize(width, height)
            if (argb.size != width * height) {
                throw ImageError("${argb.size} pixels are no ${width}x$height photo; choose another one")
            }
            return ofRows(width, height) { y, row -> argb.copyInto(row, 0, y * width, (y + 1) * width) }
        }

        /**
         * As `ofArgb`, one row after the other, so that no second copy of the photo is needed.
         *
         * @param fill writes row `y` of `width` numbers 0xAARRGGBB
         */
        fun ofRows(width: Int, height: Int, fill: (y: Int, row: IntArray) -> Unit): Photo {
            checkSize(width, height)
            val rgb = ByteArray(3 * width * height)
            val row = IntArray(width)
            var to = 0
            for (y in 0 until height) {
                fill(y, row)
                for (pixel in row) {
                    val alpha = pixel ushr 24
                    rgb[to++] = overWhite(pixel ushr 16 and 0xFF, alpha)
                    rgb[to++] = overWhite(pixel ushr 8 and 0xFF, alpha)
                    rgb[to++] = overWhite(pixel and 0xFF, alpha)
                }
            }
            return Photo(width, height, rgb)
        }

        private const val PIXELS_PER_MEGAPIXEL = 1_000_000

        private fun overWhite(level: Int, alpha: Int): Byte = when (alpha) {
            255 -> level
            else -> 255 + Math.floor((level - 255) * alpha / 255.0 + 0.5).toInt()
        }.toByte()
    }
}
