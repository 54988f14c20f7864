"""The one hash of an export directory that an app can pin."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from small_networks import run

from squeezesam.errors import ArtifactError
from squeezesam_export.bundle.artifacts import bundle_digest, check_digest

TRUST = Path(__file__).parent.parent / "docs" / "trust.md"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "a").mkdir(parents=True)
    for name in ("manifest.json", "a.onnx", "a/b", "a b", "\u00e9.pte", "-n"):
        (folder / name).write_text(f"content of {name}")
    return folder


def test_the_documented_command_gives_the_same(bundle: Path) -> None:
    (bundle / ".DS_Store").write_text("system")
    command = re.search(r"^find .*$", TRUST.read_text(encoding="utf-8"), re.MULTILINE)
    assert command
    done = subprocess.run(command[0], shell=True, cwd=bundle, capture_output=True, check=True)
    assert done.stdout.split()[0].decode() == bundle_digest(bundle)


@pytest.mark.parametrize("name", [".DS_Store", "a/._b", ".git/config"])
def test_hidden_files_do_not_count(bundle: Path, name: str) -> None:
    before = bundle_digest(bundle)
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("system")
    assert bundle_digest(bundle) == before


@pytest.mark.parametrize("name", ["manifest.json", "a/b", "new"])
def test_every_other_file_counts(bundle: Path, name: str) -> None:
    before = bundle_digest(bundle)
    (bundle / name).write_text("altered")
    with pytest.raises(ArtifactError, match=f"{bundle_digest(bundle)}, not {before}"):
        check_digest(bundle, before)


def test_a_renamed_file_counts(bundle: Path) -> None:
    before = bundle_digest(bundle)
    (bundle / "a/b").rename(bundle / "a/c")
    assert bundle_digest(bundle) != before


def test_a_name_that_could_forge_a_line_is_refused(bundle: Path) -> None:
    (bundle / "a\nb").write_text("x")
    with pytest.raises(ArtifactError, match="named"):
        bundle_digest(bundle)


def test_verify_prints_it_and_takes_it(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    digest = bundle_digest(copy)
    assert run("verify", copy, "--digest", digest.upper()) == 0
    assert f"bundle SHA-256: {digest}" in capsys.readouterr().out
    for other in ("0" * 64, ""):
        assert run("verify", copy, "--digest", other) == 2
        error = capsys.readouterr().err
        assert f"{digest}, not {other}" in error
