"""`squeezesam bench salient`: an automatic mask from a photo's file, beside one inference."""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from squeezesam.errors import ConfigError
from squeezesam_benchmarks.commands.timing_options import (
    add_place_arguments,
    add_timing_arguments,
    protocol_of,
    say,
    threads_of,
)
from squeezesam_benchmarks.devices import (
    SALIENT_DEVICES,
    WEB,
    DeviceOptions,
    open_device,
)
from squeezesam_benchmarks.interleaving import time_all

HELP = "time the automatic mask of a 12-megapixel photo, decoding included, and a later click"
EXAMPLE = "squeezesam bench salient --artifacts artifacts --precision int8"
DEFAULT_PRECISION = "int8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--artifacts", type=Path, metavar="DIR", help="an export with a detector")
    parser.add_argument(
        "--precision", help=f"of that export's artifacts (default {DEFAULT_PRECISION})"
    )
    parser.add_argument("--model", type=Path, help="or a segmenter: .onnx, .pte or weights")
    parser.add_argument("--detector", type=Path, help="and its detector, likewise")
    add_place_arguments(parser, SALIENT_DEVICES)
    add_timing_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Time each pair of segmenter and detector and print the tables.

    Raises:
        ConfigError: neither an export nor two files are named, or both; two files for a browser;
            another device; or no pipeline is to run.
    """
    from squeezesam_benchmarks.results.report import report
    from squeezesam_benchmarks.salient_subjects import (
        PHOTO_SIZE,
        named_pair,
        paired_subjects,
        write_photo,
    )

    files = [path for path in (args.model, args.detector) if path is not None]
    if len(files) != (2 if args.artifacts is None else 0):
        raise ConfigError("name an export with --artifacts, or two files: --model and --detector")
    if args.artifacts is None and args.precision is not None:
        raise ConfigError(f"--precision {args.precision} is for --artifacts; leave it out")
    width, height = PHOTO_SIZE
    protocol = dataclasses.replace(protocol_of(args), photo_width_px=width, photo_height_px=height)
    if not protocol.pipeline_runs:
        raise ConfigError("--pipelines 0 times no automatic mask; give at least 1")
    if args.on not in SALIENT_DEVICES:
        known = ", ".join(SALIENT_DEVICES)
        raise ConfigError(f"automatic masks are not timed --on {args.on}; choose from {known}")
    if files and args.on == WEB:
        raise ConfigError("--on web times the networks of an export; name it with --artifacts")
    options = DeviceOptions(
        device=args.device,
        runners=args.runners,
        compute_units=args.compute_units,
        tell=say,
    )
    with open_device(args.on, options) as device, tempfile.TemporaryDirectory() as folder:
        photo = write_photo(Path(folder))
        if args.artifacts is None:
            subjects = [named_pair(args.model, args.detector, photo)]
        else:
            precision = args.precision or DEFAULT_PRECISION
            subjects = paired_subjects(args.artifacts, precision, device, photo)
        results = time_all(device, subjects, threads_of(args), protocol, args.out, say)
    print(report(results))
