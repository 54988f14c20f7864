package org.squeezesam.segmentation

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Every part of the library by itself, held to what Python answers. */
class VectorsTest {
    @Test
    fun constantsAreThoseOfPython() {
        val given = vectors("constants")
        val numbers = mapOf<String, Number>(
            "MAP_STRIDE" to Spec.MAP_STRIDE,
            "SALIENCY_STRIDE" to Spec.SALIENCY_STRIDE,
            "HEAT_LEVELS" to Spec.HEAT_LEVELS,
            "PIXEL_MEAN" to Spec.PIXEL_MEAN,
            "PIXEL_SCALE" to Spec.PIXEL_SCALE,
            "PAD_BYTE" to Spec.PAD_BYTE,
            "DISC_RADIUS" to Spec.DISC_RADIUS,
            "POINT_SLOTS" to Spec.POINT_SLOTS,
            "BOX_SLOTS" to Spec.BOX_SLOTS,
            "TOKEN_SLOTS" to Spec.TOKEN_SLOTS,
            "POSITION_FREQUENCIES" to Spec.POSITION_FREQUENCIES,
            "POSITION_FEATURES" to Spec.POSITION_FEATURES,
            "TOKEN_KINDS" to Spec.TOKEN_KINDS,
            "TOKEN_FEATURES" to Spec.TOKEN_FEATURES,
            "NUM_MASKS" to Spec.NUM_MASKS,
            "MASK_THRESHOLD" to Spec.MASK_THRESHOLD,
            "FLIPPED_LOGIT" to Spec.FLIPPED_LOGIT,
            "OUTSIDE_LOGIT" to Spec.OUTSIDE_LOGIT,
            "EDGE_SHARPNESS" to Spec.EDGE_SHARPNESS,
        )
        for ((name, value) in numbers) assertEquals(given[name].number, value.toDouble(), name)
        val channels = MapChannel.values().associate { it.name to it.ordinal.toDouble() }
        assertEquals<Any?>(given["MapChannel"].value, channels)
        val labels = PointLabel.codes.entries.associate { it.key.uppercase() to it.value.toDouble() }
        assertEquals<Any?>(given["PointLabel"].value, labels)
        val cleaning = given["DEFAULT_CLEANING"]
        assertEquals(MaskCleaning(cleaning["speck_area"].int, cleaning["pinhole_area"].int), MaskCleaning())
        val looking = given["DEFAULT_LOOKING"]
        assertEquals(Looking(looking["surroundings"].int, looking["smallest"].int), Looking())
        val sampling = given["DEFAULT_SAMPLING"]
        assertEquals(
            listOf("threshold", "peak", "smallest_per_mille", "clicks").map { sampling[it].int },
            ClickSampling().let { listOf(it.threshold, it.peak, it.smallestPerMille, it.clicks) },
        )
    }

    @Test
    fun versionsAndLimitsAreThoseOfPython() {
        val given = vectors("library")
        assertEquals(given["version"].text, Spec.VERSION)
        assertEquals(given["manifest_schema"].int, Manifest.SCHEMA_VERSION)
        assertEquals(given["results_schema"].int, BenchmarkProtocol.SCHEMA_VERSION)
        assertEquals(given["most_pixels"].long, Photo.MAX_PIXELS)
        assertEquals(given["longest_side"].int, Photo.MAX_SIDE)
        val protocol = Protocol().json().mapValues { (_, value) -> (value as Number).toDouble() }
        assertEquals<Any?>(given["protocol"].value, protocol)
    }

    @Test
    fun goldenVectorsHold() {
        for ((name, least) in FILES) {
            val cases = vectors("golden/$name").items
            assertTrue(cases.size >= least, name)
            for (case in cases) assertTrue(GoldenVectors.holds(case), "$name: ${case["name"].text}")
        }
    }

    @Test
    fun aWrongAnswerIsNoticed() {
        for (name in FILES.keys) {
            val cases = vectors("${name}_wrong").items
            assertTrue(cases.size > 10, name)
            for ((i, case) in cases.withIndex()) {
                assertFalse(GoldenVectors.holds(case), "$name, $i: ${case["name"].text}")
            }
        }
        val unknown = Json(mapOf("kind" to "dance"))
        assertFailsWith<ArtifactError> { GoldenVectors.holds(unknown) }
    }

    @Test
    fun aPredictorAsksEachNetworkOnlyAsOftenAsItMust() {
        val stages = ArrayList<String>()
        val networks = listOf(StandIn(NetworkKind.SEGMENTER), StandIn(NetworkKind.DETECTOR))
        val predictor = SaliencyPredictor(networks[0], networks[1], onStage = { stage, _ -> stages += stage })
        GoldenVectors.ask(predictor, vectors("golden/answers").items.single()) { _, masks, found ->
            assertEquals(masks.size, found.masks.size)
        }
        assertEquals(1, stages.count { it == "detector: network" })
        assertEquals(1, stages.count { it == "photo: prepare" })
    }

    private companion object {
        /** The files of vectors of an export with both networks, and how many cases they have at the least. */
        val FILES = mapOf(
            "looks" to 80,
            "mask_cleaning" to 90,
            "click_sampling" to 90,
            "photos" to 14,
            "prompts" to 6,
            "answers" to 1,
        )
    }
}
