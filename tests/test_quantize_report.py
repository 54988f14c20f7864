"""Which blocks int8 hurts, on a small network with random weights."""

import copy
import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pillow_reference import picture_size
from small_networks import SIZE, random_network, run
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from squeezesam.data.open import open_datasets
from squeezesam.errors import DataError
from squeezesam.evaluation.statistics import Interval
from squeezesam.networks.building import folded
from squeezesam.spec import SEGMENTER
from squeezesam_export.kinds.segmenter import calibrate_segmenter
from squeezesam_export.quantization import pt2e
from squeezesam_export.quantization.calibration import SHIPPED_PHOTOS, Inputs
from squeezesam_export.quantization.graph import (
    Recorder,
    block_names,
    block_outputs,
    floating_graph,
    received,
)
from squeezesam_export.quantization_report.measuring import (
    FloatNetwork,
    PartlyQuantizedNetwork,
    describe_blocks,
    measure,
)
from squeezesam_export.quantization_report.records import (
    ALL_BLOCKS,
    FloatAnswer,
    QuantizedAnswer,
    QuantizedBlock,
    ReportRow,
    Results,
    Variant,
    kept_rows,
    read_results,
    rows,
    sqnr,
    write_results,
)
from squeezesam_export.quantization_report.report import (
    BOTTOM,
    HEADER,
    ROW,
    TOP,
    WIDTH,
    draw_chart,
    markdown_report,
)
from squeezesam_export.targets.quiet import quiet

BLOCK = "decoder.1"
KEPT = "encoder.3"


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return folded(random_network(0))


@pytest.fixture(scope="module")
def calibration(model: nn.Module) -> tuple[Inputs, ...]:
    return calibrate_segmenter(model, SHIPPED_PHOTOS, SIZE).inputs[SEGMENTER.name][:3]


@pytest.fixture(scope="module")
def graph(model: nn.Module, calibration: tuple[Inputs, ...]) -> torch.fx.GraphModule:
    return floating_graph(model, calibration[0])


@pytest.fixture(scope="module")
def blocks(model: nn.Module, graph: torch.fx.GraphModule) -> list[QuantizedBlock]:
    return describe_blocks(model, block_outputs(model, graph), SIZE)


@pytest.fixture(scope="module")
def networks(model: nn.Module, calibration: tuple[Inputs, ...]) -> dict[str, torch.fx.GraphModule]:
    """All blocks quantized, all but KEPT, and BLOCK alone."""
    others = [name for name in block_names(model) if name != BLOCK]
    choices = {"all": (), "kept": (KEPT,), "alone": others}
    with quiet():
        graphs = pt2e.quantized_each(model, calibration, list(choices.values()))
    return dict(zip(choices, graphs, strict=True))


@pytest.fixture(scope="module")
def alone(networks: dict[str, torch.fx.GraphModule]) -> torch.fx.GraphModule:
    return networks["alone"]


# Quantized graphs


def test_calibrating_many_at_once_changes_nothing(
    model: nn.Module,
    calibration: tuple[Inputs, ...],
    networks: dict[str, torch.fx.GraphModule],
) -> None:
    """As torchao's documentation has it: prepare, run, convert."""
    with quiet():
        quantizer = pt2e.keeping_float(pt2e.int8_quantizer(), block_names(model), (KEPT,))
        graph = torch.export.export(model, calibration[0], strict=False).module()
        observed = prepare_pt2e(graph, quantizer)
        for inputs in calibration:
            observed(*inputs)
        single = convert_pt2e(observed)
    for inputs in calibration:
        for given, wanted in zip(networks["kept"](*inputs), single(*inputs), strict=True):
            assert torch.equal(given, wanted)


def test_a_block_stays_in_float(networks: dict[str, torch.fx.GraphModule]) -> None:
    """Also one whose output is only moved about by the next, quantized block."""
    used = [node.target for node in networks["kept"].graph.nodes if node.op == "get_attr"]
    floats = [name for name in used if name.endswith("weight")]
    assert floats
    assert all(name.startswith(f"{KEPT}.") for name in floats), floats


def test_quantizing_a_block_leaves_those_before_it_alone(
    alone: torch.fx.GraphModule,
    graph: torch.fx.GraphModule,
    calibration: tuple[Inputs, ...],
    blocks: list[QuantizedBlock],
) -> None:
    ours, floating = Recorder(alone), Recorder(graph)
    ours(*calibration[0])
    floating(*calibration[0])
    order = [block.name for block in blocks]
    for block in blocks:
        before = order.index(block.name) < order.index(BLOCK)
        for node in block.outputs:
            if before:
                assert torch.equal(ours.seen[node], floating.seen[node]), node
            elif block.name == BLOCK:
                assert not torch.equal(ours.seen[node], floating.seen[node])


def test_what_a_block_hands_on_is_rounded(
    alone: torch.fx.GraphModule, calibration: tuple[Inputs, ...], blocks: list[QuantizedBlock]
) -> None:
    (node,) = next(block.outputs for block in blocks if block.name == BLOCK)
    (name,) = received(alone, {node}).values()
    recorder = Recorder(alone)
    recorder(*calibration[0])
    assert len(recorder.seen[name].unique()) <= 256 < len(recorder.seen[node].unique())


def test_shares_of_blocks_add_up(model: nn.Module, blocks: list[QuantizedBlock]) -> None:
    assert [block.name for block in blocks] == list(block_names(model))
    assert sum(block.parameters for block in blocks) == sum(
        parameter.numel() for parameter in model.parameters()
    )
    assert all(block.macs >= 0 and block.outputs for block in blocks)
    assert max(blocks, key=lambda block: block.macs).name.startswith("encoder")


def test_a_damaged_block_is_noisier(
    alone: torch.fx.GraphModule,
    graph: torch.fx.GraphModule,
    blocks: list[QuantizedBlock],
    scenes: Path,
) -> None:
    damaged = copy.deepcopy(alone)
    integers = [value for value in damaged.buffers() if value.dtype == torch.int8]
    assert integers
    for value in integers:
        value[: len(value) // 2] = 0
    block = next(block for block in blocks if block.name == BLOCK)
    networks = [PartlyQuantizedNetwork(network, [block]) for network in (alone, damaged)]
    floating = FloatNetwork(graph, blocks, SIZE)
    measured = measure(floating, networks, open_datasets(scenes), limit=2, click=2)
    healthy, hurt = (sqnr(block, variant, measured.objects) for variant in measured.variants)
    assert 20 < healthy < 60
    assert hurt < 10
    assert [data.photos for data in measured.data] == [2]


# Figures


def results_of(objects: list[FloatAnswer], variants: list[Variant]) -> Results:
    return Results(
        schema_version=1,
        command="squeezesam quantize-report",
        created="2026-01-01",
        git_commit=None,
        network="nano",
        weights="nano.safetensors",
        weights_sha256="0" * 64,
        size=SIZE,
        click=1,
        calibration_photos=("a.jpg",),
        tools={"torch": torch.__version__},
        machine={"cores": "2"},
        blocks=(QuantizedBlock("a", 3, 1, ("x", "y")), QuantizedBlock("b", 1, 1, ("z",))),
        data=(),
        objects=tuple(objects),
        variants=tuple(variants),
    )


def variant(quantized: str, iou: float, **noise: float) -> Variant:
    answer = QuantizedAnswer(iou, iou_to_float=0.9, noise=noise)
    return Variant(tuple(quantized), (answer, answer))


def hand_made() -> Results:
    objects = [
        FloatAnswer("data", f"{number}.jpg", number, 0, 0.8, {"x": 100.0, "y": 1.0, "z": 10.0})
        for number in range(2)
    ]
    return results_of(
        objects,
        [
            variant("ab", 0.6, x=1, y=0.001, z=10),
            variant("a", 0.7, x=1, y=0.0001),
            variant("b", 0.8, z=0),
        ],
    )


def test_figures_of_hand_made_results() -> None:
    results = hand_made()
    everything, first, second = rows(results)
    assert everything.name == ALL_BLOCKS
    assert everything.lost.mean == pytest.approx(20)
    assert (first.parameters, first.macs) == (75, 50)
    assert first.accumulated_sqnr == pytest.approx(20), "of two outputs the noisier counts"
    assert first.lost.mean == pytest.approx(10)
    assert second.accumulated_sqnr == pytest.approx(0)
    assert second.own_sqnr == math.inf
    assert first.to_float == pytest.approx(90)
    # Of two blocks, one alone is also all but the other.
    kept = {row.name: row for row in kept_rows(results)}
    assert kept["a"].won_back.mean == pytest.approx(20)
    assert kept["a"].pays
    assert "| exact" in markdown_report(results, "chart.png")


def test_results_survive_json(tmp_path: Path) -> None:
    write_results(hand_made(), tmp_path / "report.json")
    assert read_results(tmp_path / "report.json") == hand_made()
    with pytest.raises(DataError, match="cannot read"):
        read_results(tmp_path / "missing.json")
    write_results(dataclasses.replace(hand_made(), schema_version=2), tmp_path / "later.json")
    (tmp_path / "empty.json").write_text("{}")
    for name in ("later.json", "empty.json"):
        with pytest.raises(DataError, match="no result of schema version 1"):
            read_results(tmp_path / name)


def test_the_chart_shows_losses_and_gains() -> None:
    def row(name: str, decibels: float | None, low: float, high: float) -> ReportRow:
        return ReportRow(name, 1, 1, decibels, decibels, 99, Interval((low + high) / 2, low, high))

    some = [row("all", None, 1, 9), row("a", 31.0, -4, -2), row("b", math.inf, 0, 0)]
    picture = draw_chart(some, "title")
    assert picture.size == (WIDTH, TOP + 3 * ROW + BOTTOM)
    without = draw_chart([*some[:2], row("b", 0.0, 0, 0)], "title")
    assert picture.tobytes() != without.tobytes()
    assert draw_chart([row("a", 0.0, 0, 0)], "title").width == WIDTH, "nothing lost anywhere"


# The command


def check_report(out: Path, output: str) -> None:
    assert {path.name for path in out.iterdir()} == {"report.md", "report.json", "chart.png"}
    assert (out / "report.md").read_text() == output
    results = read_results(out / "report.json")
    assert markdown_report(results, "chart.png") == output.rstrip("\n")
    names = [block.name for block in results.blocks]
    table = [line.split("|")[1].strip() for line in output.splitlines() if line[:2] == "| "]
    assert table[:1] == [HEADER[0]]
    assert table[2 : 3 + len(names)] == [ALL_BLOCKS, *names]
    assert len(results.objects) == 3
    assert len(results.variants) == 1 + len(names) + 1
    assert all(len(one.answers) == 3 for one in results.variants)
    everything, *_ = rows(results)
    assert 20 < everything.to_float < 100  # percent: random masks lie near the threshold
    assert picture_size(out / "chart.png")[1] == TOP + ROW * (1 + len(names)) + BOTTOM


def report_words(weights: Path, scenes: Path, out: Path) -> tuple[object, ...]:
    words = ("--data", scenes, "--weights", weights, "--size", SIZE, "--limit", 3, "--keep", 1)
    return ("quantize-report", *words, "--out", out)


def test_a_report_of_one_network_under_many_names(
    networks: dict[str, torch.fx.GraphModule],
    weights: Path,
    scenes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Quantizing all of them would take a minute."""

    def same(*args: Sequence[object]) -> list[torch.fx.GraphModule]:
        return [networks["all"]] * len(args[-1])

    monkeypatch.setattr(pt2e, "quantized_each", same)
    assert run(*report_words(weights, scenes, tmp_path / "report")) == 0
    check_report(tmp_path / "report", capfd.readouterr().out)


@pytest.mark.long
def test_a_report(
    weights: Path, scenes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*report_words(weights, scenes, tmp_path / "report")) == 0
    output = capfd.readouterr()
    assert output.err.strip() == "", "vendors are silent"
    check_report(tmp_path / "report", output.out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "missing"], "missing"),
        (["--limit", "0"], "limit 0 must be at least 1"),
        (["--clicks", "0"], "click 0 must be at least 1"),
        (["--keep", "-1"], "keep -1 must not be negative"),
        (["--size", "100"], "multiple of 32"),
        (["--weights", "missing.safetensors"], "missing.safetensors"),
        (["--calibration", "."], "has too few photos"),
    ],
)
def test_bad_options(
    words: list[str],
    message: str,
    weights: Path,
    scenes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = ("--data", scenes, "--weights", weights, "--size", SIZE, "--out", "out")
    assert run("quantize-report", *usual, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


def test_other_files_are_not_replaced(
    weights: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    words = ("--data", scenes, "--weights", weights, "--out", tmp_path)
    assert run("quantize-report", *words) == 2
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torchao.quantization.pt2e", "executorch"), ("matplotlib.figure", "report")],
)
def test_a_missing_package_is_named_with_its_extra(
    module: str,
    extra: str,
    weights: Path,
    scenes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    words = ("--data", scenes, "--weights", weights, "--size", SIZE, "--out", tmp_path / "out")
    assert run("quantize-report", *words) == 2
    assert f"squeezesam[{extra}]" in capsys.readouterr().err
