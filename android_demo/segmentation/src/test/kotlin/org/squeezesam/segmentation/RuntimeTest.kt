package org.squeezesam.segmentation

import java.io.File
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The library end to end, with the real ONNX Runtime and the shipped weights. */
class RuntimeTest {
    private val bundle = ModelBundle.open(bundleFolder)
    private val runtime = OnnxRuntime()

    private fun predictor(precision: String): SaliencyPredictor {
        val networks = listOf(bundle.manifest.segmenter, bundle.manifest.detector!!)
        val (segmenter, detector) = networks.map { runtime.load(bundle, it, precision, 1) }
        return SaliencyPredictor(segmenter, detector)
    }

    @Test
    fun fp32AnswersTheGoldenCasesAsPyTorchDoes() {
        val checks = SelfCheck(bundle, runtime, 1).run("fp32", Bounds(0.999, 0.999, 0.001, 0.0))
        checks.forEach { println("fp32 $it") }
        assertEquals(emptyList(), checks.filterNot { it.passed })
        assertEquals(bundle.manifest.vectors.size + 4, checks.size)
    }

    @Test
    fun int8AnswersTheGoldenCasesWithinTheBoundsOfTheManifest() {
        val told = ArrayList<Check>()
        val checks = SelfCheck(bundle, runtime, 1).run("int8") { told += it }
        checks.forEach { println("int8 $it") }
        assertEquals(emptyList(), checks.filterNot { it.passed })
        assertEquals(told, checks)
    }

    @Test
    fun wholeAnswersArePythonsWithTheSameFiles() {
        GoldenVectors.ask(predictor("fp32"), vectors("runtime")) { wanted, masks, found ->
            val name = wanted["name"].text
            assertEquals(masks.size, found.masks.size, name)
            found.masks.forEachIndexed { i, mask ->
                val overlap = iou(mask, masks[i])
                println("fp32 $name, mask $i: IoU $overlap")
                assertTrue(overlap >= 0.999, "$name, mask $i: $overlap")
            }
            assertClose(found.iouPredictions, wanted["iou_predictions"].floats, 1e-3f, name)
        }
    }

    @Test
    fun aNetworkThatAnswersOtherwiseFailsTheSelfCheck() {
        class Altered(val of: LoadedNetwork, val change: (Float) -> Float) : LoadedNetwork by of {
            override fun run(inputs: Map<String, FloatArray>) =
                of.run(inputs).mapValues { (_, values) -> FloatArray(values.size) { change(values[it]) } }
        }
        val changes = listOf<(Float) -> Float>({ -it }, { Float.NaN })
        for (change in changes) {
            val altered = object : Runtime by runtime {
                override fun load(bundle: ModelBundle, network: Network, precision: String, threads: Int) =
                    Altered(runtime.load(bundle, network, precision, threads), change)
            }
            val checks = SelfCheck(bundle, altered, 1).run("int8")
            assertTrue(checks.filter { "int8" in it.name }.none { it.passed }, checks.joinToString())
            assertTrue(checks.filterNot { "int8" in it.name }.all { it.passed }, checks.joinToString())
        }
    }

    @Test
    fun whatTheRuntimeDoesNotTakeIsRefused() {
        val (segmenter, detector) = bundle.manifest.segmenter to bundle.manifest.detector!!
        val bytes = bundle.artifactBytes(segmenter.artifact("onnx", "int8"))
        for (damaged in listOf(ByteArray(0), ByteArray(1000), bytes.copyOf(bytes.size / 2), "text".toByteArray())) {
            val message = assertFailsWith<ArtifactError> { runtime.load(damaged, segmenter, 1) }.message!!
            assertTrue("cannot load the segmenter" in message, message)
            assertFalse('\n' in message)
        }
        val message = assertFailsWith<ArtifactError> { runtime.load(bytes, detector, 1) }.message!!
        assertTrue("has the tensors" in message, message)
        assertFailsWith<ConfigError> { runtime.load(bytes, segmenter, 0) }
        runtime.load(bytes, segmenter, 1).use { network ->
            val inputs = segmenter.inputs.associate { it.name to FloatArray(it.count) }
            assertFailsWith<ArtifactError> { network.run(inputs + (Spec.IMAGE to FloatArray(5))) }
            assertEquals(Spec.NUM_MASKS, network.run(inputs).getValue(Spec.IOU_PREDICTIONS).size)
        }
    }

    @Test
    fun aRuntimeThatIsNotInTheAppIsRefused() {
        val folder = Files.createTempDirectory("programs").toFile()
        try {
            val runtime = ExecuTorchRuntime(folder) // its classes are not on the class path
            val segmenter = bundle.manifest.segmenter
            val message = assertFailsWith<ConfigError> { runtime.load(ByteArray(9), segmenter, 1) }.message!!
            assertTrue("ExecuTorch is not in this app" in message, message)
            assertEquals(emptyList(), folder.list()!!.toList())
            val nowhere = ExecuTorchRuntime(File(folder, "none"))
            assertFailsWith<OutputError> { nowhere.load(ByteArray(9), segmenter, 1) }
        } finally {
            folder.deleteRecursively()
        }
    }

    @Test
    fun theBenchmarkWritesTheHarnesssRecords() {
        val phone = object : PhoneState {
            override val device = Device("Test phone", null, "a \"processor\"", 2, "JVM")
            val states = ArrayDeque(listOf("severe", "none"))
            var rested = 0L
            override fun condition() = Condition(states.removeFirstOrNull() ?: "none", 31.5, 80.0, false, "normal")
            override fun rest(milliseconds: Long) {
                rested += milliseconds
            }
        }
        val protocol = Protocol(1, 2, 0.0, 1, photoWidthPx = 60, photoHeightPx = 80, sustainedS = 0.2, rounds = 2)
        val subjects = NetworkKind.values().map { Subject(it, "int8", 1) }
        val benchmark = BenchmarkProtocol(bundle, runtime, phone)
        val results = File(System.getProperty("results"))
        val file = ResultsFile(results)
        benchmark.run(subjects, protocol, "a test on the JVM", add = file::add)
        assertEquals(5_000L, phone.rested) // until it was cool
        assertEquals(4, results.readLines().size)
        assertEquals(listOf(results.name), results.parentFile.list()!!.toList())
        val stages = ArrayList<String>()
        val measured = benchmark.measure(subjects[0], protocol) { stages += it }
        assertEquals(listOf("load", "first", "warm", "pipeline", "sustained"), stages)
        assertEquals(listOf(2, 1), listOf(measured.warmSamplesMs.size, measured.pipelineSamples.size))
        assertTrue(measured.sustainedSamplesMs.sum() >= 100)
        phone.states += List(3) { "severe" }
        val hot = protocol.copy(thermalGateS = 0.0)
        assertFailsWith<ConfigError> { benchmark.run(subjects, hot, "", add = file::add) }
        assertFailsWith<ArtifactError> { benchmark.measure(Subject(NetworkKind.SEGMENTER, "int3", 1), protocol) }
        assertFailsWith<ConfigError> { Protocol(timedInferences = 0) }
        assertFailsWith<ConfigError> { Protocol(sustainedS = Double.NaN) }
        assertFailsWith<OutputError> { ResultsFile(File(results, "below")).add("{}") }
    }
}
