"""Which tools are installed, read from their metadata without importing them."""

from importlib.metadata import PackageNotFoundError, version

from squeezesam.errors import MissingDependencyError

TOOLS = ("torch", "executorch", "torchao", "coremltools", "onnx", "onnxruntime", "numpy")

PAIR = {"torch": "2.13.0", "executorch": "1.5.1"}
"""ExecuTorch declares no torch of its own, and its kernels are built against exactly one."""


def tool_versions() -> dict[str, str | None]:
    """Version of each tool, None where it is not installed."""
    return {name: installed_version(name) for name in TOOLS}


def installed_version(name: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_pair() -> None:
    """Make sure that torch and executorch are the pair that was seen working.

    Raises:
        MissingDependencyError: one of them is missing or another version.
    """
    for name, wanted in PAIR.items():
        found = installed_version(name)
        if found is None or found.partition("+")[0] != wanted:
            raise MissingDependencyError(
                f"{name} is {found or 'not installed'}, but torch {PAIR['torch']} and executorch "
                f"{PAIR['executorch']} go together; "
                "pip install -c constraints.txt 'squeezesam[executorch]'"
            )
