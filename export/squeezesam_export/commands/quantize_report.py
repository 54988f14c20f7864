"""`squeezesam quantize-report`: which blocks of the network int8 hurts."""

import argparse
from pathlib import Path

from squeezesam.cli import given
from squeezesam.environment import typed_command
from squeezesam.files import check_place, whole_directory

HELP = "measure which blocks int8 hurts: noise of activations and mIoU lost, block by block"
GROUP = "ship"
EXAMPLE = "squeezesam quantize-report --data DATA/val/people --out report"
REPORT_NAME = "report.md"
RESULTS_NAME = "report.json"
CHART_NAME = "chart.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="data sets, or folders of them",
    )
    parser.add_argument("--weights", type=Path, help=".safetensors; default: shipped weights")
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="8 or more photos like your app's (default: shipped photos)",
    )
    parser.add_argument(
        "--limit",
        type=int,
        help="photos of each data set, evenly spread (default 40)",
    )
    parser.add_argument(
        "--clicks",
        type=int,
        help="the networks are compared at this click; the float one answers those before it "
        "(default 1)",
    )
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="try so many of the worst blocks in float with all others quantized (default 3)",
    )
    parser.add_argument(
        "--size",
        type=int,
        help="side of the input in pixels (default 320)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=f"folder of {REPORT_NAME}, {RESULTS_NAME} and {CHART_NAME}",
    )


def run(args: argparse.Namespace) -> None:
    """Measure, write everything and print the report."""
    from squeezesam.image_io import write_image
    from squeezesam_export.quantization_report.measuring import ReportOptions, report
    from squeezesam_export.quantization_report.records import rows, write_results
    from squeezesam_export.quantization_report.report import draw_chart, markdown_report, new_canvas

    options = ReportOptions(
        data=tuple(args.data),
        weights=args.weights,
        calibration=args.calibration,
        **given(args, limit="limit", click="clicks", keep="keep", size="size"),
    )
    check_place(args.out, (REPORT_NAME, RESULTS_NAME, CHART_NAME))
    new_canvas()  # hours of measuring must not end because matplotlib is missing
    results = report(options, typed_command())
    text = markdown_report(results, CHART_NAME)
    title = f"Int8, block by block: {results.weights} at {results.size} px"
    with whole_directory(args.out) as folder:
        (folder / REPORT_NAME).write_text(f"{text}\n", encoding="utf-8")
        write_results(results, folder / RESULTS_NAME)
        write_image(draw_chart(rows(results), title), folder / CHART_NAME)
    print(text)
