package org.squeezesam.segmentation

/**
 * Every error that a user or a damaged file can cause, with the names that `squeezesam/errors.py`
 * gives them. The message is one sentence for the user: it names the bad value and what to do.
 */
sealed class SqueezeSamError(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A click, box or mask prompt that has no meaning for the photo at hand. */
class PromptError(message: String) : SqueezeSamError(message)

/** A photo in which nothing stands out, so that there is nothing to cut out without a prompt. */
class NoSalientObjectError(message: String) : SqueezeSamError(message)

/** A photo that cannot be used. */
class ImageError(message: String, cause: Throwable? = null) : SqueezeSamError(message, cause)

/** An option that does not exist or does not fit. */
class ConfigError(message: String) : SqueezeSamError(message)

/** An exported artifact that is missing, altered or does not follow its manifest. */
class ArtifactError(message: String, cause: Throwable? = null) : SqueezeSamError(message, cause)

/** A place that cannot be written to. */
class OutputError(message: String, cause: Throwable? = null) : SqueezeSamError(message, cause)

/** The first line of what a library says of its own error, for the brackets of a message. */
fun reason(error: Throwable): String =
    (error.message ?: error.javaClass.simpleName).lineSequence().first().take(LONGEST_REASON)

private const val LONGEST_REASON = 300
