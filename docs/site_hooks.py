"""What the site shows from outside of `docs`: files of the repository and the help of commands.

MkDocs knows the files in `docs` only. The files below have their home elsewhere, where people and
tools look for them, and are shown on the site as well.
"""

import contextlib
import io
import os
import posixpath
import re
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from unittest import mock

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from squeezesam.cli import main

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "index.md": "README.md",
    "model-card.md": "squeezesam/zoo/MODEL_CARD.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "license.txt": "LICENSE",
    "native-runner.md": "benchmarks/squeezesam_benchmarks/native/README.md",
    "android-app.md": "android_demo/README.md",
    "ios-app.md": "ios_demo/README.md",
    "interpreter.md": "export/squeezesam_export/mlprogram/README.md",
}
"""Each path on the site, and the file of the repository that it shows."""

ON_SITE = {source: page for page, source in ELSEWHERE.items()}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^)#\s]+)")
"""The path of a relative link or picture in markdown, without its anchor."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files from outside of `docs`, and the page of commands."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    files.append(File.generated(config, "reference/commands.md", content=command_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let relative links, which hold in the repository, hold on the site."""
    del config, files
    here = page.file.src_uri
    source = PurePosixPath(ELSEWHERE.get(here, f"docs/{here}")).parent

    def on_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(str(source / link["path"]))
        if target in ON_SITE:
            shown = ON_SITE[target]
        elif target.startswith("docs/"):
            shown = target.removeprefix("docs/")
        else:
            return link["path"]  # not on the site; `mkdocs build --strict` will say so
        return posixpath.relpath(shown, posixpath.dirname(here) or ".")

    return LINK.sub(on_site, markdown)


def command_page() -> str:
    """The help of every command, in markdown."""
    names = sorted(entry.name for entry in entry_points(group="squeezesam.commands"))
    sections = [
        "# Commands",
        "Every command explains its options with `--help`. A command ends with exit status 0 if it "
        "did its work, with 1 if a verification or a comparison failed, with 2 if an option or a "
        "file cannot be used, and with 3 if nothing stands out in a photo.",
    ]
    for name in names:
        sections += [f"## squeezesam {name}", f"```text\n{help_of(name)}```"]
    return "\n\n".join(sections) + "\n"


def help_of(name: str) -> str:
    """What `squeezesam NAME --help` prints."""
    text = io.StringIO()
    with (
        contextlib.redirect_stdout(text),
        contextlib.suppress(SystemExit),
        mock.patch.dict(os.environ, COLUMNS="100", NO_COLOR="1"),
    ):
        main([name, "--help"])
    return text.getvalue()
