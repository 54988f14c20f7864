package org.squeezesam.segmentation

import kotlin.test.Test
import kotlin.test.assertContentEquals
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
    fun versionBoundsAndLimitsAreThoseOfPython() {
        val given = vectors("library")
        assertEquals(given["version"].text, Spec.VERSION)
        assertEquals(given["manifest_schema"].int, Manifest.SCHEMA_VERSION)
        assertEquals(given["results_schema"].int, BenchmarkProtocol.SCHEMA_VERSION)
        assertEquals(given["most_pixels"].long, Photo.MAX_PIXELS)
        assertEquals(given["longest_side"].int, Photo.MAX_SIDE)
        val bounds = given["schemes"].fields.keys.associate { name ->
            val one = given["schemes"][name.toString()].items.map { it.number }
            name to Bounds(one[0], one[1], one[2], one[3])
        }
        assertEquals<Any?>(bounds, Bounds.ofScheme)
        val protocol = Protocol().json().mapValues { (_, value) -> (value as Number).toDouble() }
        assertEquals<Any?>(given["protocol"].value, protocol)
    }

    @Test
    fun letterboxedPhotosArePythonsInEveryByte() {
        for (given in vectors("letterbox").items) {
            val view = given["view"].let { View(it["left"].int, it["top"].int, it["width"].int, it["height"].int) }
            val letterbox = Letterbox(view.width, view.height, given["size"].int)
            val photo = given["photo"].photo(given["pixels"])
            assertContentEquals(given["image"].packedFloats(), letterbox.apply(photo, view), "${given["photo"].value}")
        }
    }

    @Test
    fun promptsAreEncodedAsPythonDoesIt() {
        for (given in vectors("prompts").items) {
            val (width, height) = given["photo"].ints
            val coords = given["coords"].items.map { it.point() }
            val box = given["box"].orNull { it.box() }
            val prompts = Prompts.check(coords, given["labels"].ints.toList(), box, width, height)
            val letterbox = Letterbox(width, height, given["size"].int)
            val found = PromptEncoder.encode(prompts, letterbox, given["mask_input"].orNull { it.packedFloats() })
            for ((name, values) in found) assertClose(values, given[name].packedFloats(), 1e-5f, name)
        }
    }

    @Test
    fun masksAtTheSizeOfThePhoto() {
        for (given in vectors("upsampling").items) {
            val (width, height) = given["photo"].ints
            val letterbox = Letterbox(width, height, given["size"].int)
            val (logits, name) = given["logits"].packedFloats() to "${width}x$height"
            val large = given["photo_logits"].packedFloats()
            assertClose(MaskUpsampling.photoLogits(logits, letterbox), large, 1e-4f, name)
            assertTrue(iou(MaskUpsampling.photoMask(logits, letterbox), given["photo_mask"].mask()) > 0.999, name)
            val levels = { bytes: ByteArray -> FloatArray(bytes.size) { (bytes[it].toInt() and 0xFF).toFloat() } }
            val alpha = levels(given["photo_alpha"].bytes())
            assertClose(levels(MaskUpsampling.photoAlpha(logits, letterbox)), alpha, 1f, name)
        }
    }

    @Test
    fun goldenVectorsHold() {
        for (name in listOf("looks", "mask_cleaning", "click_sampling")) {
            val cases = vectors(name).items
            assertTrue(cases.size > 10, name)
            for (case in cases) assertTrue(GoldenVectors.holds(case), "$name: ${case["name"].text}")
        }
    }

    @Test
    fun aWrongAnswerIsNoticed() {
        for (name in listOf("looks", "mask_cleaning", "click_sampling")) {
            val cases = vectors("${name}_wrong").items
            assertTrue(cases.size > 10, name)
            for (case in cases) assertFalse(GoldenVectors.holds(case), "$name: ${case["name"].text}")
        }
        val unknown = Json(mapOf("kind" to "dance"))
        assertFailsWith<ArtifactError> { GoldenVectors.holds(unknown) }
    }

    @Test
    fun wholeAnswersArePythonsWithTheSameStandInForANetwork() {
        val given = vectors("answers")
        val stages = ArrayList<String>()
        val networks = listOf(StandIn(NetworkKind.SEGMENTER), StandIn(NetworkKind.DETECTOR))
        val predictor = SaliencyPredictor(networks[0], networks[1], onStage = { stage, _ -> stages += stage })
        assertAnswers(predictor, given) { name, found, wanted ->
            assertClose(found.iouPredictions, wanted["iou_predictions"].packedFloats(), 1e-4f, name)
            found.masks.forEachIndexed { i, mask ->
                assertTrue(iou(mask, wanted["masks"].items[i].mask()) > 0.999, name)
                assertClose(found.lowResMasks[i], wanted["low_res_masks"].items[i].packedFloats(), 1e-3f, name)
            }
        }
        val finding = predictor.finding
        assertContentEquals(given["heat"].bytes(), ByteArray(finding.heat.size) { finding.heat[it].toByte() })
        assertEquals(given["clicks"].items.map { it.point() }, finding.coords)
        assertEquals(1, stages.count { it == "detector: network" })
        assertEquals(1, stages.count { it == "photo: prepare" })
    }
}
