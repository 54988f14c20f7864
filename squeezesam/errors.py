"""Every error that a user can cause, as types whose messages name the bad value and the fix.

The command line prints these as one line and exits with their status: 2 for bad input, 1 for a
verification or comparison that failed, 3 where nothing stands out in a photo. Anything else that
escapes is a bug of ours and keeps its traceback.
"""


class SqueezeSamError(Exception):
    """Base of all errors whose message is meant for the user."""

    exit_status = 2


class PromptError(SqueezeSamError, ValueError):
    """A click, box or mask prompt that has no meaning for the image at hand."""


class NoSalientObjectError(SqueezeSamError):
    """A photo in which nothing stands out, so that there is nothing to cut out unasked."""

    exit_status = 3


class ImageError(SqueezeSamError, ValueError):
    """A photo that cannot be read."""


class ConfigError(SqueezeSamError, ValueError):
    """An option or a network configuration that does not exist or does not fit together."""


class WeightsError(SqueezeSamError, ValueError):
    """A weights file that is missing, damaged or belongs to another variant."""


class DataError(SqueezeSamError, ValueError):
    """A data set, or one photo of it, that is missing, damaged or of no known layout."""


class ArtifactError(SqueezeSamError, ValueError):
    """An exported artifact that is missing, altered or does not follow its manifest."""


class OutputError(SqueezeSamError, OSError):
    """A place that cannot be written to."""


class ProcessError(SqueezeSamError, RuntimeError):
    """Another of several processes that share work cannot be reached, or ended too early."""


class MissingDependencyError(SqueezeSamError, ImportError):
    """An optional package, or the pinned pair of packages, that a command needs and lacks."""


class DeviceError(SqueezeSamError):
    """A phone that is missing, refuses, is full or went away, or a tool that talks to it."""


class VerificationError(SqueezeSamError):
    """An artifact that runs, but not like the PyTorch model it came from."""

    exit_status = 1


class RegressionError(SqueezeSamError):
    """A benchmark that got slower, or larger, by more than was allowed."""

    exit_status = 1
