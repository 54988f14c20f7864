package org.squeezesam.segmentation

import java.io.File
import java.io.IOException

/**
 * How every artifact is timed; see `squeezesam_benchmarks/protocol.py`, whose defaults these are.
 *
 * @throws ConfigError a number is too small or not finite
 */
data class Protocol(
    val warmUpInferences: Int = 3,
    val timedInferences: Int = 10,
    val timeBudgetS: Double = 0.0,
    val pipelineRuns: Int = 3,
    val photoWidthPx: Int = 1536,
    val photoHeightPx: Int = 2048,
    val sustainedS: Double = 0.0,
    val rounds: Int = 5,
    val coolDownS: Double = 0.0,
    val thermalGateS: Double = 300.0,
) {
    init {
        val least = listOf(
            Triple("warm-up", warmUpInferences, 0),
            Triple("iterations", timedInferences, 1),
            Triple("time budget", timeBudgetS, 0),
            Triple("pipelines", pipelineRuns, 0),
            Triple("photo width", photoWidthPx, 1),
            Triple("photo height", photoHeightPx, 1),
            Triple("sustained", sustainedS, 0),
            Triple("rounds", rounds, 1),
            Triple("cool-down", coolDownS, 0),
            Triple("thermal gate", thermalGateS, 0),
        )
        for ((name, value, smallest) in least) {
            val number = value.toDouble()
            if (!(number >= smallest && number < Double.POSITIVE_INFINITY)) {
                throw ConfigError("a $name of $value cannot be used; give at least $smallest")
            }
        }
    }

    internal fun json() = mapOf(
        "warm_up_inferences" to warmUpInferences,
        "timed_inferences" to timedInferences,
        "time_budget_s" to timeBudgetS,
        "pipeline_runs" to pipelineRuns,
        "photo_width_px" to photoWidthPx,
        "photo_height_px" to photoHeightPx,
        "sustained_s" to sustainedS,
        "rounds" to rounds,
        "cool_down_s" to coolDownS,
        "thermal_gate_s" to thermalGateS,
    )
}

/** The phone that runs the inferences; null for what it does not say. See `results/records.py`. */
data class Device(
    val model: String?,
    val soc: String?,
    val cpu: String?,
    val cores: Int?,
    val os: String?,
) {
    internal fun json() =
        mapOf("place" to "android", "model" to model, "soc" to soc, "cpu" to cpu, "cores" to cores, "os" to os)
}

/**
 * What may slow a phone, at one moment; null for what it does not say.
 *
 * @property thermalState none, light, moderate, severe, critical, emergency or shutdown
 * @property powerMode normal or low_power
 */
data class Condition(
    val thermalState: String? = null,
    val temperatureCelsius: Double? = null,
    val batteryPercent: Double? = null,
    val charging: Boolean? = null,
    val powerMode: String? = null,
) {
    internal fun json() = mapOf(
        "thermal_state" to thermalState,
        "temperature_celsius" to temperatureCelsius,
        "battery_percent" to batteryPercent,
        "charging" to charging,
        "power_mode" to powerMode,
    )
}

/** What the app asks of the phone for a benchmark; the library itself knows no Android. */
interface PhoneState {
    val device: Device

    /** The state of the phone now. */
    fun condition(): Condition

    /** Milliseconds of rest; the default is a plain sleep. */
    fun rest(milliseconds: Long) = Thread.sleep(milliseconds)
}

/** One mask of one photo, of a click on its decoded pixels; see `results/records.py`. */
data class PipelineSample(val preprocessMs: Double, val modelMs: Double, val postprocessMs: Double) {
    internal fun json() = mapOf(
        "preprocess_ms" to preprocessMs,
        "model_ms" to modelMs,
        "postprocess_ms" to postprocessMs,
        "decode_ms" to null,
        "detector_ms" to null,
        "clicks_ms" to null,
        "model_alone_ms" to null,
    )
}

/** What one process measured; fields are those of `results/records.py`. */
class Measurement internal constructor(
    val runtime: String,
    val runtimeVersion: String?,
    val backend: String,
    val threads: Int,
    val loadMs: Double,
    val firstInferenceMs: Double,
    val warmSamplesMs: List<Double>,
    val pipelineSamples: List<PipelineSample>,
    val sustainedSamplesMs: List<Double>,
    val peakMemoryBytes: Long?,
    val before: Condition,
    val after: Condition,
) {
    internal fun json() = mapOf(
        "runtime" to runtime,
        "runtime_version" to runtimeVersion,
        "backend" to backend,
        "threads" to threads,
        "pinned_cores" to null,
        "load_ms" to loadMs,
        "first_inference_ms" to firstInferenceMs,
        "warm_samples_ms" to warmSamplesMs,
        "pipeline_samples" to pipelineSamples.map { it.json() },
        "sustained_samples_ms" to sustainedSamplesMs,
        "peak_memory_bytes" to peakMemoryBytes,
        "memory_kind" to peakMemoryBytes?.let { "rss" },
        "before" to before.json(),
        "after" to after.json(),
        "emulation" to null,
    )
}

/** A results file of JSON Lines that is whole at any moment at which the app may be cut off. */
class ResultsFile(private val file: File) {
    /**
     * Keep one more record.
     *
     * @throws OutputError the place cannot be written to
     */
    fun add(record: String) {
        try {
            val partial = File(file.path + ".part")
            if (file.isFile) file.copyTo(partial, overwrite = true) else partial.writeBytes(ByteArray(0))
            partial.appendText(record + "\n")
            if (!partial.renameTo(file)) throw IOException("it cannot be renamed")
        } catch (error: IOException) {
            throw OutputError("cannot write ${file.name} (${reason(error)}); make room on the phone", error)
        }
    }
}
