package org.squeezesam.segmentation

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What photos and prompts may be, and what is said of those that may not. */
class PredictorTest {
    private val segmenter = StandIn(NetworkKind.SEGMENTER)
    private val detector = StandIn(NetworkKind.DETECTOR)
    private val click = listOf(Point(1f, 1f))

    private fun photo(width: Int = 30, height: Int = 20) = Photo.ofRgb(width, height, ByteArray(3 * width * height))

    @Test
    fun photosThatCannotBeUsedAreRefused() {
        for ((width, height) in listOf(0 to 0, 0 to 5, -1 to 5, 65_536 to 1, 65_000 to 65_000, 12_000 to 9_000)) {
            val message = assertFailsWith<ImageError> { Photo.checkSize(width, height) }.message!!
            assertTrue("${width}x$height" in message, message)
            assertFailsWith<ImageError> { Photo.ofRgb(width, height, ByteArray(0)) }
            assertFailsWith<ImageError> { Photo.ofRows(width, height) { _, _ -> } }
        }
        assertFailsWith<ImageError> { Photo.ofRgb(2, 1, ByteArray(5)) } // its file was cut off
        assertFailsWith<ImageError> { Photo.ofArgb(2, 1, IntArray(1)) }
        Photo.checkSize(65_000, 1_000)
    }

    @Test
    fun largePhotosAreSampledToBoundedMemory() {
        assertEquals(1, Photo.sampleSize(4_000, 3_000, 12_000_000))
        assertEquals(2, Photo.sampleSize(4_001, 3_000, 12_000_000))
        assertEquals(32, Photo.sampleSize(65_000, 65_000, 12_000_000))
        assertFailsWith<ImageError> { Photo.sampleSize(0, 0, 12_000_000) }
    }

    @Test
    fun whatIsTransparentLiesOverWhite() {
        val pixels = intArrayOf(0, 0x00FF00FF, 0x80000000.toInt(), 0xFF102030.toInt())
        val rgb = Photo.ofArgb(4, 1, pixels).rgb.map { it.toInt() and 0xFF }
        assertEquals(listOf(255, 255, 255, 255, 255, 255, 127, 127, 127, 16, 32, 48), rgb)
    }

    @Test
    fun aCutOutHasThePhotosColoursAndTheMasksOpacity() {
        val photo = Photo.ofRgb(2, 2, byteArrayOf(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
        val row = IntArray(2)
        photo.argbRow(1, byteArrayOf(0, 0, -1, 64), row)
        assertContentEquals(intArrayOf(0xFF070809.toInt(), 0x400A0B0C), row)
    }

    @Test
    fun aPhotoIsKeptAsItWasWhenItWasSet() {
        val bytes = ByteArray(3 * 32 * 32)
        val photo = Photo.ofRgb(32, 32, bytes)
        bytes.fill(99)
        assertTrue(photo.rgb.all { it == 0.toByte() })
    }

    @Test
    fun promptsThatMeanNothingAreRefused() {
        val predictor = SamPredictor(segmenter)
        assertFailsWith<ImageError> { predictor.predict(click, listOf(1)) }
        assertFalse(predictor.isImageSet)
        predictor.setImage(photo())
        assertEquals(30 to 20, predictor.originalSize)
        val refused: List<() -> Any> = listOf(
            { predictor.predict() },
            { predictor.predict(listOf(Point(30f, 5f)), listOf(1)) },
            { predictor.predict(listOf(Point(-1f, 5f)), listOf(1)) },
            { predictor.predict(listOf(Point(Float.NaN, 5f)), listOf(1)) },
            { predictor.predict(click, listOf(7)) },
            { predictor.predict(click, listOf(PointLabel.NEGATIVE)) },
            { predictor.predict(click, emptyList()) },
            { predictor.predict(click) },
            { predictor.predict(pointLabels = listOf(1)) },
            { predictor.predict(click, listOf(PointLabel.PAD)) },
            { predictor.predict(box = Box(5f, 5f, 5f, 9f)) },
            { predictor.predict(box = Box(40f, 5f, 50f, 9f)) },
            { predictor.predict(box = Box(Float.NEGATIVE_INFINITY, 5f, 50f, 9f)) },
            { predictor.predict(maskInput = FloatArray(5)) },
            { predictor.predict(maskInput = FloatArray(1024) { Float.NaN }) },
        )
        for (question in refused) assertFailsWith<PromptError> { question() }
        predictor.resetImage()
        assertFailsWith<ImageError> { predictor.originalSize }
    }

    @Test
    fun aPhotoInWhichNothingStandsOutTakesAClick() {
        val predictor = SaliencyPredictor(segmenter, detector)
        predictor.setImage(photo())
        assertFailsWith<NoSalientObjectError> { predictor.predict() }
        assertEquals(3, predictor.predict(click, listOf(1)).masks.size)
        assertEquals(1, predictor.edit(click, listOf(1)).masks.size)
    }

    @Test
    fun networksInTheWrongPlaceOrThatAnswerNonsenseAreRefused() {
        assertFailsWith<ConfigError> { SamPredictor(detector) }
        assertFailsWith<ConfigError> { SaliencyPredictor(segmenter, segmenter) }
        for (broken in listOf(segmenter, detector)) {
            val predictor = SaliencyPredictor(segmenter, detector)
            predictor.setImage(photo())
            broken.broken = true
            assertFailsWith<ArtifactError> {
                if (broken === segmenter) predictor.predict(click, listOf(1)) else predictor.predict()
            }
            broken.broken = false
            assertFailsWith<NoSalientObjectError> { predictor.predict() } // it tries again
        }
    }

    @Test
    fun numbersThatCannotBeAreRefused() {
        val refused: List<() -> Any> = listOf(
            { MaskCleaning(speckArea = -1) },
            { MaskCleaning(pinholeArea = -1) },
            { Looking(surroundings = 99) },
            { Looking(smallest = 0) },
            { ClickSampling(threshold = 0) },
            { ClickSampling(peak = 256) },
            { ClickSampling(smallestPerMille = 1001) },
            { ClickSampling(clicks = 6) },
        )
        for (numbers in refused) assertFailsWith<ConfigError> { numbers() }
    }

    @Test
    fun oneLookAndNoCleaningOnRequest() {
        val predictor = SamPredictor(segmenter, cleaning = null, looking = null)
        predictor.setImage(photo())
        val answer = predictor.answer(click, listOf(1), multimaskOutput = false)
        assertEquals(1, segmenter.images.size)
        assertEquals(View.whole(30, 20), answer.view)
        assertContentEquals(answer.logits[0], answer.lowResMasks[0])
    }

    @Test
    fun cutOutsLogitsAndMasksOfAViewLieAtItsPlace() {
        val (width, height) = 400 to 300
        val bright = ByteArray(3 * width * height) {
            if (it / 3 % width in 300..330 && it / 3 / width in 200..230) -1 else 20
        }
        val predictor = SamPredictor(segmenter)
        predictor.setImage(Photo.ofRgb(width, height, bright))
        val answer = predictor.answer(listOf(Point(315f, 215f)), listOf(1), multimaskOutput = false)
        assertTrue(answer.view.width < width && answer.view.left > 0 && answer.view.top > 0)
        val mask = answer.photoMasks()[0]
        val (alpha, logits) = answer.photoAlphas()[0] to answer.photoLogits()[0]
        assertTrue(mask[215 * width + 315] && !mask[215 * width + 250] && !mask[10 * width + 10])
        assertEquals(Spec.OUTSIDE_LOGIT, logits[10 * width + 10])
        for (i in mask.indices) {
            assertEquals(mask[i], logits[i] > 0, "pixel $i")
            assertEquals(mask[i], (alpha[i].toInt() and 0xFF) > 127, "pixel $i")
        }
    }
}
