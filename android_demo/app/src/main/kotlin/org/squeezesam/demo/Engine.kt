package org.squeezesam.demo

import android.app.Application
import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import android.os.Handler
import android.os.Looper
import java.io.File
import java.io.IOException
import java.io.OutputStream
import java.util.concurrent.Executors
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt
import org.squeezesam.segmentation.AssetFiles
import org.squeezesam.segmentation.Box
import org.squeezesam.segmentation.ConfigError
import org.squeezesam.segmentation.ExecuTorchRuntime
import org.squeezesam.segmentation.LoadedNetwork
import org.squeezesam.segmentation.MaskAnswer
import org.squeezesam.segmentation.MaskUpsampling
import org.squeezesam.segmentation.ModelBundle
import org.squeezesam.segmentation.Network
import org.squeezesam.segmentation.NoSalientObjectError
import org.squeezesam.segmentation.OnnxRuntime
import org.squeezesam.segmentation.OutputError
import org.squeezesam.segmentation.Runtime
import org.squeezesam.segmentation.SaliencyPredictor
import org.squeezesam.segmentation.SamPredictor
import org.squeezesam.segmentation.SqueezeSamError
import org.squeezesam.segmentation.cutOut
import org.squeezesam.segmentation.reason

/** What lives as long as the process, however often the screen is turned. */
class DemoApplication : Application() {
    val engine: Engine by lazy { Engine(this) }
}

/** What the user chose; kept for the next start. */
data class Choice(val runtime: String, val precision: String, val threads: Int)

/** The bundle in the assets of this app, and what can run it. */
object Shipped {
    private const val FOLDER = "bundle"
    private const val PREFERRED = "int8"
    private const val MOST_THREADS = 4
    private const val EXECUTORCH = "org.pytorch.executorch.Module"
    private const val PREFERENCES = "choice"

    /** Read the manifest; see `ModelBundle.open`. */
    fun bundle(context: Context): ModelBundle = ModelBundle.open(AssetFiles(context.assets, FOLDER))

    /** The runtimes whose library is in this app and whose artifacts are in the bundle. */
    fun runtimes(context: Context, bundle: ModelBundle): List<Runtime> {
        val all = arrayListOf<Runtime>(OnnxRuntime())
        val hasExecuTorch = try {
            Class.forName(EXECUTORCH, false, Shipped::class.java.classLoader) != null
        } catch (error: ClassNotFoundException) {
            false
        }
        if (hasExecuTorch) all += ExecuTorchRuntime(context.cacheDir)
        val usable = all.filter { bundle.manifest.precisions(it.target).isNotEmpty() }
        if (usable.isEmpty()) throw ConfigError("the bundle has no artifact that this app can run; export with --target onnx")
        return usable
    }

    /** Numbers of threads to choose from. */
    fun threads(): List<Int> {
        val cores = java.lang.Runtime.getRuntime().availableProcessors()
        return generateSequence(1) { it * 2 }.takeWhile { it <= max(cores, 1) }.toList()
    }

    /** What was chosen, or what to begin with. */
    fun choice(context: Context, bundle: ModelBundle): Choice {
        val kept = context.getSharedPreferences(PREFERENCES, Context.MODE_PRIVATE)
        val runtimes = runtimes(context, bundle)
        val runtime = runtimes.find { it.target == kept.getString("runtime", null) } ?: runtimes.first()
        val precisions = bundle.manifest.precisions(runtime.target)
        val wanted = listOf(kept.getString("precision", null), PREFERRED)
        val precision = wanted.firstOrNull { it in precisions } ?: precisions.first()
        return Choice(runtime.target, precision, kept.getInt("threads", threads().last { it <= MOST_THREADS }))
    }

    /** Keep a choice. */
    fun keep(context: Context, choice: Choice) {
        context.getSharedPreferences(PREFERENCES, Context.MODE_PRIVATE).edit()
            .putString("runtime", choice.runtime)
            .putString("precision", choice.precision)
            .putInt("threads", choice.threads)
            .apply()
    }
}

/**
 * What is drawn of an answer.
 *
 * @property outline rings in photo pixels
 * @property share of the photo that is selected, 0..1
 * @property cutOut what is selected, as large as the photo is shown
 */
class Drawn(val answer: MaskAnswer, val outline: List<FloatArray>, val share: Float, val cutOut: Bitmap)

/**
 * The photo, the selection and the networks of this process.
 *
 * All members belong to the main thread. Work is done one piece after the other on a thread of its
 * own; each piece is prepared on the main thread when its turn comes, so that it sees what came of
 * those before it.
 */
class Engine(private val context: Application) {
    /** A screen that shows all this. */
    interface Listener {
        /** Something may look different now. */
        fun changed()
    }

    var listener: Listener? = null

    /** The photo that is open. */
    var photo: OpenPhoto? = null
        private set

    /** The name of the photo, without the kind of its file. */
    var name = SelectionStore.DEFAULT_NAME
        private set

    var selection = Selection()
        private set

    /** The answer of the selection, ready to be drawn. */
    var drawn: Drawn? = null
        private set

    /** A tap or box that is being thought about. */
    var pending: State? = null
        private set

    /** A sentence for the user. */
    var status = context.getString(R.string.welcome)
        private set

    /** What runs now; null before the networks are loaded. */
    var choice: Choice? = null
        private set

    /** The precisions and runtimes to choose from. */
    var precisions: List<String> = emptyList()
        private set
    var runtimes: List<String> = emptyList()
        private set

    /** Whether there is a detector, which finds an object without being asked. */
    var canFindAlone = false
        private set

    val isWorking: Boolean get() = running || jobs.isNotEmpty()

    private val jobs = ArrayDeque<() -> (() -> (() -> Unit))?>()
    private var running = false
    private val main = Handler(Looper.getMainLooper())
    private val worker = Executors.newSingleThreadExecutor { Thread(it, "inference") }
    private val store = SelectionStore(context.filesDir)

    // Of the worker alone.
    private var bundle: ModelBundle? = null
    private var networks: List<LoadedNetwork> = emptyList()
    private var predictor: SamPredictor? = null

    /** Load the networks, if that is not done, and go on with the photo of an earlier process. */
    fun start(resume: Boolean) {
        if (choice == null && !isWorking) load(null)
        if (resume && photo == null && store.isFilled) resume()
    }

    /** Take another precision, runtime or number of threads; the question so far is asked again. */
    fun choose(wanted: Choice) = load(wanted)

    private fun askAgain() = enqueue {
        val state = selection.state
        if (state.answer == null) null else answering(state) { selection.replaceAnswer(it) }
    }

    private fun load(wanted: Choice?) = enqueue {
        status = context.getString(R.string.loading)
        work {
            val opened = bundle ?: Shipped.bundle(context).also { bundle = it }
            val all = Shipped.runtimes(context, opened)
            val chosen = wanted ?: Shipped.choice(context, opened)
            val runtime = all.find { it.target == chosen.runtime } ?: all.first()
            val loaded = ArrayList<LoadedNetwork>()
            try {
                val records = listOfNotNull(opened.manifest.segmenter, opened.manifest.detector)
                records.mapTo(loaded) { one: Network -> runtime.load(opened, one, chosen.precision, chosen.threads) }
            } catch (error: SqueezeSamError) {
                loaded.forEach { it.close() }
                throw error
            }
            val made = if (loaded.size > 1) SaliencyPredictor(loaded[0], loaded[1]) else SamPredictor(loaded[0])
            photo?.let { made.setImage(it.pixels) }
            networks.forEach { it.close() }
            networks = loaded
            predictor = made
            val known = opened.manifest.precisions(runtime.target)
            finish {
                choice = chosen
                precisions = known
                runtimes = all.map { it.target }
                canFindAlone = loaded.size > 1
                Shipped.keep(context, chosen)
                status = context.getString(if (photo == null) R.string.welcome else R.string.begin)
                askAgain()
            }
        }
    }

    /** Take a photo of another app, and find what stands out in it. */
    fun open(uri: Uri) = enqueue {
        status = context.getString(R.string.reading)
        work {
            val title = PhotoReader.copy(context, uri, store.next)
            val taken = PhotoReader.read(context, store.next)
            ready().setImage(taken.pixels)
            store.take(title)
            finish {
                show(taken, title, Selection())
                automatic()
            }
        }
    }

    private fun resume() = enqueue {
        status = context.getString(R.string.reading)
        work {
            val (title, kept) = store.read()
            val taken = PhotoReader.read(context, store.photo)
            ready().setImage(taken.pixels)
            val inputSize = networks.first().inputSize // an earlier version of the app may have had another one
            val answer = kept.state.answer?.takeIf {
                it.photo.width == taken.pixels.width && it.photo.height == taken.pixels.height && it.photo.size == inputSize
            }
            val fits = kept.state.answer == null || answer != null
            val picture = answer?.let { drawing(it, taken) }
            finish {
                show(taken, title, if (fits) kept else Selection())
                drawn = picture
            }
        }
    }

    private fun show(taken: OpenPhoto, title: String, shown: Selection) {
        photo = taken
        name = title
        selection = shown
        drawn = null
        val begin = context.getString(if (shown.state.answer == null) R.string.begin else R.string.go_on)
        val pixels = taken.pixels
        status = if (taken.reduced) context.getString(R.string.reduced, pixels.width, pixels.height, begin) else begin
    }

    /** Find the most prominent object. */
    fun automatic() = ask { if (canFindAlone) State(automatic = true) else null }

    /** Add what is at a place, or remove it. */
    fun tap(tap: Tap) = ask { it.with(tap) }

    /** Begin anew with a box. */
    fun box(box: Box) = ask { State(box = box) }

    /** Go one step back. */
    fun undo() = turnTo { undo() }

    /** Select nothing. */
    fun clear() = turnTo { clear() }

    private fun turnTo(change: Selection.() -> Unit) = enqueue {
        selection.change()
        val answer = selection.state.answer
        val (title, kept, open) = Triple(name, selection, photo)
        status = context.getString(if (photo == null) R.string.welcome else if (answer == null) R.string.begin else R.string.go_on)
        if (answer == null || open == null) drawn = null
        work {
            val picture = if (answer == null || open == null) null else drawing(answer, open)
            store.keep(title, kept)
            finish { drawn = picture }
        }
    }

    private fun ask(next: (State) -> State?) {
        val meant = photo
        enqueue {
            val state = if (meant == null || photo !== meant) null else next(selection.state)
            if (state == null) null
            else if (!state.isQuestion) {
                status = context.getString(R.string.nothing_to_remove)
                null
            } else answering(state) { selection.push(state.with(it)) }
        }
    }

    private fun answering(state: State, take: (MaskAnswer) -> Unit): () -> (() -> Unit) {
        val open = checkNotNull(photo)
        pending = state
        status = context.getString(R.string.thinking)
        return work {
            val answer = state.ask(ready())
            val picture = drawing(answer, open)
            val said = if (state.automatic && state.taps.isEmpty()) R.string.found else R.string.go_on
            finish {
                take(answer)
                drawn = picture
                pending = null
                status = context.getString(said)
                keep()
            }
        }
    }

    private fun keep() {
        val (title, kept) = name to selection
        // The selection changes only between two pieces of work, never during one.
        enqueue { work { store.keep(title, kept); finish {} } }
    }

    /**
     * Write the soft cut-out as a PNG of the size of the photo.
     *
     * @param to opens the place
     * @param remove takes away an incomplete file
     * @param done is called once all is written
     */
    fun write(to: () -> OutputStream, remove: () -> Unit, done: () -> Unit) = enqueue {
        val (open, answer) = photo to selection.state.answer
        if (open == null || answer == null) null
        else {
            status = context.getString(R.string.writing)
            work {
                val picture = open.pixels.cutOut(answer.photoAlphas().first())
                try {
                    // Android hides what the stream throws, and answers whether all was written.
                    PhotoFile.writeWhole(to, remove) { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
                } catch (error: IOException) {
                    throw OutputError("the place of the cut-out cannot be written to (${reason(error)}); choose another one", error)
                } catch (error: RuntimeException) { // other apps throw what they like
                    throw OutputError("the other app does not take the cut-out (${reason(error)}); choose another place", error)
                } finally {
                    picture.recycle()
                }
                finish {
                    status = context.getString(R.string.go_on)
                    done()
                }
            }
        }
    }

    /** Write the cut-out to a file of this app. */
    fun write(file: File, done: () -> Unit) =
        write({ file.parentFile?.mkdirs(); file.outputStream() }, { file.delete() }, done)

    /** Tell the user something. */
    fun say(sentence: Int) {
        status = context.getString(sentence)
        listener?.changed()
    }

    private fun ready(): SamPredictor = predictor ?: throw ConfigError("the networks are not loaded; start the app again")

    private fun drawing(answer: MaskAnswer, open: OpenPhoto): Drawn {
        val (wide, high) = open.shown.width to open.shown.height
        val scale = wide.toDouble() / open.pixels.width
        val view = answer.view
        val (width, height) = max(1, (view.width * scale).roundToInt()) to max(1, (view.height * scale).roundToInt())
        val (left, top) = min((view.left * scale).roundToInt(), wide - 1) to min((view.top * scale).roundToInt(), high - 1)
        val alpha = MaskUpsampling.photoAlpha(answer.logits.first(), answer.letterbox, width, height)
        val cutOut = Bitmap.createBitmap(wide, high, Bitmap.Config.ARGB_8888)
        val columns = min(width, wide - left)
        val row = IntArray(columns)
        var selected = 0L
        for (y in 0 until min(height, high - top)) {
            open.shown.getPixels(row, 0, columns, left, top + y, columns, 1)
            for (x in 0 until columns) {
                val level = alpha[y * width + x].toInt() and 0xFF
                if (level > 127) selected++
                row[x] = (row[x] and 0xFFFFFF) or (level shl 24)
            }
            cutOut.setPixels(row, 0, columns, left, top + y, columns, 1)
        }
        return Drawn(answer, Outline.of(answer), selected.toFloat() / (wide.toLong() * high), cutOut)
    }

    private fun work(todo: () -> (() -> Unit)) = todo

    private fun finish(todo: () -> Unit) = todo

    private fun enqueue(prepare: () -> (() -> (() -> Unit))?) {
        jobs.addLast(prepare)
        next()
    }

    private fun next() {
        while (!running) {
            val prepare = jobs.removeFirstOrNull() ?: break
            val work = prepare() ?: continue
            running = true
            worker.execute {
                val finish = try {
                    work()
                } catch (error: SqueezeSamError) {
                    failure(error)
                } catch (error: OutOfMemoryError) {
                    { status = context.getString(R.string.too_large) }
                }
                main.post {
                    finish()
                    running = false
                    next()
                }
            }
        }
        listener?.changed()
    }

    private fun failure(error: SqueezeSamError): () -> Unit = {
        pending = null
        status = if (error is NoSalientObjectError) context.getString(R.string.nothing_stands_out)
        else error.message.orEmpty().replaceFirstChar { it.uppercase() } + "."
    }
}
