package org.squeezesam.segmentation

/**
 * What `predict` gives; C is 3 with alternative masks and 1 without.
 *
 * @property masks C masks of the photo, row by row
 * @property iouPredictions C predicted IoUs
 * @property lowResMasks C logits [size/2, size/2] of the whole photo, for the next prediction
 */
class Prediction(
    val masks: List<BooleanArray>,
    val iouPredictions: FloatArray,
    val lowResMasks: List<FloatArray>,
)

/**
 * Masks as a look at a part of a photo gives them.
 *
 * @property logits C logits [size/2, size/2] of the view, cleaned
 * @property iouPredictions C predicted IoUs
 * @property view what was looked at
 * @property letterbox of the view
 * @property photo letterbox of the whole photo
 */
class MaskAnswer(
    val logits: List<FloatArray>,
    val iouPredictions: FloatArray,
    val view: View,
    val letterbox: Letterbox,
    val photo: Letterbox,
) {
    /** Logits of the masks of the whole photo, for the next prediction. */
    val lowResMasks: List<FloatArray> by lazy {
        if (view.isWhole(photo)) logits else logits.map { Looks.ontoPhoto(it, view, letterbox, photo) }
    }

    /** Masks at the size of the photo, row by row. */
    fun photoMasks(): List<BooleanArray> = logits.map { mask ->
        val part = MaskUpsampling.photoMask(mask, letterbox)
        if (view.isWhole(photo)) part else BooleanArray(photo.width * photo.height).also { whole ->
            place { from, to -> part.copyInto(whole, to, from, from + view.width) }
        }
    }

    /** Logits at the size of the photo, row by row. */
    fun photoLogits(): List<FloatArray> = logits.map { mask ->
        val part = MaskUpsampling.photoLogits(mask, letterbox)
        if (view.isWhole(photo)) part else FloatArray(photo.width * photo.height).also { whole ->
            whole.fill(Spec.OUTSIDE_LOGIT)
            place { from, to -> part.copyInto(whole, to, from, from + view.width) }
        }
    }

    /** Opacities of soft cut-outs at the size of the photo: bytes 0..255, row by row. */
    fun photoAlphas(): List<ByteArray> = logits.map { mask ->
        val part = MaskUpsampling.photoAlpha(mask, letterbox)
        if (view.isWhole(photo)) part else ByteArray(photo.width * photo.height).also { whole ->
            place { from, to -> part.copyInto(whole, to, from, from + view.width) }
        }
    }

    /** Where each row of the view begins, in the view and in the photo. */
    private inline fun place(copy: (from: Int, to: Int) -> Unit) {
        for (y in 0 until view.height) copy(y * view.width, (view.top + y) * photo.width + view.left)
    }
}

/** A photo that predictions are about, its letterbox in the segmenter's input, and that input. */
class SetPhoto internal constructor(val photo: Photo, val letterbox: Letterbox, internal val image: FloatArray)

/**
 * Masks for one photo after another, with the meaning of `squeezesam/inference/predictor.py`.
 *
 * Threads may share a predictor: each answer is about one photo as a whole, the one that was set
 * last when it was asked for.
 *
 * @param model the segmenter
 * @property cleaning null leaves masks as the network gives them
 * @property looking null looks once, at the whole photo
 * @property onStage is told how many milliseconds each stage took
 * @throws ConfigError the model is no segmenter
 */
open class SamPredictor(
    private val model: LoadedNetwork,
    private val cleaning: MaskCleaning? = MaskCleaning(),
    private val looking: Looking? = Looking(),
    private val onStage: ((stage: String, milliseconds: Double) -> Unit)? = null,
) {
    @Volatile
    private var set: SetPhoto? = null

    init {
        if (model.kind != NetworkKind.SEGMENTER) {
            throw ConfigError("the model is a ${model.kind.title}; give a segmenter in its place")
        }
    }

    /** Whether there is a photo to predict on. */
    val isImageSet: Boolean get() = set != null

    /**
     * Width and height of the photo.
     *
     * @throws ImageError no photo is set
     */
    val originalSize: Pair<Int, Int> get() = currentPhoto().letterbox.let { it.width to it.height }

    /**
     * The photo that was set.
     *
     * @throws ImageError no photo is set
     */
    val photo: Photo get() = currentPhoto().photo

    /** Forget the photo. */
    fun resetImage() {
        set = null
    }

    /** Take the photo that the next predictions are about. */
    fun setImage(photo: Photo) {
        val letterbox = Letterbox(photo.width, photo.height, model.inputSize)
        set = SetPhoto(photo, letterbox, timed("photo: prepare") { letterbox.apply(photo) })
    }

    /**
     * Masks of what the prompts mean on the photo.
     *
     * @param pointCoords clicks in photo pixels, oldest first
     * @param pointLabels of each click: 1 object, 0 background, -1 unused
     * @param box in photo pixels
     * @param maskInput [size/2, size/2], one of `lowResMasks` of an earlier answer on the same photo
     * @param multimaskOutput three alternative masks instead of the one whole object
     * @throws ImageError no photo is set
     * @throws PromptError no prompt, or one that has no meaning on this photo
     * @throws ArtifactError the network answers NaN or infinity, or the runtime fails
     */
    fun predict(
        pointCoords: List<Point>? = null,
        pointLabels: List<Int>? = null,
        box: Box? = null,
        maskInput: FloatArray? = null,
        multimaskOutput: Boolean = true,
    ): Prediction = asPrediction(answer(pointCoords, pointLabels, box, maskInput, multimaskOutput))

    /** As `predict`, before the masks are brought to the size of the photo. */
    open fun answer(
        pointCoords: List<Point>? = null,
        pointLabels: List<Int>? = null,
        box: Box? = null,
        maskInput: FloatArray? = null,
        multimaskOutput: Boolean = true,
    ): MaskAnswer = answerOn(currentPhoto(), pointCoords, pointLabels, box, maskInput, multimaskOutput)

    /** As `answer`, on a photo that another thread may replace meanwhile. */
    protected fun answerOn(
        photo: SetPhoto,
        pointCoords: List<Point>?,
        pointLabels: List<Int>?,
        box: Box?,
        maskInput: FloatArray?,
        multimaskOutput: Boolean,
    ): MaskAnswer {
        val whole = photo.letterbox
        val prompts = Prompts.check(pointCoords, pointLabels, box, whole.width, whole.height)
        if (maskInput == null) prompts.checkAsks() else checkMask(maskInput)
        val channels = if (multimaskOutput) 1 until Spec.NUM_MASKS else 0..0
        val all = View.whole(whole.width, whole.height)
        if (looking == null) {
            val seen = look("look", photo.image, whole, prompts, maskInput, channels)
            return MaskAnswer(seen.logits, seen.ious, all, whole, whole)
        }
        val previous = maskInput ?: look("glance", photo.image, whole, prompts, null, 0..0).logits.single()
        val found = MaskUpsampling.maskOf(whole.cropped(previous))
        val view = Looks.surroundings(found, prompts, whole, looking)
        val letterbox = Letterbox(view.width, view.height, model.inputSize)
        val image = timed("closer look: prepare") {
            if (view.isWhole(whole)) photo.image else letterbox.apply(photo.photo, view)
        }
        val moved = Looks.ontoView(previous, whole, view, letterbox)
        val seen = look("closer look", image, letterbox, Looks.movedPrompts(prompts, view), moved, channels)
        return MaskAnswer(seen.logits, seen.ious, view, letterbox, whole)
    }

    private class Seen(val logits: List<FloatArray>, val ious: FloatArray)

    /** Cleaned logits and predicted IoUs of one inference. */
    private fun look(
        name: String,
        image: FloatArray,
        letterbox: Letterbox,
        prompts: Prompts,
        previous: FloatArray?,
        channels: IntRange,
    ): Seen {
        val inputs = timed("$name: encode") {
            PromptEncoder.encode(prompts, letterbox, previous) + (Spec.IMAGE to image)
        }
        val answer = timed("$name: network") { model.run(inputs) }
        return timed("$name: clean") {
            val all = answer.getValue(Spec.LOW_RES_MASKS)
            val area = all.size / Spec.NUM_MASKS
            val masks = channels.map { all.copyOfRange(it * area, (it + 1) * area) }
            masks.forEach { checkFinite("network", it) }
            val asked = Asked.of(prompts, previous, letterbox)
            val ious = answer.getValue(Spec.IOU_PREDICTIONS)
            val clean = if (cleaning == null) masks else masks.map {
                MaskCleanup.cleanedLogits(it, asked, letterbox, cleaning)
            }
            Seen(clean, FloatArray(masks.size) { ious[channels.first + it] })
        }
    }

    /** @throws ArtifactError an answer of a network is NaN or infinite */
    protected fun checkFinite(network: String, values: FloatArray) {
        if (!values.areFinite()) {
            throw ArtifactError("the $network answers NaN or infinity; use other weights or precision")
        }
    }

    private fun checkMask(maskInput: FloatArray) {
        val side = model.inputSize / Spec.MAP_STRIDE
        if (maskInput.size != side * side || !maskInput.areFinite()) {
            throw PromptError(
                "maskInput must hold ${side}x$side finite logits, got ${maskInput.size} numbers; " +
                    "give one of lowResMasks of an earlier answer",
            )
        }
    }

    /** The photo that was set last. */
    protected fun currentPhoto(): SetPhoto = set ?: throw ImageError("no photo is set; call setImage first")

    /** What `work` gives, its time told to `onStage`. */
    protected fun <T> timed(stage: String, work: () -> T): T {
        val started = System.nanoTime()
        val result = work()
        onStage?.invoke(stage, (System.nanoTime() - started) / NS_PER_MS)
        return result
    }

    internal companion object {
        const val NS_PER_MS = 1e6

        fun asPrediction(answer: MaskAnswer) =
            Prediction(answer.photoMasks(), answer.iouPredictions, answer.lowResMasks)

        private fun FloatArray.areFinite() = all { !it.isNaN() && !it.isInfinite() }
    }
}
