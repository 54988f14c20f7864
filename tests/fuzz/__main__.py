"""`python -m tests.fuzz`: wrong inputs for everything that reads what others made.

From the repository's root. Exit status 1 where there are findings; each is kept as a reproducer.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz import data_sets, images, networks, prompts, results
from tests.fuzz.engine import Finding, Target, case_of, fuzz, prepare

TARGETS: dict[str, Target] = {
    target.name: target
    for family in (images, prompts, data_sets, networks, results)
    for target in family.TARGETS
}
"""One line here for each family, one file beside this one."""


def main() -> int:
    """Fuzz the chosen targets for the time that there is."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all of them")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--out", type=Path, default=Path("fuzz_findings"), help="for reproducers")
    args = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = [TARGETS[name] for name in args.target or TARGETS]
    found = total = 0
    with tempfile.TemporaryDirectory() as scratch:
        for target in chosen:
            began = time.monotonic()
            place = Path(scratch) / target.name
            prepare(target, place / "seeds")
            ready = time.monotonic()
            last, findings = fuzz(
                target,
                args.seed,
                args.first,
                args.seconds / len(chosen),
                place / "seeds",
                place / "case",
            )
            total += last - args.first
            different = {finding.what: finding for finding in reversed(findings)}
            print(
                f"{target.name}: {last - args.first} inputs in {time.monotonic() - ready:.0f} s "
                f"({ready - began:.0f} s to prepare), {len(findings)} findings of "
                f"{len(different)} kinds",
                flush=True,
            )
            for finding in different.values():
                kept = args.out / f"{target.name}-{args.seed}-{finding.number}"
                keep(target, args.seed, finding, place / "seeds", kept)
                print(f"  case {finding.number}: {finding.what}; {kept}", flush=True)
            found += len(different)
            shutil.rmtree(place)
    print(f"{total} inputs, {found} kinds of findings, seed {args.seed}")
    return 1 if found else 0


def keep(target: Target, seed: int, finding: Finding, seeds: Path, folder: Path) -> None:
    """Write the input of a finding again, and what it did."""
    case_of(target, seed, finding.number, seeds, folder)
    (folder / "finding.txt").write_text(f"{finding.what}\n\n{finding.details}")


if __name__ == "__main__":
    sys.exit(main())
