"""What is known to keep operators off the Neural Engine, on programs of a few operators."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - its usual name
from coremltools.converters.mil.mil.types import np_uint4_dtype
from mil_programs import Array, Build, read_back

from squeezesam.errors import ArtifactError
from squeezesam_export.commands import coreml_placement
from squeezesam_export.mlprogram.elements import ELEMENTS
from squeezesam_export.mlprogram.program import Named, Operation, Program, TensorType
from squeezesam_export.placement.report import RULES, assess, summaries
from squeezesam_export.placement.rule import INPUT, SourceStanding

IMAGE = np.zeros((1, 32, 32, 32), np.float16)
TOKENS = np.zeros((1, 64, 32), np.float16)


def broken(program: Program) -> dict[str, list[str]]:
    """By rule, the kinds of operators that break it."""
    return {
        summary.rule.name: [one.operation.kind for one in summary.assessments]
        for summary in summaries(assess(program))
    }


def half(*shape: int) -> Array:
    return np.ones(shape, np.float16)


def conv(kernel: int = 3, **parameters: object) -> Build:
    weight = half(32, 32, kernel, kernel)
    return lambda x: mb.conv(x=x, weight=weight, pad_type="same", **parameters)


def pool(kernel: int, stride: int) -> Build:
    return lambda x: mb.max_pool(
        x=x, kernel_sizes=[kernel] * 2, strides=[stride] * 2, pad_type="same"
    )


def upsample(factor: float) -> Build:
    return lambda x: mb.upsample_bilinear(
        x=x, scale_factor_height=factor, scale_factor_width=factor, align_corners=False
    )


def reduced(x: object) -> object:
    return mb.reduce_mean(x=x, axes=[2, 3], keep_dims=True)


def lstm(x: object) -> object:
    zeros = np.zeros((1, 32), np.float32)
    weights = np.zeros((128, 32), np.float32)
    return mb.lstm(x=x, initial_h=zeros, initial_c=zeros, weight_ih=weights, weight_hh=weights)[0]


def palettized(groups: int, stride: int = 1) -> Build:
    def build(x: object) -> object:
        weight = mb.constexpr_lut_to_dense(
            indices=np.zeros((32, 32, 3, 3), np.uint8).astype(np_uint4_dtype),
            lut=half(groups, 1, 1, 1, 16, 1),
        )
        return mb.conv(x=x, weight=weight, strides=[stride] * 2, pad_type="same")

    return build


def blockwise(blocks: int) -> Build:
    def build(x: object) -> object:
        weight = mb.constexpr_blockwise_shift_scale(
            data=np.zeros((32, 32, 1, 1), np.int8), scale=half(32, blocks, 1, 1)
        )
        return mb.conv(x=x, weight=weight)

    return build


CASES: dict[str, tuple[Callable[[], Program], Callable[[], Program]]] = {
    "float32": (
        lambda: read_back(lambda x: mb.relu(x=x), IMAGE.astype(np.float32)),
        lambda: read_back(lambda x: mb.relu(x=x), IMAGE),
    ),
    "element-type": (
        lambda: read_back(lambda x: mb.reduce_argmax(x=x, axis=1, keep_dims=True), IMAGE),
        lambda: read_back(lambda x: mb.reduce_max(x=x, axes=[1], keep_dims=True), IMAGE),
    ),
    "cast": (
        lambda: read_back(lambda x: mb.cast(x=x, dtype="fp16"), IMAGE.astype(np.float32)),
        lambda: read_back(lambda x: mb.relu(x=x), IMAGE.astype(np.float32)),
    ),
    "dynamic-shape": (lambda: one_input(1, 32, None, 32), lambda: one_input(1, 32, 32, 32)),
    "rank-6": (lambda: one_input(1, 2, 3, 4, 5, 32), lambda: one_input(1, 2, 3, 4, 32)),
    "width": (lambda: one_input(1, 1, 1, 16416), lambda: one_input(1, 1, 1, 16384)),
    "layout": (lambda: one_input(1, 64, 32), lambda: one_input(1, 64, 1, 32)),
    "linear": (
        lambda: read_back(lambda x: mb.linear(x=x, weight=half(32, 32)), TOKENS),
        lambda: read_back(conv(1), IMAGE),
    ),
    "reshape": (
        lambda: read_back(lambda x: mb.transpose(x=x, perm=[0, 2, 1]), TOKENS),
        lambda: read_back(lambda x: mb.relu(x=x), TOKENS),
    ),
    "attention": (
        lambda: read_back(lambda x, y: mb.matmul(x=x, y=y), half(4, 32, 32), half(4, 32, 32)),
        lambda: read_back(lambda x, y: mb.matmul(x=x, y=y), half(1, 32, 32), half(1, 32, 32)),
    ),
    "softmax": (
        lambda: read_back(lambda x: mb.softmax(x=x, axis=-1), IMAGE),
        lambda: read_back(lambda x: mb.softmax(x=x, axis=1), IMAGE),
    ),
    "singleton": (lambda: one_input(1, 32, 32, 1), lambda: one_input(1, 32, 1, 32)),
    "narrow": (lambda: one_input(1, 32, 16, 16), lambda: one_input(1, 32, 32, 32)),
    "alignment": (lambda: one_input(1, 32, 1, 272), lambda: one_input(1, 32, 1, 288)),
    "recurrent": (
        lambda: read_back(lstm, np.zeros((4, 1, 32), np.float32)),
        lambda: read_back(conv(), IMAGE),
    ),
    "gather": (
        lambda: read_back(
            lambda x: mb.gather(x=x, indices=np.array([1, 0], np.int32), axis=1), IMAGE
        ),
        lambda: read_back(
            lambda x: mb.slice_by_size(x=x, begin=[0, 0, 0, 0], size=[1, 2, 32, 32]), IMAGE
        ),
    ),
    "broadcast": (
        lambda: read_back(lambda x: mb.mul(x=x, y=reduced(x)), IMAGE),
        lambda: read_back(lambda x: mb.mul(x=x, y=half(1, 32, 1, 1)), IMAGE),
    ),
    "pool-kernel": (
        lambda: read_back(pool(14, 2), IMAGE),
        lambda: read_back(pool(13, 2), IMAGE),
    ),
    "pool-stride": (lambda: read_back(pool(3, 3), IMAGE), lambda: read_back(pool(3, 4), IMAGE)),
    "upsampling": (
        lambda: read_back(upsample(4.0), IMAGE),
        lambda: read_back(upsample(2.0), IMAGE),
    ),
    "large-kernel": (lambda: read_back(conv(9), IMAGE), lambda: read_back(conv(5), IMAGE)),
    "conv-stride": (
        lambda: read_back(conv(3, strides=[5, 5]), IMAGE),
        lambda: read_back(conv(3, strides=[2, 4]), IMAGE),
    ),
    "dilation": (
        lambda: read_back(conv(3, dilations=[8, 8]), IMAGE),
        lambda: read_back(conv(3, dilations=[3, 3]), IMAGE),
    ),
    "blockwise": (
        lambda: read_back(blockwise(4), IMAGE, opset="iOS18"),
        lambda: read_back(blockwise(1), IMAGE, opset="iOS18"),
    ),
    "many-tables": (
        lambda: read_back(palettized(8), IMAGE, opset="iOS18"),
        lambda: read_back(palettized(4), IMAGE, opset="iOS18"),
    ),
    "palette-stride": (
        lambda: read_back(palettized(1, stride=4), IMAGE, opset="iOS18"),
        lambda: read_back(palettized(1, stride=2), IMAGE, opset="iOS18"),
    ),
}
"""By rule, a program that breaks it and one much like it that does not."""


def one_input(*shape: int | None) -> Program:
    """A program that gives what it takes; coremltools would refuse some of these."""
    named = Named("x", TensorType(ELEMENTS["float16"], shape))
    return Program(opset=6, inputs=(named,), constants={}, operations=(), outputs=("x",))


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_each_rule_finds_what_it_is_about_and_nothing_else(name: str) -> None:
    breaking, keeping = CASES[name]
    assert name in broken(breaking())
    assert name not in broken(keeping())


def test_rules_have_names_of_their_own_and_sources() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.says.endswith(".")
        assert rule.source.title
        assert rule.source.address.startswith("https://")
        assert rule.source.standing in SourceStanding


def test_convolutions_in_float16_have_no_findings() -> None:
    program = read_back(lambda x: mb.relu(x=conv()(x)), IMAGE)
    assert broken(program) == {}
    conv_macs = [one.macs for one in assess(program) if one.operation.kind == "conv"]
    assert conv_macs == [32 * 32 * 32 * 32 * 9]


def test_scaling_a_picture_in_float32_is_found() -> None:
    def build(picture: object) -> object:
        scaled = mb.add(x=mb.mul(x=picture, y=np.float32(0.02)), y=np.float32(-2))
        return conv()(mb.cast(x=scaled, dtype="fp16"))

    found = broken(read_back(build, IMAGE.astype(np.float32)))
    assert found == {"float32": ["mul", "add"], "cast": ["cast"]}


def test_an_operator_without_its_operands_is_named() -> None:
    program = one_input(1, 4, 1, 32)
    damaged = Operation("linear", "l", "op 1 of 1, 'l' of kind linear", {}, program.inputs, False)
    with pytest.raises(ArtifactError, match="op 1 of 1, 'l' of kind linear lacks"):
        assess(replace(program, operations=(damaged,)))


def reported(*words: object) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    coreml_placement.add_arguments(parser)
    coreml_placement.run(parser.parse_args([str(word) for word in words]))


def test_our_export_is_reported(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reported(exported / "nano_coreml_fp16.mlpackage", "--ops")
    lines = capsys.readouterr().out.splitlines()
    listed, summary = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert listed[0].startswith(f"{INPUT} image: ")
    assert summary[0].startswith(f"{len(listed) - 3} operators and 3 inputs; ")
    assert any(line.endswith(coreml_placement.NOTHING) for line in listed)
    assert any(line.startswith("reshape: ") for line in summary)
    assert "no device was asked" in summary[-2]


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is no \.mlpackage"):
        reported(tmp_path)
