package org.squeezesam.segmentation

import kotlin.math.abs
import kotlin.math.hypot
import kotlin.math.max

/**
 * One thing that was checked.
 *
 * @property name for the user
 * @property passed whether it holds
 * @property detail numbers, or why it does not hold
 */
data class Check(val name: String, val passed: Boolean, val detail: String)

/**
 * The golden vectors of a bundle, on the device at hand: this library's own code, then the networks
 * in the runtime of the app. They are held to the bounds that the manifest has for their precision.
 *
 * @param bundle with its golden files
 * @param runtime that runs the artifacts
 * @param threads of the runtime
 */
class SelfCheck(private val bundle: ModelBundle, private val runtime: Runtime, private val threads: Int) {
    private val manifest = bundle.manifest

    /**
     * All checks, those of the code first.
     *
     * @param precision of the artifacts
     * @param bounds that they are held to; null for those of the precision
     * @param tell takes each check as it is done
     */
    fun run(precision: String, bounds: Bounds? = manifest.bounds[precision], tell: (Check) -> Unit = {}): List<Check> {
        val done = ArrayList<Check>()
        fun add(checks: List<Check>) = checks.forEach { done += it; tell(it) }
        manifest.vectors.forEach { add(listOf(checkVectors(it))) }
        add(listOf(checked("prompt encoding", ::checkPrompts)))
        add(checkNetworks(precision, bounds))
        return done
    }

    /** A file of vectors, whose every case must be answered exactly. */
    fun checkVectors(file: HashedFile): Check = checked(file.file) {
        val cases = bundle.vectors(file).items
        val wrong = cases.filterNot(GoldenVectors::holds).map { it["name"].text }
        if (cases.isEmpty()) fail("the file holds no case")
        if (wrong.isNotEmpty()) fail("${wrong.size} of ${cases.size} cases differ, such as ${wrong.first()}")
        "${cases.size} cases are equal"
    }

    /** What the golden cases ask, encoded by this library, next to PyTorch's input tensors. */
    private fun checkPrompts(): String {
        var worst = 0f
        var count = 0
        for (golden in manifest.segmenter.golden.filter { it.promptedBy == null }) {
            val letterbox = Letterbox(golden.width, golden.height, manifest.segmenter.inputSize)
            val arrays = bundle.goldenArrays(golden)
            val masks = HashMap<String, FloatArray>()
            golden.cases.forEachIndexed { i, case ->
                val prompts = promptsOf(case, golden)
                val previous = case.previous?.let { masks[it] ?: fail("the case $it does not come first") }
                val tensors = tensorsOf(manifest.segmenter, golden, arrays, i)
                for ((name, values) in PromptEncoder.encode(prompts, letterbox, previous)) {
                    worst = max(worst, largestDifference(values, tensors.getValue(name)))
                }
                val mask = tensors.getValue(Spec.LOW_RES_MASKS).copyOf(letterbox.maskSide * letterbox.maskSide)
                masks[case.name] = MaskCleanup.cleanedLogits(mask, Asked.of(prompts, previous, letterbox), letterbox)
                count++
            }
        }
        if (!(worst <= PROMPT_TOLERANCE)) fail("a value differs by $worst, more than $PROMPT_TOLERANCE")
        return "$count prompts differ by at most $worst"
    }

    /** The networks of a precision, each alone and then together. */
    private fun checkNetworks(precision: String, bounds: Bounds?): List<Check> {
        if (bounds == null) return listOf(Check(precision, false, "manifest.json has no bounds for $precision; export again"))
        val loaded = ArrayList<LoadedNetwork>()
        try {
            val checks = manifest.networks.mapTo(ArrayList()) { network ->
                checked("${network.variant} $precision") {
                    val model = runtime.load(bundle, network, precision, threads)
                    loaded += model
                    checkNetwork(network, model, bounds)
                }
            }
            val detector = manifest.detector
            if (detector != null && loaded.size == manifest.networks.size) {
                checks += checked("automatic mask $precision") {
                    fun model(kind: NetworkKind) = loaded.first { it.kind == kind }
                    checkAutomatic(detector, model(NetworkKind.DETECTOR), model(NetworkKind.SEGMENTER), bounds)
                }
            }
            return checks
        } finally {
            loaded.forEach { it.close() }
        }
    }

    private fun checkNetwork(network: Network, model: LoadedNetwork, bounds: Bounds): String {
        val ious = ArrayList<Double>()
        var least = 1.0
        var furthest = 0.0
        for (golden in network.golden.filter { it.promptedBy == null }) {
            val arrays = bundle.goldenArrays(golden)
            golden.cases.indices.forEach { i ->
                val tensors = tensorsOf(network, golden, arrays, i)
                val answer = model.run(tensors.filterKeys { it in network.kind.inputs })
                for (name in network.kind.outputs) checkAnswer(name, answer, tensors)
                val overlaps = if (network.kind == NetworkKind.SEGMENTER) {
                    val (given, wanted) = pair(Spec.IOU_PREDICTIONS, answer, tensors)
                    furthest = max(furthest, largestDifference(given, wanted).toDouble())
                    maskIous(answer, tensors)
                } else {
                    val (given, wanted) = pair(Spec.SALIENCY_LOGITS, answer, tensors)
                    val letterbox = Letterbox(golden.width, golden.height, network.inputSize)
                    val (found, known) = Finding(given, letterbox) to Finding(wanted, letterbox)
                    furthest = max(furthest, clickDistance(found, known))
                    val threshold = ClickSampling().threshold
                    listOf(iou(found.heat.size, { found.heat[it] >= threshold }) { known.heat[it] >= threshold })
                }
                least = minOf(least, overlaps.first())
                ious += overlaps
            }
        }
        val mean = ious.average()
        val (measure, bound) = when (network.kind) {
            NetworkKind.SEGMENTER -> "predicted IoU error" to bounds.maxIouError
            NetworkKind.DETECTOR -> "click distance" to bounds.maxClickDistance
        }
        if (!(least >= bounds.minMaskIou)) fail("smallest mask IoU $least is below ${bounds.minMaskIou}")
        if (!(mean >= bounds.meanMaskIou)) fail("mean mask IoU $mean is below ${bounds.meanMaskIou}")
        if (!(furthest <= bound)) fail("$measure $furthest is over $bound")
        return "smallest mask IoU ${shown(least)}, mean ${shown(mean)}, largest $measure ${shown(furthest)}"
    }

    private fun maskIous(answer: Map<String, FloatArray>, tensors: Map<String, FloatArray>): List<Double> {
        val (given, wanted) = pair(Spec.LOW_RES_MASKS, answer, tensors)
        val area = given.size / Spec.NUM_MASKS
        return List(Spec.NUM_MASKS) { mask ->
            val start = mask * area
            iou(area, { given[start + it] > Spec.MASK_THRESHOLD }) { wanted[start + it] > Spec.MASK_THRESHOLD }
        }
    }

    /** From a golden photo to its automatic mask, next to PyTorch's. */
    private fun checkAutomatic(
        detector: Network,
        finder: LoadedNetwork,
        segmenter: LoadedNetwork,
        bounds: Bounds,
    ): String {
        val prompted = manifest.segmenter.golden.filter { it.promptedBy == NetworkKind.DETECTOR.title }
        var least = 1.0
        val photos = detector.golden.filter { it.promptedBy == null }
        for (golden in photos) {
            val image = tensorsOf(detector, golden, bundle.goldenArrays(golden), 0).getValue(Spec.IMAGE)
            val answer = finder.run(mapOf(Spec.IMAGE to image))
            val letterbox = Letterbox(golden.width, golden.height, detector.inputSize)
            val finding = Finding(answer.getValue(Spec.SALIENCY_LOGITS), letterbox)
            val asked = prompted.find { it.photo == golden.photo }
            val same = (asked == null) == (finding.salient == null)
            least = minOf(least, if (asked == null || finding.salient == null) (if (same) 1.0 else 0.0) else {
                val tensors = tensorsOf(manifest.segmenter, asked, bundle.goldenArrays(asked), 0)
                val photo = Letterbox(golden.width, golden.height, manifest.segmenter.inputSize)
                val prompts = Prompts.check(finding.coords, finding.labels, null, golden.width, golden.height)
                val inputs = PromptEncoder.encode(prompts, photo, finding.maskInput(photo))
                val mask = segmenter.run(inputs + (Spec.IMAGE to tensors.getValue(Spec.IMAGE)))
                maskIous(mask, tensors).first()
            })
        }
        if (!(least >= bounds.minMaskIou)) fail("IoU of an automatic mask $least is below ${bounds.minMaskIou}")
        return "smallest mask IoU ${shown(least)} of ${photos.size} photos"
    }

    /** All tensors of a golden case by name, inputs as the network takes them. */
    private fun tensorsOf(
        network: Network,
        golden: GoldenFile,
        arrays: Map<String, ArrayOfNumbers>,
        number: Int,
    ): Map<String, FloatArray> = (network.inputs + network.outputs).associate { spec ->
        val array = arrays[spec.name] ?: fail("${golden.file} has no ${spec.name}")
        val count = if (spec.name == Spec.IMAGE) 1 else golden.cases.size
        if (array.shape != listOf(count) + spec.shape.drop(1).map { it.toInt() }) {
            fail("${golden.file} has ${spec.name} of another shape")
        }
        val values = array.part(number)
        if (spec.name == Spec.IMAGE) {
            for (i in values.indices) values[i] = Letterbox.scaled(values[i].toInt().toByte())
        }
        spec.name to values
    }

    private fun promptsOf(case: CaseRecord, golden: GoldenFile): Prompts {
        val box = case.box?.map { it.toFloat() }?.let { (x0, y0, x1, y1) -> Box(x0, y0, x1, y1) }
        val coords = case.clicks.map { Point(it.x.toFloat(), it.y.toFloat()) }
        return Prompts.check(coords, case.clicks.map { it.label }, box, golden.width, golden.height)
    }

    /**
     * A check that fails with what it threw; a sentence of this library's is one for the user. Golden
     * files of the right hash may still hold lists that are too short, or a division by zero.
     */
    private fun checked(name: String, work: () -> String): Check = try {
        Check(name, true, work())
    } catch (error: SqueezeSamError) {
        Check(name, false, error.message.orEmpty())
    } catch (error: JsonError) {
        damaged(name, error)
    } catch (error: RuntimeException) {
        damaged(name, error)
    }

    private fun damaged(name: String, error: Exception) =
        Check(name, false, "a file is damaged (${reason(error)}); export again")

    private companion object {
        const val PROMPT_TOLERANCE = 1e-5f

        fun fail(what: String): Nothing = throw ArtifactError(what)

        fun shown(value: Double) = (Math.round(value * 1e4) / 1e4).toString()

        fun pair(name: String, one: Map<String, FloatArray>, other: Map<String, FloatArray>) =
            one.getValue(name) to other.getValue(name)

        fun checkAnswer(name: String, answer: Map<String, FloatArray>, wanted: Map<String, FloatArray>) {
            val values = answer[name] ?: fail("the network gives no $name")
            if (values.size != wanted.getValue(name).size) fail("the network gives $name of another shape")
            if (values.any { it.isNaN() || it.isInfinite() }) fail("the network answers NaN or infinity")
        }

        fun largestDifference(one: FloatArray, other: FloatArray): Float {
            if (one.size != other.size) fail("${one.size} values stand where ${other.size} are wanted")
            var worst = 0f
            for (i in one.indices) {
                val difference = abs(one[i] - other[i])
                if (!(difference <= worst)) worst = difference // NaN stays
            }
            return worst
        }

        /** IoU of two masks of so many pixels; 1 where both are empty. */
        inline fun iou(pixels: Int, one: (Int) -> Boolean, other: (Int) -> Boolean): Double {
            var (both, either) = 0 to 0
            for (i in 0 until pixels) {
                val (here, there) = one(i) to other(i)
                if (here && there) both++
                if (here || there) either++
            }
            return if (either == 0) 1.0 else both.toDouble() / either
        }

        /** The largest distance of two clicks; the diagonal where only one of them found an object. */
        fun clickDistance(found: Finding, wanted: Finding): Double {
            val (ours, theirs) = found.salient?.clicks.orEmpty() to wanted.salient?.clicks.orEmpty()
            if (ours.size != theirs.size) {
                return hypot(found.letterbox.heatSize[0].toDouble(), found.letterbox.heatSize[1].toDouble())
            }
            return ours.zip(theirs) { one, other -> hypot((one.x - other.x).toDouble(), (one.y - other.y).toDouble()) }
                .maxOrNull() ?: 0.0
        }
    }
}
