"""The two runtimes, as the C++ runners link them out of the Python packages."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from squeezesam.errors import MissingDependencyError
from squeezesam_benchmarks.executorch_session import ExecutorchSession
from squeezesam_benchmarks.ort_session import OrtSession

CmakeVariables = dict[str, str | Path]


@dataclass(frozen=True)
class Runtime:
    """A runtime whose Python package has a C or C++ library for every processor alike.

    Attributes:
        name: of the package, and of the C++ file that implements runtime.h.
        target: of its artifacts, and our extra that installs it.
        backend: what its runner runs them on, as sessions call it.
        needed: folders of the package that hold headers and libraries.
        variables: for CMake, given where packages lie and the runtime's version.
    """

    name: str
    target: str
    backend: str
    needed: tuple[str, ...]
    variables: Callable[[Path, str], CmakeVariables]

    @property
    def runner(self) -> str:
        """File name of its runner."""
        return f"squeezesam_runner_{self.name}"

    def installed(self) -> tuple[Path, str]:
        """Where the packages of this Python lie, and the version of this one.

        Raises:
            MissingDependencyError: it is not installed.
        """
        try:
            found = distribution(self.name)
        except PackageNotFoundError as error:
            raise MissingDependencyError(
                f"this needs {self.name}; pip install 'squeezesam[{self.target}]'"
            ) from error
        return Path(str(found.locate_file(""))).absolute(), found.version


def onnxruntime_variables(packages: Path, version: str) -> CmakeVariables:
    """The one library."""
    return {"ONNXRUNTIME_LIBRARY": packages / f"onnxruntime/capi/libonnxruntime.so.{version}"}


def executorch_variables(packages: Path, version: str) -> CmakeVariables:
    """The runtime and what registers with it; the delegates of other processors are left out."""
    libraries = packages / "executorch/lib"
    parts = (
        "",
        "_threadpool",
        "_backend_xnnpack",
        "_kernels_optimized",
        "_kernels_quantized",
    )
    return {
        "EXECUTORCH_INCLUDE_DIR": packages / "executorch/include",
        "EXECUTORCH_LIBRARIES": ";".join(f"{libraries}/libexecutorch{part}.so" for part in parts),
        "EXECUTORCH_VERSION": version,
    }


RUNTIMES = {
    ".onnx": Runtime(
        "onnxruntime",
        "onnx",
        OrtSession.backend,
        ("onnxruntime/capi/",),
        onnxruntime_variables,
    ),
    ".pte": Runtime(
        "executorch",
        "executorch",
        ExecutorchSession.backend,
        ("executorch/include/", "executorch/lib/"),
        executorch_variables,
    ),
}
"""By the suffix of their artifacts."""
