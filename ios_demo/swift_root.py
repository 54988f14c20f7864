#!/usr/bin/env python3
"""Make a Debian folder with a Swift compiler for Linux, and run commands in it.

    export SQUEEZESAM_SWIFT_ROOT=/var/lib/squeezesam-swift    # outside of the source tree
    python3 ios_demo/swift_root.py make                       # about 4 minutes and 2.5 GB, once
    python3 ios_demo/swift_root.py run swift --version
    python3 ios_demo/swift_root.py run --share ios_demo swift format lint -r ios_demo
    python3 ios_demo/swift_root.py remove

It needs root rights and `apt-get install --no-install-recommends mmdebstrap`. `pytest --swift` uses
the folder that the variable names. Each command has a mount namespace of its own, so that no mount
is left when the command ends, however it ends.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "SQUEEZESAM_SWIFT_ROOT"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("swiftlang", "ca-certificates", "libc6-dev", "libstdc++-14-dev")
MADE = "etc/squeezesam-swift-root"
"""A file that `make` writes last; a folder without it is neither used nor removed."""

ENTER = """set -e
root=$1; shift
mount --bind /proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"
"""
"""Without /proc the compiler does not find its own library."""


class RootError(Exception):
    """A fault that the user can fix, in one line."""


def named_root() -> Path:
    """The absolute path of the folder that the variable names.

    Raises:
        RootError: the variable is not set, or the folder touches the source tree.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        raise RootError(f"{VARIABLE} is not set; set it to a folder outside of the source tree")
    root, tree = Path(value).resolve(), Path(__file__).resolve().parents[1]
    if root == tree or tree in root.parents or root in tree.parents:
        raise RootError(f"{VARIABLE}={root} touches the source tree; name another folder")
    return root


def made_root() -> Path:
    """The folder that the variable names, if `make` has finished it.

    Raises:
        RootError: as `named_root` says, or `make` has not finished the folder.
    """
    root = named_root()
    if not (root / MADE).is_file():
        raise RootError(f"{root} is no Swift root; run python3 ios_demo/swift_root.py make")
    return root


def make(mirror: str) -> None:
    """Make the folder, completely or not at all.

    Args:
        mirror: address of a Debian archive.

    Raises:
        RootError: the folder exists already, or a tool is missing or fails.
    """
    root = named_root()
    if root.exists():
        raise RootError(f"{root} is there already; remove it or name another folder")
    check_tools("mmdebstrap")
    partial = root.with_name(root.name + ".partial")
    if partial.exists():
        raise RootError(f"{partial} is left from a run that was cut off; remove it")
    root.parent.mkdir(parents=True, exist_ok=True)
    words = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join(PACKAGES)}"]
    done = subprocess.run([*words, SUITE, str(partial), mirror], check=False)
    if done.returncode:
        raise RootError(f"mmdebstrap failed with status {done.returncode}; see above")
    (partial / MADE).write_text(" ".join(PACKAGES) + "\n")
    partial.rename(root)


def remove() -> None:
    """Remove the folder.

    Raises:
        RootError: `make` did not make it, or something is mounted in it.
    """
    root = made_root()
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [place for place in mounted if Path(place).is_relative_to(root)]
    if inside:
        raise RootError(f"{inside[0]} is mounted; run umount {inside[0]} first")
    shutil.rmtree(root)


def run(shared: list[Path], words: list[str]) -> int:
    """Run a command in the folder and give its exit status.

    Args:
        shared: folders of this machine that the command sees under the same absolute path.
        words: the command and its arguments. The command sees the environment variables whose names
            begin with SQUEEZESAM_.

    Raises:
        RootError: a folder or a tool is missing.
    """
    root = made_root()
    check_tools("unshare", "chroot", "mount")
    for folder in shared:
        if not folder.is_dir():
            raise RootError(f"{folder} is no folder; --share takes folders")
    places = [str(folder.resolve()) for folder in shared]
    kept = {name: value for name, value in os.environ.items() if name.startswith("SQUEEZESAM_")}
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]
    command += [str(root), *places, "--", *words]
    return subprocess.run(command, env=environment | kept, check=False).returncode


def check_tools(*names: str) -> None:
    """Check that the user is root and that these tools are installed.

    Raises:
        RootError: the user is not root, or a tool is missing.
    """
    if os.geteuid() != 0:
        raise RootError("only root can do this; use sudo -E")
    for name in names:
        if shutil.which(name) is None:
            raise RootError(
                f"{name} is not installed; apt-get install --no-install-recommends {name}"
            )


def main() -> int:
    """Do what the command line asks for.

    Returns:
        The exit status: that of the command for `run`, 2 after an error, otherwise 0.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make").add_argument(
        "--mirror", default=MIRROR, help="address of a Debian archive"
    )
    verbs.add_parser("remove")
    running = verbs.add_parser("run")
    running.add_argument("--share", type=Path, action="append", default=[], metavar="FOLDER")
    running.add_argument("words", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    try:
        if args.verb == "run":
            return run(args.share, args.words)
        make(args.mirror) if args.verb == "make" else remove()
    except RootError as error:
        print(f"swift_root: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
