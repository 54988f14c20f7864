package org.squeezesam.segmentation

import kotlin.io.encoding.Base64
import kotlin.math.abs

/** The drawn inputs of a bundle with their answers; the forms stand in the Python modules. */
internal object GoldenVectors {
    /**
     * Whether this library gives the answer of a case.
     *
     * @throws JsonError the case has another form
     */
    fun holds(case: Json): Boolean = when (val kind = case["kind"].text) {
        "clean" -> clean(case)
        "logits" -> logits(case)
        "places" -> if ("heat_size" in case.fields) heatPlaces(case) else maskPlaces(case)
        "heat" -> case["logits"].floats.map(SaliencyPrompt::heatByte) == case["bytes"].ints.toList()
        "clicks" -> clicks(case)
        "view" -> view(case)
        "onto_view" -> ontoView(case)
        "onto_photo" -> ontoPhoto(case)
        "letterbox" -> shownPhoto(case)
        "upsampling" -> enlargedMask(case)
        "prompts" -> encodedPrompts(case)
        "answers" -> wholeAnswers(case)
        else -> throw ArtifactError(
            "this app knows no cases of kind ${Json.shown(kind)}; use the app that fits the bundle",
        )
    }

    private fun bytes(value: Json): ByteArray = try {
        Base64.decode(value.text)
    } catch (error: IllegalArgumentException) {
        throw JsonError("${value.place} is no base64")
    }

    private fun mask(value: Json): BooleanArray =
        bytes(value).let { all -> BooleanArray(all.size) { all[it] != 0.toByte() } }

    private fun pixels(value: Json) = value.items.map { one -> one.ints.let { (x, y) -> Pixel(x, y) } }

    private fun points(value: Json) = value.items.map { one -> one.floats.let { (x, y) -> Point(x, y) } }

    private fun box(value: Json) = value.floats.let { (x0, y0, x1, y1) -> Box(x0, y0, x1, y1) }

    private fun viewOf(value: Json) = value.ints.let { (left, top, width, height) -> View(left, top, width, height) }

    private fun letterbox(case: Json, photo: String = "photo", size: String = "input_size") =
        case[photo].ints.let { (width, height) -> Letterbox(width, height, case[size].int) }

    private fun letterboxOf(view: View, case: Json) = Letterbox(view.width, view.height, case["input_size"].int)

    private fun clean(case: Json): Boolean {
        val cleaning = case["cleaning"].let { MaskCleaning(it["speck_area"].int, it["pinhole_area"].int) }
        val asked = Asked(
            pixels(case["positive"]),
            pixels(case["negative"]),
            case["window"].orNull { it.ints },
            case["previous"].orNull(::mask),
        )
        val found = MaskCleanup.cleaned(mask(case["mask"]), case["width"].int, asked, cleaning)
        return found.contentEquals(mask(case["cleaned"]))
    }

    private fun logits(case: Json): Boolean {
        val (width, height) = case["width"].int to case["height"].int
        val letterbox = Letterbox(width, height, width * Spec.MAP_STRIDE)
        val asked = Asked(pixels(case["positive"]))
        return MaskCleanup.cleanedLogits(case["logits"].floats, asked, letterbox).contentEquals(case["cleaned"].floats)
    }

    private fun maskPlaces(case: Json): Boolean {
        val letterbox = letterbox(case)
        return letterbox.maskSize.contentEquals(case["mask_size"].ints) &&
            points(case["photo_pixels"]).map { letterbox.maskPixel(it).toList() } == lists(case["mask_pixels"]) &&
            case["boxes"].items.map { letterbox.maskWindow(box(it)).toList() } == lists(case["windows"])
    }

    private fun heatPlaces(case: Json): Boolean {
        val letterbox = letterbox(case)
        val found = pixels(case["heat_pixels"]).map { letterbox.photoPixel(it.x, it.y).toList() }
        return letterbox.inside.contentEquals(case["inside"].ints) &&
            letterbox.heatSize.contentEquals(case["heat_size"].ints) &&
            found == lists(case["photo_pixels"])
    }

    private fun lists(value: Json) = value.items.map { it.ints.toList() }

    private fun clicks(case: Json): Boolean {
        val sampling = case["sampling"].let {
            ClickSampling(it["threshold"].int, it["peak"].int, it["smallest_per_mille"].int, it["clicks"].int)
        }
        val heat = bytes(case["heat"]).let { all -> IntArray(all.size) { all[it].toInt() and 0xFF } }
        val found = SaliencyPrompt.findSalientObject(heat, case["width"].int, sampling)
        return found?.clicks.orEmpty() == pixels(case["clicks"]) && (found?.area ?: 0) == case["blob_area"].int
    }

    private fun view(case: Json): Boolean {
        val (positive, negative) = points(case["positive"]) to points(case["negative"])
        val labels = positive.map { PointLabel.POSITIVE } + negative.map { PointLabel.NEGATIVE }
        val prompts = Prompts(positive + negative, labels, case["box"].orNull(::box))
        val looking = case["looking"].let { Looking(it["surroundings"].int, it["smallest"].int) }
        val view = Looks.surroundings(mask(case["mask"]), prompts, letterbox(case), looking)
        val moved = Looks.movedPrompts(prompts, view)
        val wanted = case["moved"]
        return view == viewOf(case["view"]) &&
            moved.coordsOf(PointLabel.POSITIVE) == points(wanted["positive"]) &&
            moved.coordsOf(PointLabel.NEGATIVE) == points(wanted["negative"]) &&
            moved.box == wanted["box"].orNull(::box)
    }

    private fun ontoView(case: Json): Boolean {
        val view = viewOf(case["view"])
        val photo = letterbox(case, size = "mask_input_size")
        val found = Looks.ontoView(case["logits"].floats, photo, view, letterboxOf(view, case))
        return found.contentEquals(case["previous"].floats)
    }

    private fun ontoPhoto(case: Json): Boolean {
        val view = viewOf(case["view"])
        val found = Looks.ontoPhoto(case["logits"].floats, view, letterboxOf(view, case), letterbox(case))
        return found.contentEquals(case["placed"].floats)
    }

    private fun photo(case: Json) =
        case["photo"].ints.let { (width, height) -> Photo.ofRgb(width, height, bytes(case["pixels"])) }

    private fun shownPhoto(case: Json): Boolean {
        val view = viewOf(case["view"])
        val found = letterboxOf(view, case).apply(photo(case), view)
        val wanted = bytes(case["image"])
        return found.size == wanted.size && found.indices.all { found[it] == Letterbox.scaled(wanted[it]) }
    }

    private fun enlargedMask(case: Json): Boolean {
        val (letterbox, logits) = letterbox(case) to case["logits"].floats
        val alpha = MaskUpsampling.photoAlpha(logits, letterbox)
        return near(case, "photo_logits", MaskUpsampling.photoLogits(logits, letterbox)) &&
            MaskUpsampling.photoMask(logits, letterbox).contentEquals(mask(case["photo_mask"])) &&
            near(case, "photo_alpha", FloatArray(alpha.size) { (alpha[it].toInt() and 0xFF).toFloat() })
    }

    private fun encodedPrompts(case: Json): Boolean {
        val (width, height) = case["photo"].ints
        val labels = case["labels"].ints.toList()
        val prompts = Prompts.check(points(case["coords"]), labels, case["box"].orNull(::box), width, height)
        val tensors = PromptEncoder.encode(prompts, letterbox(case), case["mask_input"].orNull { it.floats })
        return tensors.all { (name, found) -> near(case, name, found) }
    }

    /** Whether numbers differ from those of a case by no more than it allows for a field. */
    private fun near(case: Json, name: String, found: FloatArray, wanted: Json = case[name]): Boolean {
        val (numbers, most) = wanted.floats to case["tolerance"][name].number
        return numbers.size == found.size && found.indices.all { abs(found[it] - numbers[it]) <= most }
    }

    private fun wholeAnswers(case: Json): Boolean {
        val (segmenter, detector) = listOf(NetworkKind.SEGMENTER, NetworkKind.DETECTOR)
            .map { StandInNetwork(it, case["input_size"].int) }
        val predictor = SaliencyPredictor(segmenter, detector)
        var same = true
        ask(predictor, case) { wanted, masks, found ->
            same = same && found.masks.size == masks.size &&
                found.masks.zip(masks).all { (one, other) -> one.contentEquals(other) } &&
                near(case, "iou_predictions", found.iouPredictions, wanted["iou_predictions"]) &&
                wanted["low_res_masks"].items.zip(found.lowResMasks)
                    .all { (logits, low) -> near(case, "low_res_masks", low, logits) }
        }
        val finding = predictor.finding
        val heat = ByteArray(finding.heat.size) { finding.heat[it].toByte() }
        return same && heat.contentEquals(bytes(case["heat"])) && finding.coords == points(case["clicks"])
    }

    /**
     * Ask a predictor all that a case of kind `answers` asks, in its order.
     *
     * @param compare takes what the case has of a question, the masks among it, and what the predictor answers
     */
    fun ask(predictor: SaliencyPredictor, case: Json, compare: (Json, List<BooleanArray>, Prediction) -> Unit) {
        val photo = photo(case)
        predictor.setImage(photo)
        val lowRes = HashMap<String, FloatArray>()
        for (asked in case["asked"].items) {
            val coords = asked["point_coords"].orNull(::points)
            val labels = asked["point_labels"].orNull { it.ints.toList() }
            val previous = asked["previous"].orNull { lowRes.getValue(it.text) }
            val several = asked["multimask_output"].flag
            val found = when (asked["method"].text) {
                "edit" -> predictor.edit(coords.orEmpty(), labels.orEmpty(), previous, several)
                else -> predictor.predict(coords, labels, asked["box"].orNull(::box), previous, several)
            }
            lowRes[asked["name"].text] = found.lowResMasks[0]
            compare(asked, asked["masks"].items.map { bits(it, photo.width * photo.height) }, found)
        }
    }

    /** A mask of so many pixels, eight in a byte. */
    private fun bits(value: Json, count: Int): BooleanArray {
        val packed = bytes(value)
        return BooleanArray(count) { packed[it / Byte.SIZE_BITS].toInt() shr (7 - it % Byte.SIZE_BITS) and 1 == 1 }
    }
}
