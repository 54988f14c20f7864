"""What `squeezesam eval` does."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from squeezesam.cli import given
from squeezesam.commands.evaluate import CLICKS, RANDOM, REPORT_NAME, RESULTS_NAME, SALIENT
from squeezesam.data.open import open_with_parents
from squeezesam.data.parts import RECORDS, SharedWork
from squeezesam.data.records import Dataset
from squeezesam.errors import ConfigError
from squeezesam.evaluation.contact_sheet import contact_sheet
from squeezesam.evaluation.models import load_model, load_named_baseline
from squeezesam.evaluation.protocol import EvaluationProtocol
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.records import (
    EvaluatedModel,
    Evaluation,
    read_evaluation,
    write_evaluation,
)
from squeezesam.evaluation.report import markdown_report
from squeezesam.evaluation.run import check_limit, evaluate_all
from squeezesam.files import check_place, whole_directory
from squeezesam.image_io import write_image
from squeezesam.inference.load import detector_beside
from squeezesam.inference.looks import DEFAULT_LOOKING
from squeezesam.inference.mask_cleanup import DEFAULT_CLEANING
from squeezesam.inference.predictor import Predictor
from squeezesam.inference.saliency_prompt import ClickSampling
from squeezesam.networks.configs import DEFAULT_VARIANT
from squeezesam.networks.weights import shipped_weights
from squeezesam.training.processes import joined_processes

SHEET_PREFIX = "contact_sheet_"


def run_evaluation(args: argparse.Namespace) -> None:
    """Evaluate and print the tables; with --out, write everything there.

    Until all is done, --out keeps what was measured part by part, and a run that ended early goes
    on from there. Started by torchrun, each process measures its share and the first one writes.
    """
    if args.report:
        if args.data or args.out:
            raise ConfigError("--report only prints; leave --data and --out out")
        print(markdown_report([read_evaluation(path) for path in args.report]))
        return
    protocols = chosen_protocols(args)
    check_limit(args.limit)
    found = open_all(args.data)
    datasets = [dataset for dataset, _ in found]
    subject, predictor = load_subject(args)
    if args.out is not None:
        check_place(args.out, (RESULTS_NAME, REPORT_NAME, f"{SHEET_PREFIX}*.jpg", RECORDS))
    with joined_processes() as processes:
        if processes.count > 1 and args.out is None:
            raise ConfigError("several processes need --out, a folder to leave their parts in")
        work = None if args.out is None else SharedWork(args.out / RECORDS, {}, processes)
        evaluation = evaluate_all(subject, predictor, found, protocols, args.limit, work)
    if not processes.is_first:
        return
    report = markdown_report([evaluation])
    if args.out is not None:
        sheets = draw_sheets(evaluation, datasets, protocols, predictor)
        with whole_directory(args.out) as folder:
            write_evaluation(evaluation, folder / RESULTS_NAME)
            (folder / REPORT_NAME).write_text(f"{report}\n", encoding="utf-8")
            for name, sheet in sheets.items():
                write_image(sheet, folder / name)
    print(report)


def chosen_protocols(args: argparse.Namespace) -> dict[str, EvaluationProtocol]:
    """Protocols by name.

    Raises:
        ConfigError: an unknown name, or too few clicks or corrections.
    """
    for name in args.protocol:
        if name not in PROTOCOLS:
            raise ConfigError(f"unknown protocol {name!r}; choose any of {', '.join(PROTOCOLS)}")
    options = {
        CLICKS: given(args, clicks="clicks"),
        RANDOM: given(args, clicks="clicks"),
        SALIENT: given(args, corrections="corrections"),
    }
    return {name: PROTOCOLS[name](**options.get(name, {})) for name in args.protocol}


def open_all(paths: Sequence[Path] | None) -> list[tuple[Dataset, str]]:
    """The data sets, each with a name of its own, and the folders that they were found in.

    Raises:
        ConfigError: none given.
        DataError: one is of no known layout, or two have one name.
    """
    if not paths:
        raise ConfigError("nothing to evaluate on; give --data DIR, or results with --report")
    return open_with_parents(*paths)


def load_subject(args: argparse.Namespace) -> tuple[EvaluatedModel, Predictor]:
    """What --model or --baseline names.

    Raises:
        ConfigError: both are given, an option that would do nothing, or an unknown baseline.
        ArtifactError, MissingDependencyError, WeightsError: it cannot be loaded.
    """
    if SALIENT not in args.protocol:
        for option, value in (("--detector", args.detector), ("--sampling", args.sampling)):
            if value:
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
