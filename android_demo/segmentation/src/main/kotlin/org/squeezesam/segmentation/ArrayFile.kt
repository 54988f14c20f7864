package org.squeezesam.segmentation

import java.io.ByteArrayInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream

/** An array of a golden file: values of any of its element types, as numbers. */
internal class ArrayOfNumbers(val shape: List<Int>, val type: String, private val bytes: ByteBuffer) {
    val size: Int get() = shape.fold(1) { all, side -> all * side }

    /** Bytes 0..255 or float32, as floats. */
    fun floats(): FloatArray = when (type) {
        "|u1" -> FloatArray(size) { (bytes.get(bytes.position() + it).toInt() and 0xFF).toFloat() }
        "<f4" -> FloatArray(size).also { littleEndian().asFloatBuffer().get(it) }
        else -> littleEndian().asLongBuffer().let { longs -> FloatArray(size) { longs.get(it).toFloat() } }
    }

    private fun littleEndian() = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)

    /** One of the parts that its first axis has, or the only one. */
    fun part(number: Int): FloatArray {
        val all = floats()
        val count = all.size / shape[0]
        val at = if (shape[0] == 1) 0 else number
        return all.copyOfRange(at * count, (at + 1) * count)
    }
}

private const val MAX_UNPACKED_BYTES = 400_000_000L
private const val MAGIC_BYTES = 10
private val HEADER = Regex(
    "\\{'descr': '(\\|u1|<f4|<i8)', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), \\}\\s*",
)
private val ELEMENT_BYTES = mapOf("|u1" to 1L, "<f4" to 4L, "<i8" to 8L)

/**
 * The arrays of an .npz file by name.
 *
 * @throws ArtifactError it is no such file, or one of another kind of elements
 */
internal fun readArrays(name: String, bytes: ByteArray): Map<String, ArrayOfNumbers> {
    try {
        val arrays = LinkedHashMap<String, ArrayOfNumbers>()
        var unpacked = 0L
        ZipInputStream(ByteArrayInputStream(bytes)).use { zip ->
            while (true) {
                val entry = zip.nextEntry ?: break
                val content = zip.bytes(MAX_UNPACKED_BYTES - unpacked) ?: throw IOException("it is too large")
                unpacked += content.size
                arrays[entry.name.removeSuffix(".npy")] = arrayOf(content)
            }
        }
        return arrays
    } catch (error: IOException) {
        throw ArtifactError("$name is no golden file (${reason(error)}); export again", error)
    } catch (error: IllegalArgumentException) { // of names in a damaged list of files
        throw ArtifactError("$name is no golden file (${reason(error)}); export again", error)
    }
}

private fun arrayOf(content: ByteArray): ArrayOfNumbers {
    val isArray = content.size >= MAGIC_BYTES && content[0] == 0x93.toByte() &&
        String(content, 1, 5, Charsets.ISO_8859_1) == "NUMPY" && content[6].toInt() == 1
    if (!isArray) throw IOException("a part is no array")
    val length = (content[8].toInt() and 0xFF) or ((content[9].toInt() and 0xFF) shl 8)
    val start = MAGIC_BYTES + length
    if (start > content.size) throw IOException("an array ends early")
    val header = HEADER.matchEntire(String(content, MAGIC_BYTES, length, Charsets.ISO_8859_1))
        ?: throw IOException("an array has an unknown form")
    val (type, sides) = header.destructured
    val shape = sides.split(",").map { it.trim() }.filter { it.isNotEmpty() }
        .map { it.toIntOrNull() ?: throw IOException("an array has an unknown shape") }
    val wanted = shape.fold(ELEMENT_BYTES.getValue(type)) { all, side -> if (all > content.size) all else all * side }
    if (wanted != (content.size - start).toLong()) throw IOException("an array ends early")
    return ArrayOfNumbers(shape, type, ByteBuffer.wrap(content, start, content.size - start).slice())
}
