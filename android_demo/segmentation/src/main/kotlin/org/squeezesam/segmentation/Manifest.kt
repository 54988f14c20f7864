package org.squeezesam.segmentation

/** A tensor of a network. */
class TensorSpec(val name: String, val shape: LongArray) {
    /** Number of values. */
    val count: Int get() = shape.fold(1L) { all, side -> all * side }.toInt()
}

/**
 * One exported file.
 *
 * @property file relative to the manifest
 * @property sha256 of the file, in hexadecimal
 * @property sizeBytes of the file
 * @property opsOutsideDelegate names of the operators outside the delegate, once for each
 *   occurrence; null where the format has no delegate
 */
data class GraphFile(
    val file: String,
    val sha256: String,
    val sizeBytes: Long,
    val opsOutsideDelegate: List<String>?,
)

/**
 * A network in one target and precision.
 *
 * @property target name of the export target, such as `onnx`
 * @property precision name of its scheme, such as `int8`
 * @property graph its file
 */
data class Artifact(val target: String, val precision: String, val graph: GraphFile)

/** A click in photo pixels. */
data class Click(val x: Int, val y: Int, val label: Int)

/**
 * A golden case: what is asked about a photo.
 *
 * @property box x0, y0, x1, y1 in photo pixels; null without one
 * @property previous an earlier case of the same photo whose mask 0, cleaned, is the previous mask
 */
data class CaseRecord(
    val name: String,
    val clicks: List<Click>,
    val box: List<Int>?,
    val previous: String?,
)

/** The golden cases of one photo; see `GoldenFile` in `export/squeezesam_export/bundle/manifest.py`. */
data class GoldenFile(
    val file: String,
    val sha256: String,
    val photo: String,
    val width: Int,
    val height: Int,
    val promptedBy: String?,
    val cases: List<CaseRecord>,
)

/** A file beside the manifest. */
data class HashedFile(val file: String, val sha256: String)

/**
 * One network of the bundle.
 *
 * @property variant its name, such as `base`
 * @property weightsSha256 of the weights that were exported
 * @property inputSize side of its square image input in pixels
 * @property artifacts those that take and give 32-bit floats
 */
class Network(
    val kind: NetworkKind,
    val variant: String,
    val weightsSha256: String,
    val inputSize: Int,
    val inputs: List<TensorSpec>,
    val outputs: List<TensorSpec>,
    val artifacts: List<Artifact>,
    val golden: List<GoldenFile>,
) {
    /** The precisions that it has for a target, in the order of the export. */
    fun precisions(target: String): List<String> =
        artifacts.filter { it.target == target }.map { it.precision }

    /**
     * Its artifact in a target and precision.
     *
     * @throws ArtifactError there is none
     */
    fun artifact(target: String, precision: String): Artifact =
        artifacts.find { it.target == target && it.precision == precision } ?: run {
            val known = artifacts.joinToString(", ") { "${it.target} ${it.precision}" }
            throw ArtifactError("the ${kind.title} has no $target artifact in $precision; use one of $known")
        }
}

/**
 * What of `manifest.json` an app needs; the form is that of `export/squeezesam_export/bundle/manifest.py`.
 *
 * @property networks of the kinds that this library knows; there is a segmenter
 * @property bounds of the answers of artifacts on the golden cases, by the name of their precision
 * @property vectors drawn inputs with their answers, for the check of this library's own code
 */
class Manifest private constructor(
    val networks: List<Network>,
    val bounds: Map<String, Bounds>,
    val vectors: List<HashedFile>,
) {
    /** The promptable network. */
    val segmenter: Network get() = networks.first { it.kind == NetworkKind.SEGMENTER }

    /** The salient-object detector; null where the bundle has none. */
    val detector: Network? get() = networks.find { it.kind == NetworkKind.DETECTOR }

    /** The precisions that all networks have for a target, in the order of the export. */
    fun precisions(target: String): List<String> =
        segmenter.precisions(target).filter { one -> networks.all { one in it.precisions(target) } }

    companion object {
        /** The version of `manifest.json` that this library reads. */
        const val SCHEMA_VERSION = 8

        /**
         * Check what stands in `manifest.json`.
         *
         * @throws ArtifactError it is damaged, of another schema version or of another contract
         */
        internal fun of(content: Json): Manifest {
            val version = (content.value as? Map<*, *>)?.get("schema_version")
            if (version != SCHEMA_VERSION.toDouble()) {
                throw ArtifactError(
                    "manifest.json has schema version ${Json.shown(version)}, this app reads " +
                        "$SCHEMA_VERSION; use the app that fits it or export again",
                )
            }
            try {
                checkContract(content["contract"])
                val networks = content["networks"].items.mapNotNull(::networkOf)
                for (kind in NetworkKind.values()) {
                    if (networks.count { it.kind == kind } > 1) {
                        throw ArtifactError("manifest.json lists two networks of kind ${kind.title}; export again")
                    }
                }
                if (networks.none { it.kind == NetworkKind.SEGMENTER }) {
                    throw ArtifactError("the bundle has no segmenter; export again with one")
                }
                val vectors = content["vectors"].items.map { HashedFile(fileName(it["file"]), hash(it["sha256"])) }
                return Manifest(networks, boundsOf(content["bounds"]), vectors)
            } catch (error: JsonError) {
                throw ArtifactError("manifest.json is damaged (${reason(error)}); export again", error)
            }
        }
    }
}

private const val MAX_INPUT_SIZE = 2048
private val SHA256 = Regex("[0-9a-f]{64}")

private fun hash(value: Json): String =
    value.text.also { if (!SHA256.matches(it)) throw JsonError("${value.place} is no SHA-256") }

/** The name of a file in the folder of the manifest or below it. */
private fun fileName(value: Json): String {
    val name = value.text
    val parts = name.split("/")
    if (parts.any { it.isEmpty() || it == "." || it == ".." } || '\u0000' in name || '\\' in name) {
        throw ArtifactError(
            "manifest.json lists the file ${Json.shown(name)}, which leads out of the bundle; export again",
        )
    }
    return name
}

private fun boundsOf(value: Json): Map<String, Bounds> = value.fields.keys.associate { name ->
    val precision = name.toString()
    val (leastIou, meanIou, iouError, clickDistance) =
        listOf("min_mask_iou", "mean_mask_iou", "max_iou_error", "max_click_distance").map { value[precision][it].number }
    precision to Bounds(leastIou, meanIou, iouError, clickDistance)
}

/** Null for a kind of network that this library does not know and does not need. */
private fun networkOf(value: Json): Network? {
    val kind = NetworkKind.values().find { it.title == value["kind"].text } ?: return null
    val size = value["input_size"].int
    if (size !in 1..MAX_INPUT_SIZE || size % Spec.SALIENCY_STRIDE != 0) {
        throw ArtifactError("the ${kind.title} is for inputs of $size pixels; export again")
    }
    checkPreprocessing(value["preprocessing"])
    if (kind == NetworkKind.DETECTOR) checkSampling(value["rules"])
    val graph = onlyOne(kind, value["graphs"])
    val network = Network(
        kind,
        value["variant"].text,
        hash(value["weights_sha256"]),
        size,
        tensors(graph["inputs"]),
        tensors(graph["outputs"]),
        value["artifacts"].items.filter(::takesFloats).map { artifactOf(kind, it) },
        value["golden"].items.map(::goldenOf),
    )
    checkTensors(network)
    return network
}

private fun onlyOne(kind: NetworkKind, graphs: Json): Json = graphs.items.singleOrNull()
    ?: throw ArtifactError(
        "the ${kind.title} has ${graphs.items.size} graphs, this app runs networks of one; export again",
    )

private fun tensors(value: Json): List<TensorSpec> = value.items.map { one ->
    if (one["dtype"].text != "float32") throw JsonError("${one.place} is no float32 tensor")
    TensorSpec(one["name"].text, one["shape"].items.map { it.long }.toLongArray())
}

/** The shapes follow from the kind and the input size, so that no later code needs to ask. */
private fun checkTensors(network: Network) {
    val (inputs, outputs) = tensorsOf(network.kind, network.inputSize)
    for ((found, wanted) in listOf(network.inputs to inputs, network.outputs to outputs)) {
        val same = found.size == wanted.size && found.zip(wanted).all { (one, other) ->
            one.name == other.name && one.shape.contentEquals(other.shape)
        }
        if (!same) {
            throw ArtifactError(
                "manifest.json has other tensors of the ${network.kind.title} than this app; export again",
            )
        }
    }
}

/** Inputs and outputs of a kind of network for an input size, as `squeezesam/spec.py` has them. */
internal fun tensorsOf(kind: NetworkKind, inputSize: Int): Pair<List<TensorSpec>, List<TensorSpec>> {
    val size = inputSize.toLong()
    val (mapSide, heatSide) = size / Spec.MAP_STRIDE to size / Spec.SALIENCY_STRIDE
    val shapes = mapOf(
        Spec.IMAGE to longArrayOf(1, 3, size, size),
        Spec.PROMPT_MAPS to longArrayOf(1, MapChannel.values().size.toLong(), mapSide, mapSide),
        Spec.PROMPT_TOKENS to longArrayOf(1, Spec.TOKEN_SLOTS.toLong(), Spec.TOKEN_FEATURES.toLong()),
        Spec.LOW_RES_MASKS to longArrayOf(1, Spec.NUM_MASKS.toLong(), mapSide, mapSide),
        Spec.IOU_PREDICTIONS to longArrayOf(1, Spec.NUM_MASKS.toLong()),
        Spec.SALIENCY_LOGITS to longArrayOf(1, 1, heatSide, heatSide),
    )
    fun specs(names: List<String>) = names.map { TensorSpec(it, shapes.getValue(it)) }
    return specs(kind.inputs) to specs(kind.outputs)
}

/** Core ML packages take images and some others float16, which the runtimes of this library do not. */
private fun takesFloats(artifact: Json): Boolean = artifact["graphs"].items.all { graph ->
    graph["io_dtypes"].fields.values.all { it == "float32" }
}

private fun artifactOf(kind: NetworkKind, value: Json): Artifact {
    val graph = onlyOne(kind, value["graphs"])
    val outside = graph["ops_outside_delegate"].orNull { ops -> ops.items.map { it.text } }
    val size = graph["size_bytes"].long
    if (size !in 1..Int.MAX_VALUE) throw JsonError("${graph.place}.size_bytes is $size")
    val file = GraphFile(fileName(graph["file"]), hash(graph["sha256"]), size, outside)
    return Artifact(value["target"].text, value["precision"].text, file)
}

private fun goldenOf(value: Json): GoldenFile {
    val (width, height) = value["width"].int to value["height"].int
    if (width !in 1..Photo.MAX_SIDE || height !in 1..Photo.MAX_SIDE) {
        throw JsonError("${value.place}: ${width}x$height is not the size of a photo")
    }
    val cases = value["cases"].items.map { one ->
        val box = one["box"].orNull { it.ints.toList() }
        if (box != null && box.size != 4) throw JsonError("${one.place}.box has ${box.size} numbers")
        CaseRecord(
            one["name"].text,
            one["clicks"].items.map { Click(it["x"].int, it["y"].int, it["label"].int) },
            box,
            one["previous"].orNull { it.text },
        )
    }
    if (cases.isEmpty()) throw JsonError("${value.place}.cases is empty")
    return GoldenFile(
        fileName(value["file"]),
        hash(value["sha256"]),
        value["photo"].text,
        width,
        height,
        value["prompted_by"].orNull { it.text },
        cases,
    )
}

private fun checkPreprocessing(value: Json) {
    checkSame(value["pad_byte"], Spec.PAD_BYTE)
    checkSame(value["pixel_mean"], Spec.PIXEL_MEAN)
    checkSame(value["pixel_scale"], Spec.PIXEL_SCALE)
}

private fun checkContract(contract: Json) {
    val prompts = contract["prompt_encoding"]
    checkSame(prompts["map_stride"], Spec.MAP_STRIDE)
    checkSame(prompts["disc_radius"], Spec.DISC_RADIUS)
    checkSame(prompts["point_slots"], Spec.POINT_SLOTS)
    checkSame(prompts["box_slots"], Spec.BOX_SLOTS)
    checkSame(prompts["position_frequencies"], Spec.POSITION_FREQUENCIES)
    val channels = MapChannel.values().map { it.name.lowercase() }
    if (prompts["map_channels"].value != channels) refuse(prompts["map_channels"].value, channels)
    for ((name, code) in PointLabel.codes) checkSame(prompts["point_labels"][name], code)
    checkSame(contract["mask_threshold"], Spec.MASK_THRESHOLD)
    val cleaning = contract["mask_cleaning"]
    checkSame(cleaning["numbers"]["speck_area"], MaskCleaning().speckArea)
    checkSame(cleaning["numbers"]["pinhole_area"], MaskCleaning().pinholeArea)
    checkSame(cleaning["flipped_logit"], Spec.FLIPPED_LOGIT)
    val looking = contract["looking"]
    checkSame(looking["numbers"]["surroundings"], Looking().surroundings)
    checkSame(looking["numbers"]["smallest"], Looking().smallest)
    checkSame(looking["outside_logit"], Spec.OUTSIDE_LOGIT)
    checkSame(contract["edge_sharpness"], Spec.EDGE_SHARPNESS)
}

private fun checkSampling(rules: Json) {
    checkSame(rules["heat_map"]["stride"], Spec.SALIENCY_STRIDE)
    checkSame(rules["heat_map"]["levels"], Spec.HEAT_LEVELS)
    val sampling = rules["click_sampling"]
    checkSame(sampling["threshold"], ClickSampling().threshold)
    checkSame(sampling["peak"], ClickSampling().peak)
    checkSame(sampling["smallest_per_mille"], ClickSampling().smallestPerMille)
    checkSame(sampling["clicks"], ClickSampling().clicks)
}

private fun checkSame(found: Json, wanted: Number) {
    if (found.number != wanted.toDouble()) refuse(found.value, wanted.toDouble())
}

private fun refuse(found: Any?, wanted: Any): Nothing = throw ArtifactError(
    "manifest.json has ${Json.shown(found)} where this app has ${Json.shown(wanted)}; " +
        "use the app that fits it or export again",
)
