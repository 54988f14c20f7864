"""`squeezesam verify` on Core ML packages with the faults that conversions have."""

import shutil
from pathlib import Path

import pytest
from bundles import rewrite_network, with_hash
from coreml_faults import FAULTS, plant
from sharing import Shared
from small_networks import run

from squeezesam_export.bundle.manifest import read_manifest

pytestmark = pytest.mark.slow

IN_INT8 = ("dropped_zero_point", "transposed_weight", "lost_sigmoid")
IN_FLOAT = [name for name in FAULTS if name != "dropped_zero_point"]


@pytest.fixture(scope="module")
def exported(shared: Shared) -> Path:
    """Of the shipped weights, to which every layer matters; small, since 12 cases run each time."""
    return shared.export("--no-detector", "--target", "coreml", "--size", 256)


def with_fault(fault: str, precision: str, exported: Path, directory: Path) -> Path:
    """A copy of an export whose artifact of a precision has a fault, and a hash that fits it."""
    shutil.copytree(exported, directory)
    manifest = read_manifest(directory)
    (artifact,) = (one for one in manifest.artifacts if one.precision == precision)
    plant(fault, directory / artifact.graphs[0].file)
    rewrite_network(directory, artifacts=(with_hash(artifact, directory),))
    return directory


@pytest.mark.parametrize(
    ("precision", "fault"),
    [
        *(("fp32", fault) for fault in IN_FLOAT),
        *(("fp16", fault) for fault in IN_FLOAT),
        *(("int8", fault) for fault in IN_INT8),
    ],
)
def test_verify_sees_a_planted_fault(
    precision: str,
    fault: str,
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = with_fault(fault, precision, exported, tmp_path / "artifacts")
    assert run("verify", directory) == 1
    printed = capsys.readouterr()
    assert "1 of 1 artifacts differ from PyTorch or the manifest" in printed.err
    (row,) = (line for line in printed.out.splitlines() if line.startswith("segmenter"))
    assert "reference interpreter" in row
    assert "BROKEN" in row


def test_verify_passes_without_a_fault(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", exported) == 0
    assert capsys.readouterr().out.count(" ok\n") == 3
