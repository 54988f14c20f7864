"""`squeezesam bench profile`: where the time of an inference goes, by operator and by block."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from squeezesam.cli import given
from squeezesam.environment import typed_command
from squeezesam.errors import ConfigError
from squeezesam.files import whole_file
from squeezesam_benchmarks.commands.timing_options import say

HELP = "show where the time goes, by operator and by block, beside what the cores could do"
EXAMPLE = "squeezesam bench profile artifacts/base_onnx_fp32.onnx --threads 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("artifact", type=Path, nargs="?", help=".onnx, or .pte for XNNPACK")
    parser.add_argument("--artifacts", type=Path, metavar="DIR", help="or all of an export")
    parser.add_argument("--variant", help="of an artifact that lies beside no manifest")
    parser.add_argument("--threads", type=int, help="each on a core of its own (default 1)")
    parser.add_argument("--inferences", type=int, help="after the warm-up (default 20)")
    parser.add_argument("--out", type=Path, help="JSON file for the raw durations")


def run(args: argparse.Namespace) -> None:
    """Profile and print tables.

    Raises:
        ConfigError: neither an artifact nor an export is named, or both.
        OutputError: the place cannot be written to.
    """
    from squeezesam_benchmarks.profiling.profile import (
        ProfileOptions,
        artifact_at,
        artifacts_of,
        profile_all,
        write_report,
    )
    from squeezesam_benchmarks.profiling.tables import report_text

    if (args.artifact is None) == (args.artifacts is None):
        raise ConfigError("name one artifact, or an export with --artifacts")
    if args.artifacts is not None and args.variant is not None:
        raise ConfigError("--variant is for one artifact; an export's manifest says its own")
    options = ProfileOptions(**given(args, threads="threads", inferences="inferences"))
    if args.artifacts is not None:
        artifacts = artifacts_of(args.artifacts)
    else:
        artifacts = [artifact_at(args.artifact, args.variant)]
    # A bad place shows before the measuring.
    with whole_file(args.out) if args.out is not None else nullcontext() as partial:
        report = profile_all(artifacts, options, typed_command(), say)
        if partial is not None:
            write_report(report, partial)
    print(report_text(report))
