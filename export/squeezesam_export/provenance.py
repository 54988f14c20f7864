"""Where an export came from."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import squeezesam


def utc_date() -> str:
    """Today as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()


def git_commit() -> str | None:
    """Commit of the source that runs, with "-dirty" where files differ from it.

    None when it does not run from a repository that tracks it, as when it was installed from a
    wheel, be it into an environment inside another repository.
    """
    package = Path(squeezesam.__file__)
    if _git(package.parent, "ls-files", "--error-unmatch", package.name) is None:
        return None
    return _git(package.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *args: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
