package org.squeezesam.segmentation

import java.io.File
import java.io.IOException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.Random
import java.util.TimeZone
import java.util.UUID

/** An artifact to time. */
data class Subject(val kind: NetworkKind, val precision: String, val threads: Int)

/**
 * The harness's protocol on the phone: cold load, first inference, warm, pipeline, sustained.
 *
 * The harness gives each artifact a fresh process in each round. An app that wants the same calls
 * `measure` once in a process of its own and ends that process; `run` takes how, and where nothing
 * is said everything is timed in one process. Reports call every measurement a fresh process, so that
 * an app that times several in one process has to say so in the `command` of its records. The
 * page cache cannot be emptied by an app, so that only a first load after a restart is a cold one.
 * An inference includes copying its tensors in and out, as the app does it.
 *
 * @param bundle with the artifacts
 * @param runtime that runs them
 * @param phone what is asked about the phone
 */
class BenchmarkProtocol(
    private val bundle: ModelBundle,
    private val runtime: Runtime,
    private val phone: PhoneState,
) {
    /**
     * Do the protocol once.
     *
     * @param tell takes a word on what is going on
     * @throws ArtifactError the artifact does not load or run
     */
    fun measure(subject: Subject, protocol: Protocol, tell: (String) -> Unit = {}): Measurement {
        val network = networkOf(subject)
        val artifact = network.artifact(runtime.target, subject.precision)
        val version = runtime.version // loads the library, which is no part of loading the artifact
        val before = phone.condition()
        tell("load")
        val readStarted = System.nanoTime()
        val bytes = bundle.unchecked(artifact)
        val readMs = millisecondsSince(readStarted)
        bundle.check(artifact, bytes)
        val loadStarted = System.nanoTime()
        runtime.load(bytes, network, subject.threads).use { model ->
            val loadMs = readMs + millisecondsSince(loadStarted)
            val inputs = randomInputs(network)
            val infer = { val started = System.nanoTime(); model.run(inputs); millisecondsSince(started) }
            tell("first")
            val firstMs = infer()
            tell("warm")
            repeat(protocol.warmUpInferences) { infer() }
            val warm = samples(infer, protocol.timedInferences, protocol.timeBudgetS)
            tell("pipeline")
            val pipeline = if (subject.kind == NetworkKind.SEGMENTER) pipelineSamples(model, protocol) else emptyList()
            tell("sustained")
            val sustained = samples(infer, 0, protocol.sustainedS)
            return Measurement(
                runtime.name,
                version,
                runtime.backend,
                subject.threads,
                loadMs,
                firstMs,
                warm,
                pipeline,
                sustained,
                peakMemoryBytes(),
                before,
                phone.condition(),
            )
        }
    }

    /**
     * Time subjects in all rounds of a protocol, in an order that is shuffled anew in each round.
     *
     * @param subjects what to time
     * @param command of the records: what the user did to start this
     * @param measureOne how one measurement is made; in this process where nothing is said
     * @param add takes each record, one line of JSON, as soon as it is there
     * @throws ArtifactError an artifact does not load or run
     * @throws ConfigError the phone stays hot
     */
    fun run(
        subjects: List<Subject>,
        protocol: Protocol,
        command: String,
        measureOne: (Subject) -> Measurement = { measure(it, protocol) },
        add: (String) -> Unit,
    ) {
        val runId = UUID.randomUUID().toString().replace("-", "")
        val shuffler = Random(0)
        repeat(protocol.rounds) { round ->
            for (subject in subjects.shuffled(shuffler)) {
                phone.rest((protocol.coolDownS * MS_PER_S).toLong())
                waitUntilCool(protocol.thermalGateS)
                val started = utcNow()
                add(record(subject, protocol, runId, round, started, command, measureOne(subject)))
            }
        }
    }

    /** One line of a results file; see `Result` in `results/records.py`. */
    fun record(
        subject: Subject,
        protocol: Protocol,
        runId: String,
        roundIndex: Int,
        startedAt: String,
        command: String,
        measurement: Measurement,
    ): String = Json.written(
        mapOf(
            "schema_version" to SCHEMA_VERSION,
            "harness_version" to Spec.VERSION,
            "run_id" to runId,
            "round_index" to roundIndex,
            "started_at" to startedAt,
            "command" to command,
            "protocol" to protocol.json(),
            "device" to phone.device.json(),
            "artifact" to artifactJson(subject),
            "measurement" to measurement.json(),
            "detector" to null,
        ),
    )

    private fun artifactJson(subject: Subject): Map<String, Any?> {
        val network = networkOf(subject)
        val artifact = network.artifact(runtime.target, subject.precision)
        return mapOf(
            "name" to artifact.graph.file.substringAfterLast('/'),
            "sha256" to artifact.graph.sha256,
            "size_bytes" to artifact.graph.sizeBytes,
            "variant" to network.variant,
            "precision" to artifact.precision,
            "ops_outside_delegate" to artifact.graph.opsOutsideDelegate?.groupingBy { it }?.eachCount(),
            "manifest" to mapOf("sha256" to bundle.manifestSha256, "weights_sha256" to network.weightsSha256),
        )
    }

    private fun networkOf(subject: Subject): Network = bundle.manifest.networks.find { it.kind == subject.kind }
        ?: throw ConfigError("the bundle has no ${subject.kind.title}; choose another network")

    private fun waitUntilCool(longestS: Double) {
        val deadline = System.nanoTime() + (longestS * NS_PER_S).toLong()
        while (true) {
            val state = phone.condition().thermalState
            if (state == null || state == COOL) return
            if (System.nanoTime() >= deadline) {
                throw ConfigError("the phone still says thermal state $state after $longestS s; let it cool")
            }
            phone.rest(GATE_POLL_MS)
        }
    }

    private fun randomInputs(network: Network): Map<String, FloatArray> {
        val random = Random(0)
        return network.inputs.associate { spec -> spec.name to FloatArray(spec.count) { 2 * random.nextFloat() - 1 } }
    }

    /** One sample after another: `atLeast` so many, and on until the budget is spent. */
    private fun samples(infer: () -> Double, atLeast: Int, budgetS: Double): List<Double> {
        val taken = ArrayList<Double>()
        val started = System.nanoTime()
        while (taken.size < atLeast || millisecondsSince(started) < budgetS * MS_PER_S) taken += infer()
        return taken
    }

    private fun pipelineSamples(model: LoadedNetwork, protocol: Protocol): List<PipelineSample> {
        if (protocol.pipelineRuns == 0) return emptyList()
        val timed = TimedNetwork(model)
        val predictor = SamPredictor(timed)
        val (width, height) = protocol.photoWidthPx to protocol.photoHeightPx
        Photo.checkSize(width, height)
        val photo = Photo.ofRgb(width, height, ByteArray(3 * width * height).also { Random(0).nextBytes(it) })
        return List(protocol.pipelineRuns + 1) {
            timed.busyNs = 0
            val began = System.nanoTime()
            predictor.setImage(photo)
            val middle = listOf(Point(width / 2f, height / 2f))
            predictor.predict(middle, listOf(PointLabel.POSITIVE), multimaskOutput = false)
            val ended = System.nanoTime()
            PipelineSample(
                (timed.endedNs - began - timed.busyNs) / NS_PER_MS,
                timed.busyNs / NS_PER_MS,
                (ended - timed.endedNs) / NS_PER_MS,
            )
        }.drop(1)
    }

    private class TimedNetwork(private val model: LoadedNetwork) : LoadedNetwork by model {
        var busyNs = 0L
        var endedNs = 0L

        override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
            val began = System.nanoTime()
            return model.run(inputs).also {
                endedNs = System.nanoTime()
                busyNs += endedNs - began
            }
        }
    }

    companion object {
        /** The version of the harness's results that `record` writes. */
        const val SCHEMA_VERSION = 2

        private const val COOL = "none"
        private const val GATE_POLL_MS = 5_000L
        private const val NS_PER_MS = 1e6
        private const val NS_PER_S = 1e9
        private const val MS_PER_S = 1e3
        private val PEAK = Regex("VmHWM:\\s+(\\d+) kB")

        /** The moment, as records have it: UTC, ISO 8601. */
        fun utcNow(): String = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss+00:00", Locale.ROOT)
            .apply { timeZone = TimeZone.getTimeZone("UTC") }
            .format(Date())

        private fun millisecondsSince(started: Long) = (System.nanoTime() - started) / NS_PER_MS

        /** Peak resident memory of this process in its life; null where the kernel does not say. */
        private fun peakMemoryBytes(): Long? = try {
            PEAK.find(File("/proc/self/status").readText())?.let { it.groupValues[1].toLong() * 1024 }
        } catch (error: IOException) {
            null
        }
    }
}
