package org.squeezesam.segmentation

import android.content.res.AssetManager
import android.graphics.Bitmap
import java.io.InputStream

// The only file of this library that knows Android.

/** A bundle in the assets of an app. */
class AssetFiles(private val assets: AssetManager, private val folder: String) : BundleFiles {
    override fun open(name: String): InputStream = assets.open("$folder/$name")
}

/**
 * The pixels of an upright bitmap, one row at a time; what is transparent lies over white.
 *
 * @throws ImageError it has no pixels, or more than can be used
 */
fun Photo.Companion.ofBitmap(bitmap: Bitmap): Photo = ofRows(bitmap.width, bitmap.height) { y, row ->
    bitmap.getPixels(row, 0, bitmap.width, 0, y, bitmap.width, 1)
}

/**
 * A soft cut-out of a photo: its pixels with one of `photoAlphas` of an answer.
 *
 * @param alpha bytes 0..255 row by row, of the size of the photo
 */
fun Photo.cutOut(alpha: ByteArray): Bitmap {
    val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    val row = IntArray(width)
    for (y in 0 until height) {
        argbRow(y, alpha, row)
        bitmap.setPixels(row, 0, width, 0, y, width, 1)
    }
    return bitmap
}
