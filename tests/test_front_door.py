"""What a newcomer meets first: `from squeezesam import ...`, `load`, and `squeezesam --version`."""

import dataclasses
import shlex
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from small_networks import SIZE, random_detector, random_network, run

import squeezesam
from squeezesam import SaliencyPredictor, SamPredictor, load
from squeezesam.cli import GROUPS, command_parser
from squeezesam.errors import ArtifactError, ConfigError, WeightsError
from squeezesam.evaluation.protocol import ClickProtocol
from squeezesam.evaluation.protocols import PROTOCOLS
from squeezesam.evaluation.random_clicks import RandomClicks
from squeezesam.evaluation.salient_protocol import SalientProtocol
from squeezesam.examples import EXAMPLES
from squeezesam.inference.saliency_prompt import ClickSampling
from squeezesam.networks.weights import shipped_weights
from squeezesam.pretraining.options import (
    METHODS,
    CacheOptions,
    DecoderOptions,
    PretrainConfig,
    TargetOptions,
)
from squeezesam.spec import DETECTOR, SEGMENTER
from squeezesam.training.config import RECIPES, SWITCHES
from squeezesam_benchmarks.peers.comparison import PURPOSES
from squeezesam_benchmarks.profiling.profile import ProfileOptions
from squeezesam_benchmarks.side_by_side.click_times import ClickTiming
from squeezesam_export.qat import RECIPE as QAT_RECIPE
from squeezesam_export.quantization.calibration import MIN_PHOTOS
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.quantization_report.measuring import ReportOptions
from squeezesam_export.targets.table import ALL, TARGETS


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, squeezesam; assert not {'torch', 'numpy', 'PIL'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_that_is_named_is_there() -> None:
    assert set(squeezesam.__all__) <= set(dir(squeezesam))
    assert all(hasattr(squeezesam, name) for name in squeezesam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'SamPredicter'"):
        squeezesam.SamPredicter  # noqa: B018


def test_three_lines_give_a_mask() -> None:
    predictor = SamPredictor(load("base"))
    predictor.set_image(EXAMPLES[0].path)
    masks, _, _ = predictor.predict([EXAMPLES[0].garment], [1], multimask_output=False)
    assert 0.02 < masks.mean() < 0.98


def test_no_click_at_all() -> None:
    predictor = SaliencyPredictor(load("base"), load("saliency"))
    predictor.set_image(EXAMPLES[0].path)
    masks, _, _ = predictor.predict(multimask_output=False)
    assert 0.02 < masks.mean() < 0.98


@pytest.mark.parametrize("name", ["base", "saliency"])
def test_a_name_is_that_of_shipped_weights(name: str) -> None:
    network = load(name)
    kind = SEGMENTER if name == "base" else DETECTOR
    assert network.kind is kind
    assert network.size == kind.size
    assert load(Path(name)).kind is kind
    assert load(shipped_weights(name), 2 * kind.size).size == 2 * kind.size


def test_every_file_says_its_kind_and_size(
    exported: Path, weights: Path, detector_weights: Path
) -> None:
    files = [path for path in exported.iterdir() if path.suffix in SUFFIXES]
    assert {path.suffix for path in files} == SUFFIXES
    for path in (exported, str(exported), *files):
        network = load(path)
        assert (network.kind, network.size) == (SEGMENTER, SIZE)
    assert load(weights, SIZE).kind is SEGMENTER
    assert load(str(detector_weights)).kind is DETECTOR
    with pytest.raises(WeightsError, match="holds the salient-object detector"):
        load(detector_weights, kind=SEGMENTER)
    with pytest.raises(ArtifactError, match="is a promptable network, not a salient-object"):
        load(next(exported.glob("*.onnx")), kind=DETECTOR)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("bass", ArtifactError, "no artifact bass"),
        ("nano", WeightsError, "no weights of 'nano' are shipped"),
        ("x.onnx", ArtifactError, "no artifact x.onnx"),
        ("x.safetensors", WeightsError, "no weights file x.safetensors"),
    ],
)
def test_what_is_not_there(
    source: str,
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        load(source)


def test_networks_in_each_others_place() -> None:
    with pytest.raises(ConfigError, match="the detector is a promptable network"):
        SaliencyPredictor(random_network(0), random_network(0))
    with pytest.raises(ConfigError, match="the model is a salient-object detector"):
        SamPredictor(random_detector(0))
    with pytest.raises(ConfigError, match="the model is a salient-object detector"):
        SaliencyPredictor(random_detector(0), random_network(0))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run("--version")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"squeezesam {version('squeezesam')}\n"
    assert squeezesam.__version__ == version("squeezesam")


SUFFIXES = {".onnx", ".pte", ".mlpackage"}
HEAVY = ("torch", "numpy", "PIL", "safetensors", "onnx", "coremltools", "executorch", "matplotlib")

SHOW_ALL_HELP = """
import argparse, sys
from squeezesam.cli import command_parser

def parsers(parser, name):
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inside in action.choices.items():
                yield from parsers(inside, f"{name} {word}")

for name, parser in parsers(command_parser(), "squeezesam"):
    print(f"## {name}")
    print(parser.format_help())
heavy = sorted(set(sys.argv[1:]) & sys.modules.keys())
assert not heavy, f"help imports {heavy}"
"""


@pytest.fixture(scope="module")
def help_texts() -> dict[str, str]:
    """The help of every command and of what follows one, made without any slow import."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW_ALL_HELP, *HEAVY], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    sections = done.stdout.split("## ")[1:]
    return dict(section.split("\n", maxsplit=1) for section in sections)


def test_every_help_comes_without_slow_imports_and_has_an_example(
    help_texts: dict[str, str],
) -> None:
    commands = {entry.name for entry in entry_points(group="squeezesam.commands")}
    assert {name.split()[1] for name in help_texts if name != "squeezesam"} == commands
    assert "squeezesam bench self-check" in help_texts
    parser = command_parser()
    for name, text in help_texts.items():
        if name == "squeezesam":
            continue
        *_, example = text.rstrip().split("example:\n  ")
        words = shlex.split(example)
        assert words[: len(name.split())] == name.split() or name == "squeezesam bench"
        parser.parse_args(words[1:])  # ends the process where it does not fit the options


def test_commands_stand_under_their_groups(help_texts: dict[str, str]) -> None:
    text = help_texts["squeezesam"]
    sections = {title: text.index(f"{title}:") for title in GROUPS.values()}
    places = list(sections.values())
    assert places == sorted(places)
    for entry in entry_points(group="squeezesam.commands"):
        group = GROUPS[entry.load().GROUP]
        line = text.index(f"\n  {entry.name} ")
        assert [title for title in sections if sections[title] < line][-1] == group


def test_help_quotes_what_the_tables_hold(help_texts: dict[str, str]) -> None:
    """Help is made without the tables, which import much; so its names and numbers are copies."""
    (stage,) = QAT_RECIPE.stages
    decoder = DecoderOptions()
    quoted = {
        "train": [*RECIPES, *SWITCHES],
        "pretrain": [
            *METHODS,
            f"may hold (default {CacheOptions.gigabytes:g})",
            f"not shown (default {PretrainConfig.hidden})",
            f"default {decoder.depth}:{decoder.width}:{decoder.heads})",
            f"features are read (default {TargetOptions.points})",
        ],
        "eval": [
            *PROTOCOLS,
            *(field.name for field in dataclasses.fields(ClickSampling)),
            f"each object (default {ClickProtocol.clicks};",
            f"of protocol random {RandomClicks.clicks})",
            f"automatic mask (default {SalientProtocol.corrections})",
        ],
        "export": [*TARGETS, *SCHEMES, f"or {ALL} that", f"{MIN_PHOTOS} or more photos"],
        "quantize-report": [
            f"evenly spread (default {ReportOptions.limit})",
            f"before it (default {ReportOptions.click})",
            f"quantized (default {ReportOptions.keep})",
            f"in pixels (default {ReportOptions.size})",
            f"{MIN_PHOTOS} or more photos",
        ],
        "qat": [f"(default {stage})", f"(default {QAT_RECIPE.learning_rate})"],
        "compare": [
            f"are timed (default {ClickTiming.threads})",
            f"are timed (default {ClickTiming.rounds};",
        ],
        "bench peers": [" or ".join(PURPOSES), f"(default {next(iter(PURPOSES))})"],
        "bench profile": [
            f"own (default {ProfileOptions.threads})",
            f"warm-up (default {ProfileOptions.inferences})",
        ],
    }
    for command, texts in quoted.items():
        shown = " ".join(help_texts[f"squeezesam {command}"].split())
        assert not [text for text in texts if text not in shown], command


def test_an_unknown_command_names_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("segmnt")
    error = capsys.readouterr().err
    assert "segment" in error
    assert "bench" in error


def test_no_folder_for_temporary_files(monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [])
    monkeypatch.setattr("squeezesam.commands.info.run", lambda _: tempfile.gettempdir())
    assert run("info") == 2
    assert "set TMPDIR" in capsys.readouterr().err
