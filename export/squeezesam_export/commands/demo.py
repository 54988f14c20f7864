"""`squeezesam demo`: the whole path, from a shipped photo to verified artifacts."""

import argparse
import shlex
import time
from pathlib import Path

from squeezesam.cli import Command

HELP = "segment a shipped photo, export the shipped weights to three runtimes and verify them"
GROUP = "use"
EXAMPLE = "squeezesam demo --out demo_output"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="default demo_output")


def run(args: argparse.Namespace) -> None:
    """Run the commands, each shown as one could type it."""
    from squeezesam.commands import segment
    from squeezesam.examples import EXAMPLES
    from squeezesam_export.commands import export, verify

    photo, (x, y) = EXAMPLES[0].path, EXAMPLES[0].garment
    artifacts = args.out / "artifacts"
    pictures = {name: args.out / f"{name}.png" for name in ("mask", "overlay", "cutout")}
    started = time.perf_counter()
    steps: list[tuple[str, Command, list[str]]] = [
        (
            "segment",
            segment,
            [
                *(str(photo), "--point", f"{x},{y}", "--out", str(pictures["mask"])),
                *("--overlay", str(pictures["overlay"]), "--cutout", str(pictures["cutout"])),
            ],
        ),
        ("segment", segment, [str(photo), "--explain", str(args.out / "explained.png")]),
        ("export", export, ["--out", str(artifacts)]),
        ("verify", verify, [str(artifacts)]),
    ]
    for number, (name, command, words) in enumerate(steps, start=1):
        print(f"{number}/{len(steps)} squeezesam {name} {shlex.join(words)}", flush=True)
        parser = argparse.ArgumentParser(prog=f"squeezesam {name}")
        command.add_arguments(parser)
        command.run(parser.parse_args(words))
    print(f"done in {time.perf_counter() - started:.0f} s; look at {pictures['overlay']}")
