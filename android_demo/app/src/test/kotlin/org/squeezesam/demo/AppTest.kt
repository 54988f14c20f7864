package org.squeezesam.demo

import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.io.IOException
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertSame
import kotlin.test.assertTrue
import org.squeezesam.segmentation.Box
import org.squeezesam.segmentation.ConfigError
import org.squeezesam.segmentation.ImageError
import org.squeezesam.segmentation.Letterbox
import org.squeezesam.segmentation.MaskAnswer
import org.squeezesam.segmentation.Protocol
import org.squeezesam.segmentation.View

private const val SIZE = 32
private const val SIDE = SIZE / 2

/** An answer whose mask is where `inside` says, in logits of a part of a photo of 200x100 pixels. */
private fun answer(view: View = View(0, 0, 200, 100), iou: Float = 0.5f, inside: (Int, Int) -> Boolean): MaskAnswer {
    val logits = FloatArray(SIDE * SIDE) { if (inside(it % SIDE, it / SIDE)) 4f else -4f }
    return MaskAnswer(listOf(logits), floatArrayOf(iou), view, Letterbox(view.width, view.height, SIZE), Letterbox(200, 100, SIZE))
}

/** Twice the area within a ring; its sign is the direction. */
private fun area(ring: FloatArray): Float {
    var sum = 0f
    for (i in ring.indices step 2) {
        val next = (i + 2) % ring.size
        sum += ring[i] * ring[next + 1] - ring[next] * ring[i + 1]
    }
    return sum / 2
}

class SelectionTest {
    private fun copied(selection: Selection): Selection {
        val bytes = ByteArrayOutputStream()
        selection.write(DataOutputStream(bytes))
        return Selection.read(DataInputStream(ByteArrayInputStream(bytes.toByteArray())))
    }

    private fun filled() = Selection().apply {
        push(State(automatic = true).with(answer(iou = 0.9f) { x, _ -> x > 3 }))
        push(state.with(Tap(10f, 20.5f, false)).with(answer(View(20, 10, 100, 80), 0.8f) { x, y -> x > y }))
        push(State(box = Box(1f, 2f, 3f, 4f)).with(answer(iou = 0.7f) { _, y -> y > 2 }))
    }

    @Test
    fun whatIsReadIsWhatWasWritten() {
        val (before, after) = filled() to copied(filled())
        repeat(4) {
            val (one, other) = before.state to after.state
            assertEquals(one.automatic, other.automatic)
            assertEquals(one.taps, other.taps)
            assertEquals(one.box, other.box)
            assertEquals(one.answer?.view, other.answer?.view)
            assertEquals(one.answer?.letterbox?.width, other.answer?.letterbox?.width)
            assertContentEquals(one.answer?.iouPredictions, other.answer?.iouPredictions)
            assertContentEquals(one.answer?.logits?.first(), other.answer?.logits?.first())
            assertContentEquals(one.previous?.lowResMasks?.first(), other.previous?.lowResMasks?.first())
            assertEquals(before.canUndo, after.canUndo)
            before.undo()
            after.undo()
        }
        assertFalse(after.canUndo)
    }

    @Test
    fun aTapCorrectsTheAnswerBeforeIt() {
        val selection = copied(filled())
        selection.undo()
        val previous = selection.state.previous
        selection.undo()
        assertSame(selection.state.answer, previous)
    }

    @Test
    fun damagedBytesAreRefused() {
        val bytes = ByteArrayOutputStream()
        filled().write(DataOutputStream(bytes))
        val whole = bytes.toByteArray()
        for (length in listOf(0, 3, 7, 20, whole.size / 2, whole.size - 1)) {
            assertFailsWith<IOException> { Selection.read(DataInputStream(ByteArrayInputStream(whole.copyOf(length)))) }
        }
        for (place in listOf(3, 4)) { // the version, and the number of states
            val altered = whole.copyOf().also { it[place] = -1 }
            assertFailsWith<IOException> { Selection.read(DataInputStream(ByteArrayInputStream(altered))) }
        }
    }

    @Test
    fun aRemovalAloneIsNoQuestion() {
        assertFalse(State().with(Tap(1f, 1f, false)).isQuestion)
        assertTrue(State().with(Tap(1f, 1f, true)).isQuestion)
        assertTrue(State(automatic = true).with(Tap(1f, 1f, false)).isQuestion)
    }

    @Test
    fun clearingCanBeUndoneAndTheOldestStepIsForgotten() {
        val selection = Selection()
        selection.clear()
        assertFalse(selection.canUndo)
        repeat(2 * Selection.MOST_STATES) { selection.push(State(box = Box(0f, 0f, it + 1f, 1f))) }
        selection.clear()
        assertNull(selection.state.box)
        var steps = 0
        while (selection.canUndo) {
            selection.undo()
            steps++
        }
        assertEquals(Selection.MOST_STATES - 1, steps)
    }

    @Test
    fun aStoreGivesBackThePhotosNameAndIsEmptyWhereItIsDamaged() {
        val folder = File.createTempFile("store", "").also { it.delete(); it.mkdir() }
        val store = SelectionStore(folder)
        assertFalse(store.isFilled)
        store.next.writeText("photo")
        store.take("holiday")
        assertTrue(store.isFilled && !store.next.exists())
        store.keep("holiday", filled())
        val (name, kept) = store.read()
        assertEquals("holiday", name)
        assertEquals(Box(1f, 2f, 3f, 4f), kept.state.box)
        File(folder, "selection").writeBytes(byteArrayOf(0, 1, 2))
        assertFalse(store.read().second.canUndo)
        folder.deleteRecursively()
    }
}

class OutlineTest {
    @Test
    fun aRingGoesRoundEachPartAndTheOtherWayRoundEachHole() {
        fun inside(x: Int, y: Int) = (x in 2..8 && y in 1..6 && !(x in 4..6 && y in 3..4)) || (x == 12 && y == 3)
        val rings = Outline.rings(FloatArray(SIDE * SIDE) { if (inside(it % SIDE, it / SIDE)) 4f else -4f }, SIDE, SIDE, 8)
        val areas = rings.map(::area)
        assertEquals(3, rings.size)
        assertEquals(1, areas.count { it * areas.maxBy { one -> abs(one) } < 0 })
        assertEquals(7 * 6 - 0.5f, areas.maxOf { abs(it) }, 1e-4f) // each corner is cut by an eighth
    }

    @Test
    fun aMaskThatFillsAllIsOutlinedAtTheBorder() {
        val view = View(20, 10, 100, 80)
        val ring = Outline.of(answer(view) { _, _ -> true }).single()
        val (across, down) = ring.filterIndexed { i, _ -> i % 2 == 0 } to ring.filterIndexed { i, _ -> i % 2 == 1 }
        assertEquals(listOf(20f, 120f), listOf(across.min(), across.max()))
        assertEquals(listOf(10f, 90f), listOf(down.min(), down.max()))
    }

    @Test
    fun nothingHasNoOutline() = assertTrue(Outline.of(answer { _, _ -> false }).isEmpty())
}

class PhotoFileTest {
    private val photos = File(System.getProperty("photos"))

    @Test
    fun wholePhotosAreTakenAndBrokenOnesRefused() {
        val whole = File(photos, "whole").listFiles().orEmpty()
        val broken = File(photos, "broken").listFiles().orEmpty()
        assertTrue(whole.size >= 4 && broken.size >= 4)
        whole.forEach(PhotoFile::checkWhole)
        for (file in broken) {
            val error = assertFailsWith<ImageError>(file.name) { PhotoFile.checkWhole(file) }
            assertTrue("breaks off" in error.message.orEmpty())
        }
    }

    @Test
    fun aFileThatIsTooLargeIsRefusedBeforeAllOfItIsCopied() {
        val out = ByteArrayOutputStream()
        PhotoFile.copy(ByteArrayInputStream(ByteArray(1000)), out, 1000)
        assertEquals(1000, out.size())
        assertFailsWith<ImageError> { PhotoFile.copy(ByteArrayInputStream(ByteArray(1001)), out, 1000) }
    }

    @Test
    fun aSmallPhoneUsesFewerPixels() {
        assertEquals(2_000_000L, PhotoFile.mostPixels(16))
        assertTrue(PhotoFile.mostPixels(256) in 10_000_000L..11_000_000L)
        assertEquals(70_000_000L, PhotoFile.mostPixels(100_000))
    }
}

class WholeFileTest {
    private val left = ArrayList<String>()

    private fun write(stream: ByteArrayOutputStream, write: (java.io.OutputStream) -> Boolean) =
        PhotoFile.writeWhole({ left += "file"; stream }, { left -= "file" }, write)

    @Test
    fun aWholeFileStays() {
        val file = ByteArrayOutputStream()
        write(file) { it.write(7); true }
        assertEquals(listOf("file"), left)
        assertContentEquals(byteArrayOf(7), file.toByteArray())
    }

    @Test
    fun anIncompleteFileIsTakenAway() {
        assertFailsWith<IOException> { write(ByteArrayOutputStream()) { false } }
        assertFailsWith<IOException> { write(ByteArrayOutputStream()) { throw IOException("full") } }
        assertFailsWith<SecurityException> { write(ByteArrayOutputStream()) { throw SecurityException("not you") } }
        val closesBadly = object : ByteArrayOutputStream() {
            override fun close() = throw IOException("full after all")
        }
        assertFailsWith<IOException> { write(closesBadly) { true } }
        assertEquals(emptyList(), left)
    }

    @Test
    fun theFirstErrorIsTold() {
        for (later in listOf(IOException("gone"), UnsupportedOperationException("cannot delete"))) {
            val told = assertFailsWith<IOException> {
                PhotoFile.writeWhole({ ByteArrayOutputStream() }, { throw later }) { throw IOException("full") }
            }
            assertEquals("full", told.message)
        }
    }
}

class WantedTest {
    @Test
    fun whatIsNotSaidIsTheHarnesssProtocolAndTheChoiceOfTheScreen() {
        val wanted = Wanted.of(emptyMap())
        assertEquals(Protocol(), wanted.protocol)
        assertNull(wanted.schemes ?: wanted.threads ?: wanted.networks ?: wanted.runtime)
        assertEquals(listOf("segmenter", "detector"), wanted.networksOf(listOf("segmenter", "detector")))
    }

    @Test
    fun whatIsSaidCounts() {
        val wanted = Wanted.of(mapOf("threads" to "1, 4", "sustained" to "60", "networks" to "detector", "iterations" to "7"))
        assertEquals(listOf(1, 4), wanted.threads)
        assertEquals(Protocol(timedInferences = 7, sustainedS = 60.0), wanted.protocol)
        assertEquals(listOf("detector"), wanted.networksOf(listOf("segmenter", "detector")))
        assertTrue(" --es networks detector --es threads 1, 4 --es iterations 7" in wanted.command, wanted.command)
    }

    @Test
    fun whatCannotBeDoneIsRefusedByItsName() {
        val refused = mapOf(
            ("iteration" to "7") to "no option iteration", // not the default in silence
            ("iterations" to "many") to "iterations of many",
            ("iterations" to "0") to "iterations of 0",
            ("rounds" to "1.5") to "rounds of 1.5",
            ("sustained" to "NaN") to "sustained of NaN",
            ("threads" to "1,two") to "two is no number",
        )
        for ((given, said) in refused) {
            val message = assertFailsWith<ConfigError> { Wanted.of(mapOf(given)) }.message.orEmpty()
            assertTrue(said in message, message)
        }
        val wanted = Wanted.of(mapOf("networks" to "segmenter,painter"))
        assertFailsWith<ConfigError> { wanted.networksOf(listOf("segmenter", "detector")) }
    }
}
