package org.squeezesam.segmentation

import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import java.security.MessageDigest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** Real bundles, and what is said of those that somebody damaged. */
class BundleTest {
    private class MemoryFiles(val changed: Map<String, ByteArray?>) : BundleFiles {
        override fun open(name: String): InputStream {
            if (name !in changed) return FolderFiles(bundleFolder).open(name)
            return ByteArrayInputStream(changed[name] ?: throw IOException("no such file"))
        }
    }

    private val manifestText = File(bundleFolder, "manifest.json").readText()
    private val parsed = Json.parse(manifestText)

    private fun opened(text: String) = ModelBundle.open(MemoryFiles(mapOf("manifest.json" to text.toByteArray())))

    /** The manifest with another value at a place; a null value takes the field away. */
    private fun changed(vararg path: Any, value: Any?, remove: Boolean = false): String {
        fun change(at: Any?, depth: Int): Any? = if (depth == path.size) value else when (val step = path[depth]) {
            is Int -> (at as List<*>).mapIndexed { i, one -> if (i == step) change(one, depth + 1) else one }
            else -> (at as Map<*, *>).let { map ->
                if (remove && depth == path.size - 1) map - step else map + (step to change(map[step], depth + 1))
            }
        }
        return Json.written(change(parsed.value, 0))
    }

    private val noRuntime = object : Runtime {
        override val target = "onnx"
        override val name = "none"
        override val backend = "none"
        override val version = null
        override fun load(bytes: ByteArray, network: Network, threads: Int) = throw ArtifactError("not wanted here")
    }

    private fun refusal(text: String): String = assertFailsWith<ArtifactError> { opened(text) }.message!!

    @Test
    fun aBundleListsWhatTheRuntimesCanRun() {
        val bundle = ModelBundle.open(bundleFolder)
        assertEquals(listOf("fp32", "int8"), bundle.manifest.precisions("onnx"))
        assertEquals(setOf("fp32", "int8"), bundle.manifest.bounds.keys)
        assertEquals(Bounds(0.8, 0.95, 0.15, 4.0), bundle.manifest.bounds["int8"])
        assertEquals(emptyList(), bundle.manifest.precisions("coreml"))
        val segmenter = bundle.manifest.segmenter
        val artifact = segmenter.artifact("onnx", "fp32")
        assertEquals(artifact.graph.sizeBytes, bundle.artifactBytes(artifact).size.toLong())
        assertEquals(NetworkKind.DETECTOR, bundle.manifest.detector?.kind)
        val message = assertFailsWith<ArtifactError> { segmenter.artifact("onnx", "int3") }.message!!
        assertTrue("onnx fp32" in message, message)
        for (golden in segmenter.golden) assertEquals(Spec.LOW_RES_MASKS in bundle.goldenArrays(golden), true)
    }

    @Test
    fun anotherVersionOrContractIsRefused() {
        val refused = mapOf(
            changed("schema_version", value = 99) to "schema version 99",
            changed("schema_version", value = "8") to "schema version \"8\"",
            changed("schema_version", value = null, remove = true) to "schema version null",
            "[1]" to "schema version null",
            changed("networks", 0, "preprocessing", "pad_byte", value = 5) to "has 5 where",
            changed("contract", "mask_cleaning", "numbers", "speck_area", value = 7) to "has 7 where",
            changed("contract", "prompt_encoding", "map_channels", value = listOf("box")) to "has [\"box\"] where",
            changed("networks", 1, "rules", "click_sampling", "peak", value = 9) to "has 9 where",
            changed("contract", "looking", value = null, remove = true) to "contract.looking is missing",
            changed("networks", 0, "input_size", value = 320.5) to "input_size is 320.5",
            changed("networks", 0, "input_size", value = 1_000_000) to "inputs of 1000000 pixels",
            changed("networks", 0, "input_size", value = 512) to "other tensors",
            changed("networks", 0, "graphs", value = emptyList<Any>()) to "has 0 graphs",
            changed("networks", value = emptyList<Any>()) to "no segmenter",
            changed("networks", value = List(2) { parsed["networks"].items[0].value }) to "two networks",
            changed("networks", 0, "artifacts", 0, "graphs", 0, "sha256", value = "abc") to "no SHA-256",
            changed("networks", 0, "artifacts", 0, "graphs", 0, "size_bytes", value = -1) to "size_bytes",
            changed("networks", 0, "golden", 0, "width", value = 0) to "not the size of a photo",
            changed("networks", 0, "golden", 0, "cases", value = emptyList<Any>()) to "is empty",
            changed("networks", 0, "golden", 0, "cases", 0, "box", value = listOf(1)) to "has 1 numbers",
            changed("bounds", "int8", "mean_mask_iou", value = "high") to "bounds.int8.mean_mask_iou is",
            changed("bounds", value = null, remove = true) to "bounds is missing",
            changed("vectors", value = 3) to "vectors is 3 instead of a list",
        )
        for ((text, wanted) in refused) {
            val message = refusal(text)
            assertTrue(wanted in message, message)
            assertTrue("export again" in message, message)
        }
    }

    @Test
    fun aManifestThatIsCutOffAnywhereIsRefused() {
        for (length in 0 until manifestText.trimEnd().length step 997) refusal(manifestText.take(length))
        val missing = MemoryFiles(mapOf("manifest.json" to null))
        assertTrue("cannot be read" in assertFailsWith<ArtifactError> { ModelBundle.open(missing) }.message!!)
        assertTrue("more than" in refusal(" ".repeat(5_000_000)))
    }

    @Test
    fun namesThatLeadOutOfTheBundleAreRefused() {
        for (name in listOf("../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a\\b", "a\u0000")) {
            val message = refusal(changed("networks", 0, "artifacts", 0, "graphs", 0, "file", value = name))
            assertTrue("leads out" in message, message)
            refusal(changed("networks", 0, "golden", 0, "file", value = name))
            refusal(changed("vectors", 0, "file", value = name))
        }
    }

    @Test
    fun linksOutOfTheFolderAreRefused() {
        val folder = Files.createTempDirectory("bundle").toFile()
        try {
            File(folder, "inside").writeText("inside")
            Files.createSymbolicLink(File(folder, "link").toPath(), File(bundleFolder, "manifest.json").toPath())
            Files.createSymbolicLink(File(folder, "fine").toPath(), File(folder, "inside").toPath())
            assertEquals("inside", FolderFiles(folder).open("fine").reader().use { it.readText() })
            assertFailsWith<IOException> { FolderFiles(folder).open("link") }
            assertFailsWith<IOException> { FolderFiles(folder).open(".") }
            assertFailsWith<IOException> { FolderFiles(folder).open("none") }
        } finally {
            folder.deleteRecursively()
        }
    }

    @Test
    fun filesThatAreMissingOrAlteredAreRefused() {
        val manifest = ModelBundle.open(bundleFolder).manifest
        val artifact = manifest.detector!!.artifact("onnx", "int8")
        val golden = manifest.segmenter.golden.first()
        fun flipped(whole: ByteArray) = whole.copyOf().also { it[it.size / 2] = (it[it.size / 2] + 1).toByte() }
        fun refusal(name: String, bytes: ByteArray?): String {
            val bundle = ModelBundle.open(MemoryFiles(mapOf(name to bytes)))
            return assertFailsWith<ArtifactError> {
                when (name) {
                    artifact.graph.file -> bundle.artifactBytes(artifact)
                    golden.file -> bundle.goldenArrays(golden)
                    else -> bundle.vectors(manifest.vectors.first { it.file == name })
                }
            }.message!!
        }
        for (name in listOf(artifact.graph.file, golden.file, manifest.vectors.first().file)) {
            val whole = File(bundleFolder, name).readBytes()
            assertTrue("was altered" in refusal(name, flipped(whole)), name)
            assertTrue("cannot be read" in refusal(name, null), name)
            refusal(name, whole.copyOf(whole.size - 1))
            refusal(name, whole + 0)
            refusal(name, ByteArray(0))
        }
    }

    @Test
    fun aDamagedGoldenFileOfTheRightHashIsRefused() {
        val golden = ModelBundle.open(bundleFolder).manifest.detector!!.golden.first()
        val whole = File(bundleFolder, golden.file).readBytes()
        val arrays = readArrays(golden.file, whole)
        assertEquals(listOf(1, 3, 512, 512), arrays.getValue(Spec.IMAGE).shape)
        var refused = 0
        for (length in 0 until whole.size step maxOf(1, whole.size / 40)) {
            try {
                readArrays(golden.file, whole.copyOf(length)) // fewer arrays are found out by who looks for them
            } catch (error: ArtifactError) {
                refused++
            }
        }
        assertTrue(refused > 20, "$refused of 40 shortened files were refused")
    }

    @Test
    fun theBoundsOfTheSelfCheckAreThoseOfTheManifest() {
        val bundle = opened(changed("bounds", "int8", value = null, remove = true))
        fun detail(precision: String) = SelfCheck(bundle, noRuntime, 1).run(precision).last().detail
        assertTrue("no bounds for int8" in detail("int8"), detail("int8"))
        assertEquals("not wanted here", detail("fp32")) // it goes on to load the network
    }

    @Test
    fun damagedVectorsOfTheRightHashFailTheSelfCheck() {
        fun check(index: Int, cases: List<Map<*, *>>): Check {
            val bytes = Json.written(cases).toByteArray()
            val hash = MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
            val manifest = changed("vectors", index, "sha256", value = hash).toByteArray()
            val file = ModelBundle.open(bundleFolder).manifest.vectors[index].file
            val bundle = ModelBundle.open(MemoryFiles(mapOf("manifest.json" to manifest, file to bytes)))
            return SelfCheck(bundle, noRuntime, 1).checkVectors(bundle.manifest.vectors[index])
        }
        val files = ModelBundle.open(bundleFolder).manifest.vectors
        val failed = files.indices.sumOf { index ->
            val all = Json.parse(File(bundleFolder, files[index].file).readText()).value as List<*>
            val cases = all.map { it as Map<*, *> }.distinctBy { it["kind"] }
            assertTrue(check(index, cases).passed, files[index].file)
            cases.sumOf { case ->
                val lists = case.filterValues { it is List<*> && it.isNotEmpty() }.keys
                lists.count { !check(index, listOf(case + (it to emptyList<Any>()))).passed }
            }
        }
        assertTrue(failed > 10, "$failed cases with an emptied list fail")
    }
}
