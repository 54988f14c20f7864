"""`squeezesam eval`: any network, artifact or baseline on photos with masks."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from squeezesam.config import DEFAULT_VARIANT
from squeezesam.data.open import open_with_parents
from squeezesam.data.records import Dataset
from squeezesam.errors import ConfigError
from squeezesam.evaluation.click_protocol import ClickProtocol
from squeezesam.evaluation.contact_sheet import contact_sheet
from squeezesam.evaluation.protocol import EvaluationProtocol
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import (
    Evaluation,
    Subject,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.report import markdown_report
from squeezesam.evaluation.run import evaluate_all
from squeezesam.evaluation.salient_protocol import SalientProtocol
from squeezesam.evaluation.subjects import load_model, load_named_baseline
from squeezesam.files import check_place, whole_directory
from squeezesam.image_io import write_image
from squeezesam.looks import DEFAULT_LOOKING
from squeezesam.mask_cleanup import DEFAULT_CLEANING
from squeezesam.predictor import Predictor
from squeezesam.runtimes import detector_beside
from squeezesam.saliency.clicks import ClickSampling
from squeezesam.spec import INPUT_SIZE
from squeezesam.weights import shipped_weights

HELP = "measure IoU, clicks to reach an IoU and boundary IoU on photos with masks"
CLICKS = "clicks"
SALIENT = "salient"
RESULTS_NAME = "results.json"
REPORT_NAME = "report.md"
SHEET_PREFIX = "contact_sheet_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", type=Path, nargs="+", metavar="DIR", help="data sets, or folders of them"
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        default=[CLICKS],
        metavar="NAME",
        help=f"any of {', '.join(PROTOCOLS)} (default {CLICKS})",
    )
    parser.add_argument(
        "--corrections",
        type=int,
        default=SalientProtocol.corrections,
        help=f"clicks after an automatic mask (default {SalientProtocol.corrections})",
    )
    parser.add_argument("--model", type=Path, help="weights or artifact; default: shipped weights")
    parser.add_argument(
        "--baseline", metavar="NAME[=ARGUMENT]", help="such as grabcut, instead of a model"
    )
    parser.add_argument(
        "--clicks",
        type=int,
        default=ClickProtocol.clicks,
        help=f"clicks on each object (default {ClickProtocol.clicks}; literature's NoC: 20)",
    )
    parser.add_argument(
        "--detector",
        type=Path,
        help="finds the object where nothing is asked (protocol salient); default: that of an "
        "export directory, else shipped weights",
    )
    parser.add_argument(
        "--sampling",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="change how clicks are found in its heat map: "
        + ", ".join(field.name for field in dataclasses.fields(ClickSampling)),
    )
    parser.add_argument(
        "--raw-masks", action="store_true", help="masks as the network gives them, not cleaned"
    )
    parser.add_argument(
        "--one-look", action="store_true", help="one inference on the whole photo, no closer look"
    )
    parser.add_argument(
        "--size",
        type=int,
        help=f"input size of the segmenter, for weights only (default {INPUT_SIZE})",
    )
    parser.add_argument("--limit", type=int, help="only N photos of each data set, evenly spread")
    parser.add_argument(
        "--out", type=Path, help=f"folder of {RESULTS_NAME}, {REPORT_NAME} and contact sheets"
    )
    parser.add_argument(
        "--report",
        type=Path,
        nargs="+",
        metavar=RESULTS_NAME,
        help="evaluate nothing; print these results side by side, compared with the first",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluate and print the tables; with --out, write everything there."""
    if args.report:
        if args.data or args.out:
            raise ConfigError("--report only prints; leave --data and --out out")
        print(markdown_report([read_evaluation(path) for path in args.report]))
        return
    protocols = chosen_protocols(args.protocol, args.clicks, args.corrections)
    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit {args.limit} must be at least 1")
    found = open_all(args.data)
    datasets = [dataset for dataset, _ in found]
    subject, predictor = load_subject(args)
    if args.out is not None:
        check_place(args.out, (RESULTS_NAME, REPORT_NAME, f"{SHEET_PREFIX}*.jpg"))
    evaluation = evaluate_all(subject, predictor, found, protocols, args.limit)
    report = markdown_report([evaluation])
    if args.out is not None:
        sheets = draw_sheets(evaluation, datasets, protocols, predictor)
        with whole_directory(args.out) as folder:
            write_evaluation(evaluation, folder / RESULTS_NAME)
            (folder / REPORT_NAME).write_text(f"{report}\n", encoding="utf-8")
            for name, sheet in sheets.items():
                write_image(sheet, folder / name)
    print(report)


def chosen_protocols(
    names: Sequence[str], clicks: int, corrections: int
) -> dict[str, EvaluationProtocol]:
    """Protocols by name.

    Raises:
        ConfigError: an unknown name, or too few clicks or corrections.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise ConfigError(f"unknown protocol {name!r}; choose any of {', '.join(PROTOCOLS)}")
    options = {CLICKS: {"clicks": clicks}, SALIENT: {"corrections": corrections}}
    return {name: PROTOCOLS[name](**options.get(name, {})) for name in names}


def open_all(paths: Sequence[Path] | None) -> list[tuple[Dataset, str]]:
    """The data sets, each with a name of its own, and the folders that they were found in.

    Raises:
        ConfigError: none given.
        DataError: one is of no known layout, or two have one name.
    """
    if not paths:
        raise ConfigError("nothing to evaluate on; give --data DIR, or results with --report")
    return open_with_parents(*paths)


def load_subject(args: argparse.Namespace) -> tuple[Subject, Predictor]:
    """What --model or --baseline names.

    Raises:
        ConfigError: both are given, an option that would do nothing, or an unknown baseline.
        ArtifactError, MissingDependencyError, WeightsError: it cannot be loaded.
    """
    if SALIENT not in args.protocol:
        for option, given in (("--detector", args.detector), ("--sampling", args.sampling)):
            if given:
                raise ConfigError(f"{option} is for --protocol {SALIENT}; add it, or leave it out")
    if args.baseline is None:
        detector = args.detector
        if detector is None and SALIENT in args.protocol:
            detector = detector_beside(args.model)
        model = args.model or shipped_weights(DEFAULT_VARIANT)
        cleaning = None if args.raw_masks else DEFAULT_CLEANING
        looking = None if args.one_look else DEFAULT_LOOKING
        sampling = parse_sampling(args.sampling)
        return load_model(model, args.size, detector, sampling, cleaning, looking)
    of_models = (args.model, args.detector, args.raw_masks, args.one_look)
    if any(of_models) or args.size is not None:
        raise ConfigError(
            "--baseline stands alone; leave --model, --detector, --size, --raw-masks and "
            "--one-look out"
        )
    return load_named_baseline(args.baseline)


def parse_sampling(texts: Sequence[str]) -> ClickSampling:
    """Read NAME=NUMBER of `ClickSampling`.

    Raises:
        ConfigError: an unknown name, no number, or one that is out of range.
    """
    known = [field.name for field in dataclasses.fields(ClickSampling)]
    changes = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in known or not number.isdecimal():
            raise ConfigError(
                f"--sampling {text!r} is not NAME=NUMBER with a name of {', '.join(known)}"
            )
        changes[name] = int(number)
    return ClickSampling(**changes)


def draw_sheets(
    evaluation: Evaluation,
    datasets: Sequence[Dataset],
    protocols: Mapping[str, EvaluationProtocol],
    predictor: Predictor,
) -> dict[str, Image.Image]:
    """A contact sheet for each data set and protocol, by file name."""
    sheets = {}
    for dataset, data in zip(datasets, evaluation.data, strict=True):
        for result in data.protocols:
            title = f"{evaluation.subject.label} on {data.name}, protocol {result.protocol}"
            protocol = protocols[result.protocol]
            sheet = contact_sheet(predictor, dataset, protocol, result.objects, title)
            sheets[f"{SHEET_PREFIX}{data.name}_{result.protocol}.jpg"] = sheet
    return sheets
