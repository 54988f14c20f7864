package org.squeezesam.segmentation

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.security.MessageDigest

/** Where the files of an export lie: a folder, the assets of an app, or anything else. */
interface BundleFiles {
    /**
     * The content of a file.
     *
     * @param name relative to the manifest, with slashes
     * @throws IOException there is no such file
     */
    fun open(name: String): InputStream
}

/** A folder that `squeezesam export` wrote. */
class FolderFiles(private val folder: File) : BundleFiles {
    override fun open(name: String): InputStream {
        val file = File(folder, name)
        // The canonical path has no links, so that what leads out of the folder shows.
        if (!file.canonicalPath.startsWith(folder.canonicalPath + File.separator)) {
            throw IOException("it leads out of the folder")
        }
        if (!file.isFile) throw IOException("there is no such file")
        return file.inputStream()
    }
}

/**
 * A checked manifest and the files beside it. No file is used before its size and its hash have
 * proved to be those that the manifest lists.
 *
 * @property files where the bundle lies
 * @property manifest of the bundle
 * @property manifestSha256 of the bytes of `manifest.json`, in hexadecimal
 */
class ModelBundle private constructor(
    val files: BundleFiles,
    val manifest: Manifest,
    val manifestSha256: String,
) {
    /**
     * The bytes of a network's file in a form.
     *
     * @throws ArtifactError it is missing, or was altered
     */
    fun artifactBytes(artifact: Artifact): ByteArray {
        val bytes = unchecked(artifact)
        check(artifact, bytes)
        return bytes
    }

    /** The bytes of an artifact whose hash nobody has seen yet; `check` must follow before use. */
    internal fun unchecked(artifact: Artifact): ByteArray {
        val (file, size) = artifact.graph.file to artifact.graph.sizeBytes
        val bytes = files.bytes(file, size)
        if (bytes.size.toLong() != size) {
            throw ArtifactError("$file has ${bytes.size} bytes instead of $size; export again or copy it anew")
        }
        return bytes
    }

    /** @throws ArtifactError the bytes are not those that were exported */
    internal fun check(artifact: Artifact, bytes: ByteArray) =
        checkSha256(artifact.graph.file, bytes, artifact.graph.sha256)

    /**
     * The golden cases of a photo.
     *
     * @throws ArtifactError the file is missing, was altered or does not hold what it must
     */
    internal fun goldenArrays(golden: GoldenFile): Map<String, ArrayOfNumbers> =
        readArrays(golden.file, goldenBytes(golden.file, golden.sha256))

    /**
     * A file of vectors, drawn inputs with their answers.
     *
     * @throws ArtifactError it is missing, was altered or is no JSON
     */
    internal fun vectors(file: HashedFile): Json = parsed(file.file, goldenBytes(file.file, file.sha256))

    private fun goldenBytes(name: String, sha256: String): ByteArray =
        files.bytes(name, MAX_GOLDEN_BYTES).also { checkSha256(name, it, sha256) }

    companion object {
        internal const val MANIFEST_NAME = "manifest.json"
        private const val MAX_MANIFEST_BYTES = 4_000_000L
        private const val MAX_GOLDEN_BYTES = 64_000_000L

        /**
         * Read and check the manifest of a bundle.
         *
         * @throws ArtifactError it is missing, damaged, of another schema version, or of another
         *   contract than this library follows
         */
        fun open(files: BundleFiles): ModelBundle {
            val bytes = files.bytes(MANIFEST_NAME, MAX_MANIFEST_BYTES)
            val manifest = Manifest.of(parsed(MANIFEST_NAME, bytes))
            return ModelBundle(files, manifest, sha256(bytes))
        }

        /** As above, of a folder. */
        fun open(folder: File): ModelBundle = open(FolderFiles(folder))

        private fun parsed(name: String, bytes: ByteArray): Json = try {
            Json.parse(String(bytes, Charsets.UTF_8))
        } catch (error: JsonError) {
            throw ArtifactError("$name is damaged (${reason(error)}); export again or copy it anew", error)
        }

        private fun checkSha256(name: String, bytes: ByteArray, wanted: String) {
            if (sha256(bytes) != wanted) {
                throw ArtifactError("$name was altered since its export; export again or copy it anew")
            }
        }

        private fun sha256(bytes: ByteArray): String =
            MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") {
                (it.toInt() and 0xFF).toString(16).padStart(2, '0')
            }
    }
}

/** All of a file, if it has no more bytes than it may. */
private fun BundleFiles.bytes(name: String, most: Long): ByteArray = try {
    open(name).use { it.bytes(most) }
        ?: throw ArtifactError("$name has more than $most bytes; export again or copy it anew")
} catch (error: IOException) {
    throw ArtifactError("$name cannot be read (${reason(error)}); export again or copy it anew", error)
}

/** The rest of a stream; null where it has more than `most` bytes, of which not many more are read. */
internal fun InputStream.bytes(most: Long): ByteArray? {
    val all = ByteArrayOutputStream()
    val part = ByteArray(PART_BYTES)
    while (true) {
        val count = read(part)
        if (count < 0) return all.toByteArray()
        all.write(part, 0, count)
        if (all.size() > most) return null
    }
}

private const val PART_BYTES = 1 shl 16
