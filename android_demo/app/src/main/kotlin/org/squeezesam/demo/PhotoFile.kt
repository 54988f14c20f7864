package org.squeezesam.demo

import java.io.EOFException
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.io.RandomAccessFile
import org.squeezesam.segmentation.ImageError
import org.squeezesam.segmentation.Photo

// Knows no Android, so that it is tested on the JVM.

/** What is asked of a photo's file before Android decodes it, and how a picture is written. */
object PhotoFile {
    /** The largest file that is taken. */
    const val MOST_BYTES = 100_000_000L

    private const val BYTES_PER_PIXEL = 24
    private const val FEWEST_PIXELS = 2_000_000L
    private const val PART = 1 shl 16
    private const val MARKER = 0xFF
    private const val START_OF_SCAN = 0xDA
    private const val END_OF_IMAGE = 0xD9
    private val JPEG = byteArrayOf(0xFF.toByte(), 0xD8.toByte())
    private val PNG = byteArrayOf(0x89.toByte(), 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A)
    private const val PNG_END = 0x49454E44

    /**
     * Copy a photo to a file.
     *
     * @throws ImageError it is too large
     * @throws IOException it cannot be read, or the file not be written
     */
    fun copy(from: InputStream, to: OutputStream, most: Long = MOST_BYTES) {
        val part = ByteArray(PART)
        var total = 0L
        while (true) {
            val count = from.read(part)
            if (count < 0) return
            total += count
            if (total > most) throw ImageError("the photo has more than ${most / 1_000_000} MB; choose a smaller one")
            to.write(part, 0, count)
        }
    }

    /**
     * Write all of a file, or leave none behind.
     *
     * @param to opens the place
     * @param remove takes away what is there; whether that fails is not told
     * @param write answers whether all was written
     * @throws IOException the place cannot be written to, or not all was written
     */
    fun writeWhole(to: () -> OutputStream, remove: () -> Unit, write: (OutputStream) -> Boolean) {
        var isWhole = false
        try {
            isWhole = to().use(write)
            if (!isWhole) throw IOException("it takes no more, or is full")
        } finally {
            if (!isWhole) {
                try {
                    remove()
                } catch (error: IOException) {
                    // The user is told of the first error.
                } catch (error: RuntimeException) { // other apps throw what they like
                }
            }
        }
    }

    /**
     * How many pixels of a photo are used at most, so that the photo, its mask and its cut-out fit.
     *
     * @param memoryClass megabytes that Android gives an app
     */
    fun mostPixels(memoryClass: Int): Long =
        (memoryClass * 1_000_000L / BYTES_PER_PIXEL).coerceIn(FEWEST_PIXELS, Photo.MAX_PIXELS)

    /**
     * See that a JPEG or PNG has its end: Android shows what there is of a photo that breaks off.
     *
     * @throws ImageError it breaks off
     * @throws IOException it cannot be read
     */
    fun checkWhole(file: File) {
        RandomAccessFile(file, "r").use { bytes ->
            val head = ByteArray(PNG.size).also { bytes.read(it) }
            val whole = try {
                when {
                    head.copyOf(JPEG.size).contentEquals(JPEG) -> hasJpegEnd(bytes)
                    head.contentEquals(PNG) -> hasPngEnd(bytes)
                    else -> true // Android itself refuses broken files of the other kinds
                }
            } catch (error: EOFException) {
                false
            }
            if (!whole) throw ImageError("the photo breaks off; copy it anew, or choose another one")
        }
    }

    /** Segments with a length up to the first scan, then scans up to the marker of the end. */
    private fun hasJpegEnd(bytes: RandomAccessFile): Boolean {
        bytes.seek(JPEG.size.toLong())
        while (true) {
            if (bytes.readUnsignedByte() != MARKER) return false
            var marker = bytes.readUnsignedByte()
            while (marker == MARKER) marker = bytes.readUnsignedByte()
            if (marker == END_OF_IMAGE) return false // before any scan
            val length = bytes.readUnsignedShort()
            if (length < 2) return false
            bytes.seek(bytes.filePointer + length - 2)
            if (marker == START_OF_SCAN) break
        }
        val part = ByteArray(PART)
        var last = 0
        while (true) {
            val count = bytes.read(part)
            if (count < 0) return false
            for (i in 0 until count) {
                val byte = part[i].toInt() and 0xFF
                if (last == MARKER && byte == END_OF_IMAGE) return true
                last = byte
            }
        }
    }

    private fun hasPngEnd(bytes: RandomAccessFile): Boolean {
        bytes.seek(PNG.size.toLong())
        while (true) {
            val length = bytes.readInt()
            val type = bytes.readInt()
            if (length < 0) return false
            if (type == PNG_END) return true
            bytes.seek(bytes.filePointer + length + Int.SIZE_BYTES) // the sum of the chunk
        }
    }
}
