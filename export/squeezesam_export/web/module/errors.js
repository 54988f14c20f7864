/**
 * Every error that a user can cause, with the names that `squeezesam/errors.py` gives them. A message
 * is one line that names the bad value and what to do about it.
 */

/** Base of all errors whose message is meant for the user. */
export class SqueezeSamError extends Error {
  /** @param {string} message what is wrong, and what to do */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** A click, box or mask prompt that has no meaning for the image at hand. */
export class PromptError extends SqueezeSamError {}

/** A photo in which nothing stands out, so that there is nothing to cut out without a prompt. */
export class NoSalientObjectError extends SqueezeSamError {}

/** A photo that cannot be used. */
export class ImageError extends SqueezeSamError {}

/** An option that does not exist or does not fit. */
export class ConfigError extends SqueezeSamError {}

/** An exported artifact that is missing, altered or does not follow its manifest. */
export class ArtifactError extends SqueezeSamError {}
