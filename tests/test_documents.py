"""What the documents promise: a short README, commands that exist, and a notebook that runs."""

import json
import re
import shlex
from pathlib import Path

import pytest

from squeezesam import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "ios_demo/README.md", "android_demo/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
SHELL_BLOCK = re.compile(r"^```(?:ba)?sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    """The lines of a page's shell blocks, each continued line joined to the one before."""
    blocks = SHELL_BLOCK.findall(page.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def exit_status(words: list[str]) -> int | str | None:
    try:
        return cli.main(words)
    except SystemExit as end:
        return end.code


def test_the_readme_is_short() -> None:
    assert len(README.read_bytes()) <= 8000


def test_the_gate_runs_the_commands_of_the_readme() -> None:
    (tests,) = (line for line in shell_lines(README) if line.endswith("pytest"))
    gate = (ROOT / ".ci" / "run").read_text().splitlines()
    for step in tests.split(" && "):
        assert any(line == step or line.startswith(f"{step} ") for line in gate), step


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_of_the_documents_can_be_parsed(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "run", lambda _: 0)
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if words[:1] == ["squeezesam"] and "..." not in words:
            assert exit_status(words[1:]) == 0, line


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "quickstart.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "clear the outputs, which nobody keeps up to date"
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert (tmp_path / "cutout.png").is_file()
