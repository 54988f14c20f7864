"""`squeezesam bench salient`: the automatic mask beside one inference; no test looks at speed."""

import dataclasses
from pathlib import Path

import pytest
import torch
from bench_results import measured, run_of
from PIL import Image

from squeezesam.cli import main
from squeezesam.errors import ArtifactError
from squeezesam.networks.building import folded
from squeezesam.networks.configs import DETECTORS, DetectorConfig
from squeezesam.networks.saliency_detector import SaliencyDetector
from squeezesam.networks.weights import network_kind, save_weights
from squeezesam.spec import DETECTOR, EFFICIENTSAM, POINT_SEGMENTER
from squeezesam_benchmarks import salient_subjects
from squeezesam_benchmarks.devices import BenchmarkArtifact
from squeezesam_benchmarks.host import Host
from squeezesam_benchmarks.page.charts import PARTS
from squeezesam_benchmarks.pipelines import SalientFiles
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.metrics import PIPELINE_PARTS, total_ms
from squeezesam_benchmarks.results.records import PipelineSample, TimedFile, read_results
from squeezesam_benchmarks.results.report import report
from squeezesam_benchmarks.salient_subjects import paired_subjects, write_photo
from squeezesam_benchmarks.worker import TimingJob, measure
from squeezesam_export.quantization.schemes import SCHEMES
from squeezesam_export.targets.table import find_target
from squeezesam_export.targets.target import ExportJob

SIZE = 128
SMALL = DetectorConfig(8, (8, 8, 8, 16), (1, 1, 1, 1), (8, 8, 8, 8), transformer_depth=1)
PHOTO = (330, 440)
QUICK = ["--rounds=1", "--iterations=1", "--pipelines=2", "--warm-up=0", "--threads=1"]
RECORDED = Path(__file__).parent.parent / "benchmarks" / "peers_2026-11-26.jsonl"
AUTOMATIC = PipelineSample(
    preprocess_ms=10.0,
    model_ms=20.0,
    postprocess_ms=5.0,
    decode_ms=100.0,
    detector_ms=12.0,
    clicks_ms=3.0,
    model_alone_ms=25.0,
    later_click_ms=40.0,
)


def detector(brightness, config=SMALL):
    """Random weights, and a heat map that is bright everywhere, or nowhere."""
    torch.manual_seed(0)
    network = SaliencyDetector(config, SIZE).eval()
    torch.nn.init.constant_(network.heat_head.bias, brightness)
    return network


def exported_pair(subjects, folder, target_name, brightness=5.0):
    """A segmenter and a detector in a runtime."""
    target = find_target(target_name)
    path = folder / f"saliency{target.suffix}"
    job = ExportJob(folded(detector(brightness)), SIZE, SCHEMES["fp32"], kind=DETECTOR)
    target.export(job, path)
    return subjects[target.suffix].path, path


@pytest.fixture(scope="module")
def onnx_pair(subjects, tmp_path_factory):
    return exported_pair(subjects, tmp_path_factory.mktemp("onnx"), "onnx")


@pytest.fixture
def small_photo(monkeypatch):
    monkeypatch.setattr(salient_subjects, "PHOTO_SIZE", PHOTO)
    monkeypatch.setattr(salient_subjects, "write_photo", lambda folder: write_photo(folder, PHOTO))


def bench(pair, out):
    model, found = map(str, pair)
    return main(["bench", "salient", "--model", model, "--detector", found, "--out", out, *QUICK])


@pytest.mark.usefixtures("small_photo")
def test_every_part_of_an_automatic_mask_is_timed(onnx_pair, tmp_path, capsys):
    out = tmp_path / "results.jsonl"
    assert bench(onnx_pair, str(out)) == 0
    assert "**Automatic mask.**" in capsys.readouterr().out
    (result,) = read_results(out)
    assert result.detector is not None
    assert (result.artifact.name, result.detector.name) == tuple(path.name for path in onnx_pair)
    assert (result.protocol.photo_width_px, result.protocol.photo_height_px) == PHOTO
    samples = result.measurement.pipeline_samples
    assert len(samples) == 2
    for sample in samples:
        assert min(dataclasses.astuple(sample)) > 0


def test_executorch_runs_both_networks_in_one_process(subjects, tmp_path):
    model, found = exported_pair(subjects, tmp_path, "executorch")
    photo = write_photo(tmp_path, PHOTO)
    subject = salient_subjects.named_pair(model, found, photo)
    protocol = Protocol(warm_up_inferences=0, timed_inferences=1, pipeline_runs=1)
    (sample,) = Host().measure(subject, 2, protocol).pipeline_samples
    assert sample.detector_ms is not None
    assert sample.detector_ms > 0


def test_weights_of_both_networks_can_be_timed(weights, tmp_path):
    found = tmp_path / "saliency.safetensors"
    save_weights(detector(5.0, DETECTORS["saliency"]), found, "saliency", torch.float32)
    subject = salient_subjects.named_pair(weights, found, write_photo(tmp_path, PHOTO))
    protocol = Protocol(warm_up_inferences=0, timed_inferences=1, pipeline_runs=1)
    measurement = Host().measure(subject, 1, protocol)
    assert measurement.runtime == "torch"
    assert len(measurement.pipeline_samples) == 1


@pytest.mark.usefixtures("small_photo")
def test_a_detector_that_finds_nothing_is_an_error(subjects, tmp_path, capsys):
    pair = exported_pair(subjects, tmp_path, "onnx", -5.0)
    assert bench(pair, str(tmp_path / "r.jsonl")) == 2
    said = capsys.readouterr().err
    assert "the detector finds nothing in photo.jpg" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("small_photo")
def test_two_files_in_each_others_place_are_refused(onnx_pair, tmp_path, capsys):
    assert bench(reversed(onnx_pair), str(tmp_path / "r.jsonl")) == 2
    said = capsys.readouterr().err
    assert "is a salient-object detector, not a promptable network" in said
    assert said.count("\n") == 1


def test_without_pipelines_the_detector_is_left_alone(tmp_path, monkeypatch, onnx_pair):
    monkeypatch.setattr("squeezesam_benchmarks.worker.pin", lambda _: None)
    files = SalientFiles(str(onnx_pair[1]), str(tmp_path / "missing.jpg"))
    protocol = Protocol(warm_up_inferences=0, timed_inferences=1, pipeline_runs=0)
    job = TimingJob(str(onnx_pair[0]), 1, protocol, salient=files)
    assert measure(job).pipeline_samples == ()


def test_the_photo_is_a_shipped_one_enlarged(tmp_path):
    with Image.open(write_photo(tmp_path, PHOTO)) as photo:
        assert (photo.format, photo.size) == ("JPEG", PHOTO)


def subject(variant, target, precision):
    name = f"{variant}_{target}_{precision}"
    kind = network_kind(variant)
    return BenchmarkArtifact(
        Path(name), target, TimedFile(name, "00", 1, variant, precision), kind=kind
    )


def test_segmenters_meet_the_detector_of_their_runtime_and_precision(monkeypatch):
    listed = [
        subject(variant, target, precision)
        for variant in ("base", "saliency")
        for target in ("onnx", "executorch")
        for precision in ("fp32", "int8")
    ]
    listed.remove(subject("saliency", "executorch", "int8"))
    one = subject("base", "onnx", "int8")
    others = (POINT_SEGMENTER, *EFFICIENTSAM.graphs)
    listed += [dataclasses.replace(one, kind=kind) for kind in others]
    monkeypatch.setattr(salient_subjects, "exported_subjects", lambda *_: listed)
    photo = Path("photo.jpg")
    (pair,) = paired_subjects(Path("artifacts"), "int8", Host(), photo)
    assert pair.artifact.name == "base_onnx_int8"
    assert pair.salient is not None
    assert (pair.salient.artifact.name, pair.salient.photo) == ("saliency_onnx_int8", photo)
    with pytest.raises(ArtifactError, match=r"artifacts holds no fp16 segmenter with its detector"):
        paired_subjects(Path("artifacts"), "fp16", Host(), photo)


def test_the_report_compares_with_decoding_and_inferences():
    assert total_ms(AUTOMATIC) == 150.0
    table = report(run_of([measured([25.0], pipeline_samples=(AUTOMATIC,) * 2)]))
    (line,) = (line for line in table.splitlines() if "150.0 [" in line)
    cells = [cell.strip() for cell in line.split("|")[4:-1]]
    assert cells == [
        "150.0 [150.0, 150.0]",
        *["100.0", "10.0", "12.0", "3.0", "20.0", "5.0"],
        "125.0 [125.0, 125.0]",
        "1.20 [1.20, 1.20]",
        "1.00 [1.00, 1.00]",
        "40.0",
    ]
    assert "**Whole pipeline.**" not in table


def test_the_page_draws_every_part():
    assert set(PARTS) == set(PIPELINE_PARTS)


def test_results_from_before_automatic_masks_are_read():
    results = read_results(RECORDED)
    sample = next(one for result in results for one in result.measurement.pipeline_samples)
    assert sample.decode_ms is sample.model_alone_ms is sample.later_click_ms is None
    assert total_ms(sample) == pytest.approx(
        sample.preprocess_ms + sample.model_ms + sample.postprocess_ms
    )
    assert results[0].detector is None


def test_a_part_below_zero_is_refused():
    with pytest.raises(ValueError, match="a time below 0"):
        measured([1.0], pipeline_samples=(dataclasses.replace(AUTOMATIC, clicks_ms=-1.0),))


@pytest.mark.usefixtures("small_photo")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an export with --artifacts, or two files"),
        (["--model", "a.onnx"], "name an export with --artifacts, or two files"),
        (["--artifacts", "a", "--model", "a.onnx"], "name an export with --artifacts"),
        (["--artifacts", "missing"], "missing is no export directory"),
        (["--model", "a.onnx", "--detector", "b.onnx"], "no artifact a.onnx"),
        (["--model", "a", "--detector", "b", "--precision", "int8"], "is for --artifacts"),
        (["--artifacts", "a", "--pipelines", "0"], "times no automatic mask"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "salient", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
