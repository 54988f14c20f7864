package org.squeezesam.demo

import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.io.IOException
import org.squeezesam.segmentation.Box
import org.squeezesam.segmentation.Letterbox
import org.squeezesam.segmentation.MaskAnswer
import org.squeezesam.segmentation.Point
import org.squeezesam.segmentation.PointLabel
import org.squeezesam.segmentation.SaliencyPredictor
import org.squeezesam.segmentation.SamPredictor
import org.squeezesam.segmentation.View

// Knows no Android, so that it is tested on the JVM.

/** A click of the user in photo pixels. */
data class Tap(val x: Float, val y: Float, val positive: Boolean)

/**
 * What the user has said about the photo so far, and the answer.
 *
 * @property automatic whether the automatic mask is what the taps correct
 * @property taps oldest first
 * @property box a box of the user's
 * @property previous the answer that this one corrects
 * @property answer null where nothing is selected, and before it is there
 */
class State(
    val automatic: Boolean = false,
    val taps: List<Tap> = emptyList(),
    val box: Box? = null,
    val previous: MaskAnswer? = null,
    val answer: MaskAnswer? = null,
) {
    /** Whether there is something to ask: a negative tap alone says nothing. */
    val isQuestion: Boolean get() = automatic || box != null || taps.any { it.positive }

    /** The same state with its answer. */
    fun with(answer: MaskAnswer) = State(automatic, taps, box, previous, answer)

    /** The state with one more tap, which corrects the answer so far. */
    fun with(tap: Tap) = State(automatic, taps + tap, box, answer, null)

    /**
     * Ask a predictor what this state means; takes as long as the networks do.
     *
     * @param predictor whose photo is set; a `SaliencyPredictor` for an automatic state
     */
    fun ask(predictor: SamPredictor): MaskAnswer {
        val earlier = previous?.lowResMasks?.first()
        val points = taps.map { Point(it.x, it.y) }
        val labels = taps.map { if (it.positive) PointLabel.POSITIVE else PointLabel.NEGATIVE }
        if (automatic && taps.isNotEmpty()) {
            return (predictor as SaliencyPredictor).editAnswer(points, labels, earlier, multimaskOutput = false)
        }
        val none = taps.isEmpty()
        return predictor.answer(points.takeUnless { none }, labels.takeUnless { none }, box, earlier, multimaskOutput = false)
    }
}

/** The states of one photo's selection, with a way back. */
class Selection {
    private val states = arrayListOf(State())

    /** What is selected now. */
    val state: State get() = states.last()

    /** Whether there is a step to go back. */
    val canUndo: Boolean get() = states.size > 1

    /** Take the next state; the oldest step is forgotten where there are too many. */
    fun push(state: State) {
        states += state
        if (states.size > MOST_STATES) states.removeAt(0)
    }

    /** Put another answer in the place of the last one, as other networks give it. */
    fun replaceAnswer(answer: MaskAnswer) {
        states[states.lastIndex] = state.with(answer)
    }

    /** Go one step back. */
    fun undo() {
        if (canUndo) states.removeAt(states.lastIndex)
    }

    /** Select nothing; this can be undone. */
    fun clear() {
        if (state.isQuestion) push(State())
    }

    /** Write all of it; `read` gives the same again. */
    fun write(out: DataOutputStream) {
        out.writeInt(VERSION)
        out.writeInt(states.size)
        for (state in states) {
            out.writeBoolean(state.automatic)
            out.writeInt(state.taps.size)
            for ((x, y, positive) in state.taps) {
                out.writeFloat(x)
                out.writeFloat(y)
                out.writeBoolean(positive)
            }
            out.writeBoolean(state.box != null)
            state.box?.run { for (edge in floatArrayOf(x0, y0, x1, y1)) out.writeFloat(edge) }
            out.writeInt(states.indexOfFirst { it.answer != null && it.answer === state.previous })
            out.writeBoolean(state.answer != null)
            state.answer?.let { write(it, out) }
        }
    }

    companion object {
        /** So many steps are kept; each holds a mask. */
        const val MOST_STATES = 40

        private const val VERSION = 1
        private const val MOST_TAPS = 1000
        private const val LARGEST_INPUT = 2048

        /**
         * Read what `write` wrote.
         *
         * @throws IOException it is damaged, or of another version of this app
         */
        fun read(from: DataInputStream): Selection {
            if (from.readInt() != VERSION) throw IOException("the selection is of another version")
            val read = Selection()
            read.states.clear()
            repeat(from.readCount(MOST_STATES)) {
                val automatic = from.readBoolean()
                val taps = List(from.readCount(MOST_TAPS)) { Tap(from.readFloat(), from.readFloat(), from.readBoolean()) }
                val box = if (from.readBoolean()) Box(from.readFloat(), from.readFloat(), from.readFloat(), from.readFloat()) else null
                val previous = read.states.getOrNull(from.readInt())?.answer
                read.states += State(automatic, taps, box, previous, if (from.readBoolean()) readAnswer(from) else null)
            }
            if (read.states.isEmpty()) throw IOException("the selection is empty")
            return read
        }

        private fun write(answer: MaskAnswer, out: DataOutputStream) {
            out.writeInt(answer.photo.size)
            out.writeInt(answer.photo.width)
            out.writeInt(answer.photo.height)
            answer.view.run { for (side in intArrayOf(left, top, width, height)) out.writeInt(side) }
            out.writeFloat(answer.iouPredictions.first())
            val logits = answer.logits.first()
            out.writeInt(logits.size)
            for (logit in logits) out.writeFloat(logit)
        }

        private fun readAnswer(from: DataInputStream): MaskAnswer {
            val size = from.readCount(LARGEST_INPUT)
            val photo = Letterbox(from.readInt(), from.readInt(), size)
            val view = View(from.readInt(), from.readInt(), from.readInt(), from.readInt())
            val ious = floatArrayOf(from.readFloat())
            val logits = FloatArray(from.readCount(LARGEST_INPUT * LARGEST_INPUT)) { from.readFloat() }
            return MaskAnswer(listOf(logits), ious, view, Letterbox(view.width, view.height, size), photo)
        }

        private fun DataInputStream.readCount(most: Int): Int =
            readInt().also { if (it !in 0..most) throw IOException("the selection is damaged") }
    }
}

/** The photo and the selection of this app, so that the end of the process loses neither. */
class SelectionStore(private val folder: File) {
    /** Where the bytes of the photo lie. */
    val photo = File(folder, "photo")

    /** Where to put those of another photo before it is known whether it can be used. */
    val next = File(folder, "photo.next")
    private val selection = File(folder, "selection")

    /** Whether there is a photo to go on with. */
    val isFilled: Boolean get() = photo.isFile

    /** Keep a selection; where there is no room for it, the earlier one stays. */
    fun keep(name: String, kept: Selection) {
        val partial = File(folder, "selection.part")
        try {
            DataOutputStream(partial.outputStream().buffered()).use { out ->
                out.writeUTF(name)
                kept.write(out)
            }
            partial.renameTo(selection)
        } catch (error: IOException) {
            partial.delete()
        }
    }

    /** The name of the photo and its selection; an empty one where none can be read. */
    fun read(): Pair<String, Selection> = try {
        DataInputStream(selection.inputStream().buffered()).use { from -> from.readUTF() to Selection.read(from) }
    } catch (error: IOException) {
        DEFAULT_NAME to Selection()
    }

    /** Let the next photo take the place of the photo, with nothing selected. */
    fun take(name: String) {
        selection.delete()
        next.renameTo(photo)
        keep(name, Selection())
    }

    companion object {
        /** Of a photo whose name nobody knows. */
        const val DEFAULT_NAME = "photo"
    }
}
