"""Which package may import what, read from the source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "squeezesam": ROOT / "squeezesam",
    "squeezesam_export": ROOT / "export" / "squeezesam_export",
    "squeezesam_benchmarks": ROOT / "benchmarks" / "squeezesam_benchmarks",
}
# The Core ML delegate of ExecuTorch is configured through coremltools.
VENDOR_FILES = {
    "onnx": {"onnx_target.py", "onnx_quantization.py", "onnx_profiler.py"},
    "onnxscript": {"onnx_target.py"},
    "onnxruntime": {
        "onnx_target.py",
        "onnx_quantization.py",
        "ort_file.py",
        "ort_session.py",
        "sam_onnx.py",
    },
    "coremltools": {
        "coreml_target.py",
        "executorch_target.py",
        "package.py",
        "pt2e.py",
    },
    "executorch": {
        "executorch_profiler.py",
        "executorch_session.py",
        "executorch_target.py",
        "pt2e.py",
    },
    "torchao": {"pt2e.py"},
    "matplotlib": {"drawing.py", "report.py"},
    "jinja2": {"html_report.py"},
}
BASE_DEPENDENCIES = {"torch", "numpy", "PIL", "safetensors", "pycocotools"}


def sources(package: str) -> list[Path]:
    files = sorted(PACKAGES[package].rglob("*.py"))
    assert files
    return files


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Top-level names of the packages that the nodes import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(str(node.module).partition(".")[0])
    return names


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from outside_functions(node)


def test_no_room_imports_a_room_above_it() -> None:
    """The contracts stand in pyproject.toml, under `tool.importlinter`."""
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0


@pytest.mark.parametrize("package", PACKAGES)
def test_a_vendor_is_imported_in_the_file_of_its_runtime_only_and_lazily(package: str) -> None:
    for file in sources(package):
        tree = ast.parse(file.read_text())
        for vendor in imported(ast.walk(tree)) & VENDOR_FILES.keys():
            assert package != "squeezesam", file
            assert file.name in VENDOR_FILES[vendor], file
        assert not imported(outside_functions(tree)) & VENDOR_FILES.keys(), file


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_needs_the_base_dependencies_only(package: str) -> None:
    allowed = BASE_DEPENDENCIES | PACKAGES.keys() | sys.stdlib_module_names
    for file in sources(package):
        extra = {"scipy"} if "evaluation" in file.relative_to(PACKAGES[package]).parts else set()
        names = imported(outside_functions(ast.parse(file.read_text())))
        assert names <= allowed | extra, file


INTERPRETER = {
    "mlprogram": ("squeezesam_export.mlprogram",),
    "placement": ("squeezesam_export.mlprogram", "squeezesam_export.placement"),
}


@pytest.mark.parametrize("folder", INTERPRETER)
def test_the_reference_interpreter_stands_alone(folder: str) -> None:
    """It can be taken out of the project as it is, with the errors alone."""
    files = sorted((PACKAGES["squeezesam_export"] / folder).rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            for module in modules:
                if module.partition(".")[0] in PACKAGES:
                    assert module.startswith(("squeezesam.errors.", *INTERPRETER[folder])), file
