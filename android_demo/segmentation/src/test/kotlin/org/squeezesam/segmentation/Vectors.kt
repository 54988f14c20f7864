package org.squeezesam.segmentation

import java.io.File
import kotlin.math.abs
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** What the exporter and tests/test_android_library.py write. */
internal fun vectors(name: String): Json = Json.parse(File(System.getProperty("vectors"), "$name.json").readText())

/** The export that the tests run on. */
internal val bundleFolder: File get() = File(System.getProperty("bundle"))

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

/** Arithmetic in the place of networks that can be spoiled, and keeps what it was shown. */
internal class StandIn(kind: NetworkKind) : StandInNetwork(kind, 64) {
    var images = ArrayList<FloatArray>()
    var broken = false

    override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
        images.add(inputs.getValue(Spec.IMAGE))
        val answers = super.run(inputs)
        return if (broken) answers.mapValues { (_, one) -> FloatArray(one.size) { Float.NaN } } else answers
    }
}
