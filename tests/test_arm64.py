"""ARM64 under emulation: the parts everywhere, the whole where --arm64 asks for it."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from sharing import Shared

from squeezesam import cli
from squeezesam.data.records import spread
from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError, VerificationError
from squeezesam.inference.letterbox import Letterbox
from squeezesam.spec import SEGMENTER
from squeezesam_benchmarks.arm64.device import Checker, answers_of, case_bytes
from squeezesam_benchmarks.arm64.emulator import (
    CPUS,
    Emulator,
    cpu_info,
    download_command,
    make_root,
)
from squeezesam_benchmarks.devices import BenchmarkArtifact, DeviceOptions, open_device
from squeezesam_benchmarks.interleaving import time_all
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.native.runtimes import Runtime
from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.results.agreement import check_agreement, compare, same_masks
from squeezesam_benchmarks.results.records import (
    SCHEMA_VERSION,
    DeviceFacts,
    Emulation,
    Measurement,
    Result,
    ResultsFile,
    TimedFile,
    read_results,
)
from squeezesam_benchmarks.results.report import fewer_than_baseline, report
from squeezesam_benchmarks.results.rows import rows_of_run
from squeezesam_export.kinds.golden_case import CaseRecord, GoldenCase

SIZE = 64
INPUTS, OUTPUTS = SEGMENTER.inputs(SIZE), SEGMENTER.outputs(SIZE)
FLOATS = {spec.name: "float32" for spec in INPUTS + OUTPUTS}
HALVES = dict.fromkeys(FLOATS, "float16")
A76 = CPUS["cortex-a76"]


def answers(seed: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(spec.shape, generator=generator) for spec in OUTPUTS)


EMULATION = Emulation(
    cpu=A76.name,
    emulator="qemu 7",
    short_run_inferences=2,
    short_run_instructions=1000,
    long_run_inferences=4,
    long_run_instructions=1000 + 2 * 100,
    identical=False,
    max_difference=1e-6,
    min_mask_iou=1.0,
)


def measurement(runtime: str, emulation: Emulation) -> Measurement:
    return Measurement(
        runtime=runtime,
        runtime_version="1.2",
        backend="CPU",
        threads=1,
        pinned_cores=None,
        load_ms=None,
        first_inference_ms=None,
        warm_samples_ms=(),
        pipeline_samples=(),
        sustained_samples_ms=(),
        peak_memory_bytes=None,
        memory_kind=None,
        emulation=emulation,
    )


def result(precision: str, runtime: str = "onnxruntime", instructions: int = 100) -> Result:
    counted = dataclasses.replace(EMULATION, long_run_instructions=1000 + 2 * instructions)
    return Result(
        schema_version=SCHEMA_VERSION,
        harness_version="0",
        run_id="synthetic",
        round_index=0,
        started_at="2026-01-31T00:00:00+00:00",
        command="squeezesam bench run --on arm64-emulated",
        protocol=Protocol(rounds=1),
        device=DeviceFacts("arm64-emulated", None, None, A76.name, 1, "Linux"),
        artifact=TimedFile(f"nano_{runtime}_{precision}", "0" * 64, 12, "nano", precision),
        measurement=measurement(runtime, counted),
    )


def with_iou(min_mask_iou: float) -> Result:
    one = result("int8")
    other = dataclasses.replace(EMULATION, min_mask_iou=min_mask_iou)
    return dataclasses.replace(one, measurement=measurement("onnxruntime", other))


def golden_case(photo: str, inputs: Sequence[torch.Tensor]) -> GoldenCase:
    record = CaseRecord("any", (), None, None)
    tensors = dict(zip(SEGMENTER.names()[0], inputs, strict=False))
    return GoldenCase(SEGMENTER, photo, Letterbox.fit(4, 3, SIZE), record, tensors)


def test_a_case_is_its_inputs_in_the_types_of_the_artifact() -> None:
    inputs = tuple(torch.full(spec.shape, float(i)) for i, spec in enumerate(INPUTS))
    case = golden_case("any", inputs)
    numbers = sum(tensor.numel() for tensor in inputs)
    assert len(case_bytes(case, SEGMENTER, FLOATS)) == 4 * numbers
    assert len(case_bytes(case, SEGMENTER, HALVES)) == 2 * numbers
    assert case_bytes(case, SEGMENTER, FLOATS)[-4:] == torch.tensor(2.0).numpy().tobytes()


@pytest.mark.parametrize("dtypes", [FLOATS, HALVES])
def test_answers_are_read_back_in_their_shapes(dtypes: dict[str, str]) -> None:
    given = [answers(0), answers(1)]
    dtype = getattr(torch, dtypes["low_res_masks"])
    raw = b"".join(one.to(dtype).numpy().tobytes() for case in given for one in case)
    for wanted, read in zip(given, answers_of(raw, OUTPUTS, dtypes), strict=True):
        for one, other in zip(wanted, read, strict=True):
            assert torch.equal(one.to(dtype).float(), other)
    with pytest.raises(ArtifactError, match="no multiple"):
        answers_of(raw[:-1], OUTPUTS, dtypes)


def test_one_bit_is_a_difference_and_another_mask_is_no_agreement() -> None:
    ours = answers(0)
    same = compare(["a"], [ours], [ours])
    assert same.identical
    assert same.max_difference == 0
    negative_zero = (torch.zeros_like(ours[0]), -torch.zeros_like(ours[1]))
    zero = tuple(torch.zeros_like(one) for one in ours)
    assert not compare(["a"], [zero], [negative_zero]).identical
    near = compare(["a"], [ours], [(ours[0], ours[1] + 0.5)])
    assert near.max_difference == pytest.approx(0.5)
    assert near.min_mask_iou == 1
    far = compare(["a", "b"], [ours, ours], [ours, (-ours[0], ours[1])])
    assert far.min_mask_iou == 0


def test_answers_that_cannot_be_compared_are_refused() -> None:
    ours = answers(0)
    with pytest.raises(VerificationError, match="NaN"):
        compare(["a"], [ours], [(ours[0] / 0, ours[1])])
    with pytest.raises(VerificationError, match="1 answers to 2 cases"):
        compare(["a", "b"], [ours, ours], [ours])


def test_instructions_are_the_slope_between_two_runs() -> None:
    assert EMULATION.instructions_per_inference == 100


def test_the_ratio_is_to_fp32_of_the_same_runtime() -> None:
    rows = rows_of_run(
        [
            result("fp32"),
            result("int8", instructions=40),
            result("int8", "executorch", instructions=10),
        ]
    )
    ratios = {row.artifact.name: fewer_than_baseline(row, rows) for row in rows}
    assert ratios == {
        "nano_onnxruntime_fp32": 1,
        "nano_onnxruntime_int8": 2.5,
        "nano_executorch_int8": None,
    }


def test_the_report_shows_counts_and_no_times() -> None:
    identical = dataclasses.replace(EMULATION, identical=True)
    same = dataclasses.replace(result("fp16"), measurement=measurement("onnxruntime", identical))
    shown = report([result("fp32"), result("int8", instructions=40), same, with_iou(0.5)])
    assert "| 2.50x" in report([result("fp32"), result("int8", instructions=40)])
    assert "bit-identical" in shown
    assert "OTHER MASKS" in shown
    assert "A count, not a time" in shown
    assert " ms" not in shown
    assert "cortex-a76" in shown


def test_other_masks_are_an_error_that_names_the_artifact() -> None:
    check_agreement([result("fp32"), with_iou(0.995)])
    assert not same_masks(dataclasses.replace(EMULATION, min_mask_iou=0.98))
    with pytest.raises(VerificationError, match="nano_onnxruntime_int8 on cortex-a76") as raised:
        check_agreement([result("fp32"), with_iou(0.5)])
    assert raised.value.exit_status == 1
    assert "fp32" not in str(raised.value)


def test_a_count_is_read_back_as_written(tmp_path: Path) -> None:
    ResultsFile(tmp_path / "results.jsonl").add(result("fp32"))
    assert read_results(tmp_path / "results.jsonl") == [result("fp32")]


def test_one_round_is_enough_where_counts_repeat(tmp_path: Path) -> None:
    class Counting:
        default_threads = (1,)
        deterministic = True
        facts = result("fp32").device

        def check_threads(self, threads: object) -> None: ...
        def prepare(self, subjects: object) -> None: ...
        def condition(self) -> object:
            return result("fp32").measurement.before

        def measure(self, *_: object) -> Measurement:
            return measurement("onnxruntime", EMULATION)

    subject = BenchmarkArtifact(tmp_path / "a.onnx", "onnx", result("fp32").artifact)
    counted = time_all(
        Counting(),  # type: ignore[arg-type]
        [subject],
        (),
        Protocol(rounds=5),
        tmp_path / "results.jsonl",
        lambda _: None,
    )
    assert [one.protocol.rounds for one in counted] == [1]


def test_the_emulator_counts_on_one_core_without_randomization(tmp_path: Path) -> None:
    words = Emulator(A76, tmp_path / "root", tmp_path / "count.so").command(tmp_path / "count")
    core = str(max(os.sched_getaffinity(0)))
    assert words[:5] == ["taskset", "--cpu-list", core, "setarch", "--addr-no-randomize"]
    assert words[5:8] == ["qemu-aarch64", "-cpu", "cortex-a76"]
    assert words[-1] == f"{tmp_path / 'count.so'},out={tmp_path / 'count'}"


def test_the_root_shows_one_processor_of_the_model(tmp_path: Path) -> None:
    make_root(A76, tmp_path / "root")
    assert (tmp_path / "root/sys/devices/system/cpu/possible").read_text() == "0\n"
    assert (tmp_path / "root/proc/cpuinfo").read_text() == cpu_info(A76)
    assert "CPU implementer\t: 0x41\n" in cpu_info(A76)
    assert "CPU part\t: 0xd0b\n" in cpu_info(A76)


def test_pip_is_asked_for_arm64_and_for_no_particular_host(tmp_path: Path) -> None:
    words = download_command("onnxruntime==1.2", tmp_path)
    assert words[:4] == [sys.executable, "-m", "pip", "download"]
    assert words[-1] == "onnxruntime==1.2"
    assert "manylinux_2_28_aarch64" in words
    assert not [word for word in words if "://" in word or "index" in word]


def test_cases_are_spread_over_all() -> None:
    cases = [golden_case(str(i), ()) for i in range(12)]
    assert [case.photo for case in spread(cases, 3)] == ["0", "4", "8"]
    assert spread(cases, 99) == cases


def test_a_runner_that_dies_is_told_by_its_last_line(tmp_path: Path) -> None:
    checker = Checker(Emulator(A76, tmp_path, tmp_path), tmp_path, tmp_path)
    start = [sys.executable, "-c", "import sys; sys.exit('first\\nIllegal instruction')"]
    with pytest.raises(ArtifactError, match=r"a\.onnx does not run on cortex-a76, status 1: Illeg"):
        checker.run(start, tmp_path / "a.onnx", [b""], [])


def test_missing_programs_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["bench", "run", "--on", "arm64-emulated", "--artifacts", str(tmp_path)]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert "qemu-aarch64" in said
    assert "apt-get install cmake ninja-build g++ g++-aarch64-linux-gnu gcc qemu-user" in said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a\\nno such wheel", "no such wheel"),
        ("a\\nx.cpp:3: error: b\\nstopped", "x.cpp:3: error: b"),
    ],
)
def test_a_program_that_fails_is_told_by_its_error_or_last_line(said: str, told: str) -> None:
    with pytest.raises(MissingDependencyError, match=f"fails: {told}$"):
        tools.run_tool([sys.executable, "-c", f"import sys; sys.exit('{said}')"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (DeviceOptions(cpu="cortex-a99"), "cortex-a76"),
        (DeviceOptions(cases=0), "--cases 0"),
        (DeviceOptions(device="a phone"), "--device a phone"),
    ],
)
def test_bad_options_are_refused(options: DeviceOptions, said: str) -> None:
    with (
        pytest.raises(ConfigError, match=said),
        open_device("arm64-emulated", options),
    ):
        pass


@pytest.mark.arm64
def test_artifacts_give_the_same_masks_on_arm64_and_int8_takes_fewer_instructions(
    shared: Shared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        tools.check_tools("emulating ARM64", tuple(tools.DEBIAN_PACKAGES))
    except MissingDependencyError as error:
        pytest.skip(str(error))

    def shared_runner(preset: str, runtime: Runtime, _packages: Path, _folder: Path) -> Path:
        return shared.runners(preset) / runtime.runner

    monkeypatch.setattr("squeezesam_benchmarks.arm64.device.build_runner", shared_runner)
    results_file = tmp_path / "results.jsonl"
    words = ["--target", "onnx,executorch", "--precision", "fp32,int8", "--size", "128"]
    out = shared.export("--no-detector", *words)
    capsys.readouterr()
    words = ["bench", "run", "--on", "arm64-emulated", "--artifacts", str(out)]
    assert cli.main([*words, "--threads", "2", "--out", str(results_file)]) == 2
    assert cli.main([*words, "--out", str(results_file)]) == 0
    assert "M instructions per inference" in capsys.readouterr().out
    results = read_results(results_file)
    assert len(results) == 4
    for row in rows_of_run(results):
        (emulation,) = row.emulations
        assert emulation.instructions_per_inference > 1e6
        assert row.samples_ms() == [()]
        if row.artifact.precision == "fp32":
            assert emulation.max_difference < 1e-3
        else:
            assert emulation.identical or row.artifact.name.endswith(".pte")
            ratio = fewer_than_baseline(row, rows_of_run(results))
            assert ratio is not None
            assert ratio > 2.4
