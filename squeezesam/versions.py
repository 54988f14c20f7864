"""Versions of the tools that are installed, read from package metadata: nothing is imported."""

from importlib.metadata import PackageNotFoundError, version

from squeezesam.errors import MissingDependencyError

TOOLS = ("torch", "executorch", "torchao", "coremltools", "onnx", "onnxruntime", "numpy")

PINNED_PAIR = {"torch": "2.13.0", "executorch": "1.5.1"}
"""ExecuTorch's kernels are built against exactly one torch, yet it declares none."""


def tool_versions() -> dict[str, str | None]:
    """Installed version of each tool that shapes an artifact; None where it is absent."""
    return {tool: _version(tool) for tool in TOOLS}


def check_pair() -> None:
    """See that torch and executorch are the pair that was seen working.

    Raises:
        MissingDependencyError: one of them is absent or of another version.
    """
    found = {tool: _version(tool) for tool in PINNED_PAIR}
    # The local part, as in 2.13.0+cpu, names a build of the same version.
    if {tool: (text or "").split("+")[0] for tool, text in found.items()} != PINNED_PAIR:
        wanted = " and ".join(f"{tool} {pin}" for tool, pin in PINNED_PAIR.items())
        present = " and ".join(f"{tool} {text or 'absent'}" for tool, text in found.items())
        pins = " ".join(f"{tool}=={pin}" for tool, pin in PINNED_PAIR.items())
        raise MissingDependencyError(
            f"ExecuTorch needs the pair {wanted}, found {present}; pip install {pins}"
        )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
