"""ARM64 under emulation: the parts everywhere, the whole where --arm64 asks for it."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from squeezesam import cli
from squeezesam.errors import ArtifactError, ConfigError, MissingDependencyError, VerificationError
from squeezesam_benchmarks.arm64.agreement import Agreement, compare
from squeezesam_benchmarks.arm64.check import CheckOptions, check_on_arm64, spread, write_report
from squeezesam_benchmarks.arm64.checking import Checker
from squeezesam_benchmarks.arm64.cpus import CPUS
from squeezesam_benchmarks.arm64.emulator import Emulator, cpu_info, make_root
from squeezesam_benchmarks.arm64.packages import download_command
from squeezesam_benchmarks.arm64.records import Count, Finding, Report
from squeezesam_benchmarks.arm64.reporting import fewer_than_fp32, table
from squeezesam_benchmarks.arm64.tensors import answers_of, case_bytes
from squeezesam_benchmarks.native import tools
from squeezesam_benchmarks.records import record_from_json
from squeezesam_benchmarks.schema import Artifact, Device
from squeezesam_export.contract import contract
from squeezesam_export.golden import Answered

SIZE = 64
CONTRACT = contract(SIZE)
FLOATS = {spec.name: "float32" for spec in (*CONTRACT.inputs, *CONTRACT.outputs)}
HALVES = dict.fromkeys(FLOATS, "float16")
A76 = CPUS["cortex-a76"]


def answers(seed: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(spec.shape, generator=generator) for spec in CONTRACT.outputs)


def finding(precision: str, runtime: str = "onnxruntime", instructions: int = 100) -> Finding:
    return Finding(
        artifact=Artifact(f"nano_{runtime}_{precision}", "0" * 64, 12, "nano", precision),
        runtime=runtime,
        runtime_version="1.2",
        agreement=Agreement(identical=False, max_difference=1e-6, min_mask_iou=1.0),
        count=Count(short_run=1000, long_run=1000 + 2 * instructions, inferences=2),
        failure=None,
    )


FAILED = dataclasses.replace(
    finding("fp16"), agreement=None, count=None, failure="does not run: SIGILL"
)
REPORT = Report(
    schema_version=1,
    started_at="2026-01-31T00:00:00+00:00",
    command="squeezesam bench arm64",
    device=Device("arm64-emulated", None, None, "a cpu", 2, "Linux"),
    versions={"emulator": "qemu 7", "compiler": "g++ 12"},
    cpu=A76,
    method="counted",
    short_run_inferences=2,
    cases=("one click", "box"),
    findings=(finding("fp32"), finding("int8", instructions=40), FAILED),
)


def test_a_case_is_its_inputs_in_the_types_of_the_artifact() -> None:
    inputs = tuple(torch.full(spec.shape, float(i)) for i, spec in enumerate(CONTRACT.inputs))
    case = Answered("any", inputs, *answers(0))  # type: ignore[arg-type]
    numbers = sum(tensor.numel() for tensor in inputs)
    assert len(case_bytes(case, CONTRACT, FLOATS)) == 4 * numbers
    assert len(case_bytes(case, CONTRACT, HALVES)) == 2 * numbers
    assert case_bytes(case, CONTRACT, FLOATS)[-4:] == torch.tensor(2.0).numpy().tobytes()


@pytest.mark.parametrize("dtypes", [FLOATS, HALVES])
def test_answers_are_read_back_in_their_shapes(dtypes: dict[str, str]) -> None:
    given = [answers(0), answers(1)]
    dtype = getattr(torch, dtypes["low_res_masks"])
    raw = b"".join(one.to(dtype).numpy().tobytes() for case in given for one in case)
    for wanted, read in zip(given, answers_of(raw, CONTRACT, dtypes), strict=True):
        for one, other in zip(wanted, read, strict=True):
            assert torch.equal(one.to(dtype).float(), other)
    with pytest.raises(ArtifactError, match="no multiple"):
        answers_of(raw[:-1], CONTRACT, dtypes)


def test_one_bit_is_a_difference_and_another_mask_is_no_agreement() -> None:
    ours = answers(0)
    same = compare(["a"], [ours], [ours])
    assert same.identical
    assert same.text == "bit-identical"
    negative_zero = (torch.zeros_like(ours[0]), -torch.zeros_like(ours[1]))
    zero = tuple(torch.zeros_like(one) for one in ours)
    assert not compare(["a"], [zero], [negative_zero]).identical
    near = compare(["a"], [ours], [(ours[0], ours[1] + 0.5)])
    assert near.max_difference == pytest.approx(0.5)
    assert near.same_masks
    far = compare(["a", "b"], [ours, ours], [ours, (-ours[0], ours[1])])
    assert far.min_mask_iou == 0
    assert not far.same_masks
    assert "OTHER MASKS" in far.text


def test_answers_that_cannot_be_compared_are_refused() -> None:
    ours = answers(0)
    with pytest.raises(VerificationError, match="NaN"):
        compare(["a"], [ours], [(ours[0] / 0, ours[1])])
    with pytest.raises(VerificationError, match="1 answers to 2 cases"):
        compare(["a", "b"], [ours, ours], [ours])


def test_instructions_are_the_slope_between_two_runs() -> None:
    assert Count(short_run=1000, long_run=1900, inferences=3).per_inference == 300


def test_the_ratio_is_to_fp32_of_the_same_runtime() -> None:
    findings = [
        finding("fp32"),
        finding("int8", instructions=40),
        finding("int8", "executorch", instructions=10),
        FAILED,
    ]
    ratios = [fewer_than_fp32(one, findings) for one in findings]
    assert ratios == [1, 2.5, None, None]


def test_the_table_shows_failures_beside_counts() -> None:
    lines = table(REPORT).splitlines()
    assert lines[2].split()[-2:] == ["0.0", "2.50x"]
    assert "FAILED: does not run: SIGILL" in lines[3]
    assert "cortex-a76" in lines[1]
    assert "counted" in lines[-1]


def test_what_is_broken_is_said() -> None:
    assert finding("fp32").broken is None
    assert FAILED.broken == "does not run: SIGILL"
    other = dataclasses.replace(
        finding("fp32"), agreement=Agreement(False, max_difference=9.0, min_mask_iou=0.5)
    )
    assert other.broken == "its masks are not this machine's"


def test_the_report_is_read_back_as_written(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert record_from_json(Report, content) == REPORT


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
    cases = [Answered(str(i), answers(0), *answers(0)) for i in range(12)]  # type: ignore[arg-type]
    assert [case.name for case in spread(cases, 3)] == ["0", "4", "8"]
    assert spread(cases, 99) == cases


def test_a_runner_that_dies_is_told_by_its_last_line(tmp_path: Path) -> None:
    checker = Checker(Emulator(A76, tmp_path, tmp_path), tmp_path, tmp_path)
    start = [sys.executable, "-c", "import sys; sys.exit('first\\nIllegal instruction')"]
    with pytest.raises(ArtifactError, match="does not run: Illegal instruction"):
        checker.run(start, tmp_path / "a.onnx", [b""], [])


def test_missing_programs_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["bench", "arm64", "--artifacts", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "qemu-aarch64" in said
    assert "apt-get install cmake ninja-build g++ g++-aarch64-linux-gnu gcc qemu-user" in said


def test_a_program_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(MissingDependencyError, match="fails: no such wheel"):
        tools.run_tool([sys.executable, "-c", "import sys; sys.exit('a\\nno such wheel')"])


def test_bad_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cortex-a76"):
        check_on_arm64(CheckOptions(tmp_path, cpu="cortex-a99"), "", print)
    with pytest.raises(ConfigError, match="--cases 0"):
        CheckOptions(tmp_path, cases=0)


@pytest.mark.arm64
def test_artifacts_give_the_same_masks_on_arm64_and_int8_takes_fewer_instructions(
    tmp_path: Path,
) -> None:
    try:
        tools.check_tools()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    out, report_file = tmp_path / "artifacts", tmp_path / "report.json"
    words = ["export", "--target", "onnx,executorch", "--precision", "fp32,int8"]
    words += ["--size", "128"]
    assert cli.main([*words, "--out", str(out)]) == 0
    words = ["bench", "arm64", "--artifacts", str(out), "--out", str(report_file)]
    assert cli.main(words) == 0
    report = record_from_json(Report, json.loads(report_file.read_text()))
    assert len(report.findings) == 4
    for one in report.findings:
        assert one.broken is None
        assert one.count is not None
        assert one.count.per_inference > 1e6
        assert one.agreement is not None
        if one.artifact.precision == "fp32":
            assert one.agreement.max_difference < 1e-3
        else:
            assert one.agreement.identical or one.runtime == "executorch"
            ratio = fewer_than_fp32(one, report.findings)
            assert ratio is not None
            assert ratio > 2.4
