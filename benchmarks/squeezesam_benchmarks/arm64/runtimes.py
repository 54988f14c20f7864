"""The two runtimes, as the C++ runners link them out of the Python packages."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from squeezesam.errors import MissingDependencyError


@dataclass(frozen=True)
class Runtime:
    """A runtime whose Python package has a C or C++ library for every processor alike.

    Attributes:
        name: of the package.
        extra: of ours that installs it.
        source: the C++ file that implements runner.h.
        needed: folders of the package that hold headers and libraries.
        flags: for the compiler, given where packages lie and where the runner goes.
    """

    name: str
    extra: str
    source: str
    needed: tuple[str, ...]
    flags: Callable[[Path, Path], list[str]]

    def installed(self) -> tuple[Path, str]:
        """Where the packages of this Python lie, and the version of this one.

        Raises:
            MissingDependencyError: it is not installed.
        """
        try:
            found = distribution(self.name)
        except PackageNotFoundError as error:
            raise MissingDependencyError(
                f"this needs {self.name}; pip install 'squeezesam[{self.extra}]'"
            ) from error
        return Path(str(found.locate_file(""))).absolute(), found.version


def onnxruntime_flags(packages: Path, folder: Path) -> list[str]:
    """Link the one library, which the loader seeks under another name than its file has."""
    (library,) = (packages / "onnxruntime/capi").glob("libonnxruntime.so.*")
    loaded = folder / "libonnxruntime.so.1"
    loaded.symlink_to(library)
    return [str(loaded), f"-Wl,-rpath,{folder}"]


def executorch_flags(packages: Path, folder: Path) -> list[str]:  # noqa: ARG001 - shared signature
    """Link as the package's CMake file does; kernels and delegate register when they are loaded."""
    headers, libraries = packages / "executorch/include", packages / "executorch/lib"
    parts = (
        "",
        "_threadpool",
        "_backend_xnnpack",
        "_kernels_optimized",
        "_kernels_quantized",
    )
    return [
        "-DC10_USING_CUSTOM_GENERATED_MACROS",
        "-DET_EVENT_TRACER_ENABLED",
        f"-I{headers}",
        f"-I{headers / 'executorch/runtime/core/portable_type/c10'}",
        "-Wno-deprecated-declarations",
        "-Wl,--no-as-needed",
        *(str(libraries / f"libexecutorch{part}.so") for part in parts),
        f"-Wl,-rpath,{libraries}",
    ]


RUNTIMES = {
    ".onnx": Runtime("onnxruntime", "onnx", "onnx.cpp", ("onnxruntime/capi/",), onnxruntime_flags),
    ".pte": Runtime(
        "executorch",
        "executorch",
        "executorch.cpp",
        ("executorch/include/", "executorch/lib/"),
        executorch_flags,
    ),
}
"""By the suffix of their artifacts."""
