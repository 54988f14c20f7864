package org.squeezesam.segmentation

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.math.abs
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** What Python answers to drawn inputs; tests/test_android_library.py writes it. */
internal fun vectors(name: String): Json = Json.parse(File(System.getProperty("vectors"), "$name.json").readText())

/** The export that the tests run on. */
internal val bundleFolder: File get() = File(System.getProperty("bundle"))

internal fun Json.bytes(): ByteArray = Base64.getDecoder().decode(text)

internal fun Json.packedFloats(): FloatArray {
    val buffer = ByteBuffer.wrap(bytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(buffer.remaining()).also { buffer.get(it) }
}

internal fun Json.mask(): BooleanArray = bytes().let { all -> BooleanArray(all.size) { all[it] != 0.toByte() } }

internal fun Json.point(): Point = floats.let { (x, y) -> Point(x, y) }

internal fun Json.box(): Box = floats.let { (x0, y0, x1, y1) -> Box(x0, y0, x1, y1) }

internal fun Json.photo(pixels: Json): Photo =
    ints.let { (width, height) -> Photo.ofRgb(width, height, pixels.bytes()) }

internal fun assertClose(found: FloatArray, wanted: FloatArray, tolerance: Float, what: String) {
    assertEquals(wanted.size, found.size, what)
    for (i in found.indices) {
        assertTrue(abs(found[i] - wanted[i]) <= tolerance, "$what: ${found[i]} is not ${wanted[i]} at $i")
    }
}

internal fun iou(one: BooleanArray, other: BooleanArray): Double {
    assertEquals(one.size, other.size)
    val both = one.indices.count { one[it] && other[it] }
    val either = one.indices.count { one[it] || other[it] }
    return if (either == 0) 1.0 else both.toDouble() / either
}

/** Ask a predictor all that Python was asked, and hold its answers to Python's. */
internal fun assertAnswers(predictor: SaliencyPredictor, given: Json, compare: (String, Prediction, Json) -> Unit) {
    predictor.setImage(given["photo"].photo(given["pixels"]))
    val answers = HashMap<String, Prediction>()
    for (one in given["asked"].items) {
        val question = one["question"]
        fun <T> said(name: String, read: (Json) -> T): T? = if (name in question.fields) read(question[name]) else null
        val coords = said("point_coords") { all -> all.items.map { it.point() } }
        val labels = said("point_labels") { it.ints.toList() }
        val previous = one["previous"].orNull { answers.getValue(it.text).lowResMasks[0] }
        val several = said("multimask_output") { it.flag }
        val found = when (one["method"].text) {
            "edit" -> predictor.edit(coords!!, labels!!, previous, several ?: false)
            else -> predictor.predict(coords, labels, said("box") { it.box() }, previous, several ?: true)
        }
        val name = one["name"].text
        answers[name] = found
        assertEquals(one["masks"].items.size, found.masks.size, name)
        compare(name, found, one)
    }
}

/** Arithmetic in the place of networks, the same as in tests/web_vectors.py. */
internal class StandIn(override val kind: NetworkKind) : LoadedNetwork {
    override val inputSize = 64
    var images = ArrayList<FloatArray>()
    var broken = false

    override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
        val image = inputs.getValue(Spec.IMAGE)
        images.add(image)
        if (kind == NetworkKind.DETECTOR) {
            return mapOf(Spec.SALIENCY_LOGITS to FloatArray(256) { answer(12 * light(image, it, 4)) })
        }
        val maps = inputs.getValue(Spec.PROMPT_MAPS)
        val area = inputSize * inputSize / 4
        val masks = FloatArray(4 * area) {
            val at = it % area
            val (positive, negative) = maps[at] to maps[area + at]
            val prompts = 3 * positive - 3 * negative + 2 * maps[2 * area + at] + 3 * maps[3 * area + at]
            answer(8 * light(image, at, 2) + prompts - 1 - 0.5f * (it / area))
        }
        val sum = inputs.getValue(Spec.PROMPT_TOKENS).sum()
        return mapOf(Spec.LOW_RES_MASKS to masks, Spec.IOU_PREDICTIONS to FloatArray(4) { sum / 100 + it })
    }

    private fun answer(logit: Float) = if (broken) Float.NaN else logit

    private fun light(image: FloatArray, pixel: Int, stride: Int): Float {
        val (side, plane) = inputSize / stride to inputSize * inputSize
        val at = pixel / side * stride * inputSize + pixel % side * stride
        return (image[at] + image[plane + at] + image[2 * plane + at]) / 3
    }
}
