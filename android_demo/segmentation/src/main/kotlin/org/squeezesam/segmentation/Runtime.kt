package org.squeezesam.segmentation

import java.io.Closeable

/**
 * A network that is ready to run, whatever runs it. Tensors go in and out as their values, by name.
 *
 * Calls may come from any thread, one at a time.
 */
interface LoadedNetwork : Closeable {
    val kind: NetworkKind

    /** Side of its square image input in pixels. */
    val inputSize: Int

    /**
     * Run the network once.
     *
     * @param inputs values of each input, row by row
     * @return values of each output
     * @throws ArtifactError the runtime fails
     */
    fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray>

    /** Free what the runtime holds. */
    override fun close() {}
}

/** What runs the artifacts of one export target. */
interface Runtime {
    /** The export target whose artifacts it runs, as the manifest names it. */
    val target: String

    /** Its name in benchmark results. */
    val name: String

    /** Its execution provider or delegate, in benchmark results. */
    val backend: String

    /** The version of its library; null where the library does not say. */
    val version: String?

    /**
     * Load an artifact.
     *
     * @param bytes of the artifact, checked (`ModelBundle.artifactBytes`)
     * @param network that it belongs to
     * @param threads to run on; at least 1
     * @throws ArtifactError the runtime does not take it, or it has other inputs or outputs
     * @throws ConfigError the runtime's library is not in this app, or the number of threads is out of range
     */
    fun load(bytes: ByteArray, network: Network, threads: Int): LoadedNetwork

    /** Load a network of a bundle in a precision; see above. */
    fun load(bundle: ModelBundle, network: Network, precision: String, threads: Int): LoadedNetwork =
        load(bundle.artifactBytes(network.artifact(target, precision)), network, threads)
}

/** How an error of a runtime's library reaches the user. */
internal object RuntimeErrors {
    fun cannotLoad(network: Network, error: Throwable) = ArtifactError(
        "the runtime cannot load the ${network.kind.title} (${reason(error)}); choose another precision or runtime",
        error,
    )

    fun cannotRun(network: Network, error: Throwable) = ArtifactError(
        "the runtime cannot run the ${network.kind.title} (${reason(error)}); choose another precision or runtime",
        error,
    )

    fun otherTensors(network: Network, found: String, wanted: String) = ArtifactError(
        "the ${network.kind.title} has the tensors $found instead of $wanted; export again",
    )

    fun noLibrary(name: String) = ConfigError("$name is not in this app for this processor; choose another runtime")

    fun checkThreads(threads: Int) {
        if (threads !in 1..MOST_THREADS) throw ConfigError("$threads threads cannot be used; give 1 to $MOST_THREADS")
    }

    private const val MOST_THREADS = 64
}
