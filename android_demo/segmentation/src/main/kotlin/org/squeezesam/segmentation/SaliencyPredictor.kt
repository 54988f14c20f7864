package org.squeezesam.segmentation

import java.util.WeakHashMap

/**
 * A `SamPredictor` that answers with the most prominent object when it is asked nothing, with the
 * meaning of `squeezesam/inference/saliency_predictor.py`.
 *
 * @param model the segmenter
 * @param detector the salient-object detector
 * @throws ConfigError one is in the other's place
 */
class SaliencyPredictor(
    model: LoadedNetwork,
    private val detector: LoadedNetwork,
    private val sampling: ClickSampling = ClickSampling(),
    cleaning: MaskCleaning? = MaskCleaning(),
    looking: Looking? = Looking(),
    onStage: ((stage: String, milliseconds: Double) -> Unit)? = null,
) : SamPredictor(model, cleaning, looking, onStage) {
    private val findings = WeakHashMap<SetPhoto, Finding>()

    init {
        if (detector.kind != NetworkKind.DETECTOR) {
            throw ConfigError("the detector is a ${detector.kind.title}; give a detector in its place")
        }
    }

    /**
     * What stands out in the photo; the detector runs once for each photo.
     *
     * @throws ImageError no photo is set
     * @throws ArtifactError the detector answers NaN or infinity, or the runtime fails
     */
    val finding: Finding get() = findingOn(currentPhoto())

    private fun findingOn(set: SetPhoto): Finding = synchronized(findings) {
        findings.getOrPut(set) {
            val photo = set.photo
            val letterbox = Letterbox(photo.width, photo.height, detector.inputSize)
            val image = timed("detector: prepare") { letterbox.apply(photo) }
            val answer = timed("detector: network") { detector.run(mapOf(Spec.IMAGE to image)) }
            val logits = answer.getValue(Spec.SALIENCY_LOGITS)
            checkFinite("detector", logits)
            timed("detector: clicks") { Finding(logits, letterbox, sampling) }
        }
    }

    /**
     * What the prompts mean; without any, the most prominent object.
     *
     * @throws NoSalientObjectError nothing is asked, and nothing stands out in the photo
     */
    override fun answer(
        pointCoords: List<Point>?,
        pointLabels: List<Int>?,
        box: Box?,
        maskInput: FloatArray?,
        multimaskOutput: Boolean,
    ): MaskAnswer {
        val photo = currentPhoto()
        if (pointCoords != null || pointLabels != null || box != null || maskInput != null) {
            return answerOn(photo, pointCoords, pointLabels, box, maskInput, multimaskOutput)
        }
        val finding = findingOn(photo)
        if (finding.salient == null) {
            throw NoSalientObjectError("nothing in this photo stands out; tap on what you mean, or draw a box")
        }
        val earlier = finding.maskInput(photo.letterbox)
        return answerOn(photo, finding.coords, finding.labels, null, earlier, multimaskOutput)
    }

    /**
     * Correct the automatic mask: its own clicks, then yours, and the mask so far.
     *
     * @param pointCoords all clicks of the user so far, in photo pixels
     * @param pointLabels of each click: 1 object, 0 background
     * @param maskInput one of `lowResMasks` of the automatic answer or the last edit; null where
     *   there is none
     */
    fun edit(
        pointCoords: List<Point>,
        pointLabels: List<Int>,
        maskInput: FloatArray? = null,
        multimaskOutput: Boolean = false,
    ): Prediction = asPrediction(editAnswer(pointCoords, pointLabels, maskInput, multimaskOutput))

    /** As `edit`, before the masks are brought to the size of the photo. */
    fun editAnswer(
        pointCoords: List<Point>,
        pointLabels: List<Int>,
        maskInput: FloatArray? = null,
        multimaskOutput: Boolean = false,
    ): MaskAnswer {
        val photo = currentPhoto()
        val finding = findingOn(photo)
        return answerOn(
            photo,
            finding.coords + pointCoords,
            finding.labels + pointLabels,
            null,
            maskInput,
            multimaskOutput,
        )
    }
}
