package org.squeezesam.demo

import android.app.ActivityManager
import android.content.ContentResolver
import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.media.ExifInterface
import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.IOException
import kotlin.math.max
import kotlin.math.roundToInt
import org.squeezesam.segmentation.ImageError
import org.squeezesam.segmentation.Photo
import org.squeezesam.segmentation.ofBitmap
import org.squeezesam.segmentation.reason

/**
 * A photo, ready for the networks and for the screen.
 *
 * @property pixels that the networks see
 * @property shown the same, at most `PhotoReader.LONGEST_SHOWN` pixels long
 * @property reduced whether the file has more pixels
 */
class OpenPhoto(val pixels: Photo, val shown: Bitmap, val reduced: Boolean)

/** Photos of other apps: copied, turned upright, and never larger than memory allows. */
object PhotoReader {
    /** What a screen can show; larger bitmaps cannot be drawn everywhere. */
    const val LONGEST_SHOWN = 1600

    /**
     * Copy a photo of another app to a file of this one; permission to read it does not last.
     *
     * @return its name
     * @throws ImageError it cannot be read
     */
    fun copy(context: Context, from: Uri, to: File): String {
        val partial = File(to.path + ".part")
        try {
            val stream = context.contentResolver.openInputStream(from) ?: throw IOException("it is empty")
            stream.use { input -> partial.outputStream().use { PhotoFile.copy(input, it) } }
            if (!partial.renameTo(to)) throw IOException("it cannot be renamed")
        } catch (error: IOException) {
            throw ImageError("the photo cannot be read (${reason(error)}); choose another one", error)
        } catch (error: RuntimeException) { // other apps throw what they like
            throw ImageError("the other app does not give the photo (${reason(error)}); open it from here", error)
        } finally {
            partial.delete()
        }
        return nameOf(context.contentResolver, from)
    }

    /**
     * Decode a photo, upright.
     *
     * @throws ImageError it is no photo, has no pixels or too many, or breaks off
     */
    fun read(context: Context, file: File): OpenPhoto {
        val options = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeFile(file.path, options)
        val (width, height) = options.outWidth to options.outHeight
        if (width <= 0 || height <= 0) throw ImageError("this file is no photo that Android can read; choose a JPEG or PNG")
        val memory = context.getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager
        val step = Photo.sampleSize(width, height, PhotoFile.mostPixels(memory.memoryClass))
        val upright = try {
            PhotoFile.checkWhole(file)
            options.inJustDecodeBounds = false
            options.inSampleSize = step
            options.inPreferredConfig = Bitmap.Config.ARGB_8888
            val decoded = BitmapFactory.decodeFile(file.path, options)
                ?: throw ImageError("the photo is damaged; copy it anew, or choose another one")
            turned(decoded, file)
        } catch (error: IOException) {
            throw ImageError("the photo cannot be read (${reason(error)}); choose another one", error)
        }
        val pixels = Photo.ofBitmap(upright)
        val scale = LONGEST_SHOWN.toDouble() / max(upright.width, upright.height)
        if (scale >= 1) return OpenPhoto(pixels, upright, step > 1)
        val (wide, high) = listOf(upright.width, upright.height).map { max(1, (it * scale).roundToInt()) }
        return OpenPhoto(pixels, Bitmap.createScaledBitmap(upright, wide, high, true), step > 1)
    }

    private fun turned(bitmap: Bitmap, file: File): Bitmap {
        val turn = Matrix()
        val orientation = ExifInterface(file.path)
            .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)
        val (flipped, degrees) = when (orientation) {
            ExifInterface.ORIENTATION_FLIP_HORIZONTAL -> true to 0f
            ExifInterface.ORIENTATION_ROTATE_180 -> false to 180f
            ExifInterface.ORIENTATION_FLIP_VERTICAL -> true to 180f
            ExifInterface.ORIENTATION_TRANSPOSE -> true to 270f
            ExifInterface.ORIENTATION_ROTATE_90 -> false to 90f
            ExifInterface.ORIENTATION_TRANSVERSE -> true to 90f
            ExifInterface.ORIENTATION_ROTATE_270 -> false to 270f
            else -> return bitmap
        }
        if (flipped) turn.postScale(-1f, 1f)
        turn.postRotate(degrees)
        return Bitmap.createBitmap(bitmap, 0, 0, bitmap.width, bitmap.height, turn, false)
    }

    private fun nameOf(resolver: ContentResolver, uri: Uri): String {
        val columns = arrayOf(OpenableColumns.DISPLAY_NAME)
        val name = try {
            resolver.query(uri, columns, null, null, null)?.use { if (it.moveToFirst()) it.getString(0) else null }
        } catch (error: RuntimeException) { // other apps throw what they like
            null
        }
        return name?.substringBeforeLast('.')?.takeIf { it.isNotBlank() } ?: SelectionStore.DEFAULT_NAME
    }
}
