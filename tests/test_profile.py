import ast
import dataclasses
import itertools
import json
import multiprocessing
import re
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import SIZE, run

from squeezesam.networks.building import folded
from squeezesam.networks.overview import macs, macs_by_block
from squeezesam.networks.weights import load_weights
from squeezesam.spec import input_specs
from squeezesam_benchmarks.profiling.network import describe_network
from squeezesam_benchmarks.profiling.profile import artifacts_of, assembled, trace_quietly
from squeezesam_benchmarks.profiling.profilers import Event, find_profiler
from squeezesam_benchmarks.profiling.records import (
    Ceiling,
    Operator,
    Profile,
    ProfiledBlock,
    ProfileReport,
)
from squeezesam_benchmarks.profiling.roofline import standings
from squeezesam_benchmarks.profiling.tables import blocks_table, kinds_table, profile_text
from squeezesam_benchmarks.results.records import TimedFile, record_from_json
from squeezesam_export.quantization.graph import FUSION, block_of
from squeezesam_export.targets.onnx_quantization import SCOPES

INFERENCES = 3
TARGETS, PRECISIONS = ("onnx", "executorch"), ("fp32", "int8")
ARTIFACTS = list(itertools.product(TARGETS, PRECISIONS))


@pytest.fixture(scope="module")
def model(weights):
    return folded(load_weights(weights, SIZE)[1])


@pytest.fixture(scope="module")
def network():
    return describe_network("nano", SIZE)


@pytest.fixture(scope="module")
def artifacts(exported):
    """Paths and descriptions by target and precision."""
    found = {}
    for path, artifact in artifacts_of(exported):
        _, target, precision = path.stem.split("_")
        found[target, precision] = path, artifact
    return found


@pytest.fixture(scope="module")
def traces(artifacts):
    """All of them in one process, since starting one takes longer than tracing."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        jobs = {
            key: pool.submit(trace_quietly, artifacts[key][0], 1, INFERENCES) for key in ARTIFACTS
        }
        return {key: job.result() for key, job in jobs.items()}


@pytest.fixture(scope="module")
def profiles(artifacts, traces, network):
    found = {}
    for key, trace in traces.items():
        path, artifact = artifacts[key]
        found[key] = assembled(artifact, 1, trace, network, find_profiler(path))
    return found


@pytest.fixture(params=ARTIFACTS, ids="-".join)
def profile(request, profiles):
    return profiles[request.param]


def test_every_operator_has_a_duration_of_every_inference(profile):
    assert len(profile.wall_us) == len(profile.profiled_wall_us) == INFERENCES
    for operator in profile.operators:
        assert len(operator.durations_us) == INFERENCES
        assert min(operator.durations_us) >= 0


def test_operators_take_no_longer_than_the_inference_that_they_are_part_of(profile):
    sums = np.sum([operator.durations_us for operator in profile.operators], axis=0)
    assert (sums > 0).all()
    assert (sums <= profile.profiled_wall_us).all()


def test_blocks_are_those_of_the_network_and_none_is_without_time(profile, model):
    counts = macs_by_block(model, SIZE)
    assert {block.name: block.macs for block in profile.blocks} == {
        **counts,
        FUSION: macs(model, SIZE) - sum(counts.values()),  # the masks by their filters
    }
    assert profile.blocks_unknown is None
    assert {operator.block for operator in profile.operators} == {*counts, FUSION}


def test_arithmetic_is_read_from_what_ran(profiles):
    assert {key: profile.arithmetic for key, profile in profiles.items()} == {
        key: key[1] for key in ARTIFACTS
    }


def test_ceilings_are_of_that_arithmetic(profile):
    kernels = {"fp32": "torch.mm, float32", "int8": "torch._int_mm"}
    for ceiling in profile.gemm:
        assert ceiling.kernel.startswith(kernels[profile.arithmetic])
        assert ceiling.per_second > 0
    assert profile.copy.per_second > 0


@pytest.mark.parametrize(
    ("key", "moving", "computing"),
    [
        (("onnx", "fp32"), {"Concat", "Reshape", "Slice"}, {"Conv", "Softmax", "FusedMatMul"}),
        (
            ("onnx", "int8"),
            {"QuantizeLinear", "DequantizeLinear", "QLinearConcat", "Reshape", "Slice"},
            {"QLinearConv", "Softmax", "Resize", "QLinearAdd"},
        ),
        (
            ("executorch", "fp32"),
            {"Transpose", "Copy", "Static Reshape", "Slice"},
            {"Convolution", "Fully Connected", "Softmax", "Resize Bilinear"},
        ),
        (
            ("executorch", "int8"),
            {"Transpose", "Copy", "Static Reshape", "Slice", "Convert"},
            {"Convolution", "Fully Connected", "Batch Matrix Multiply", "Sigmoid"},
        ),
    ],
)
def test_data_movement_is_apart(profiles, key, moving, computing):
    operators = profiles[key].operators
    assert moving <= {operator.kind for operator in operators if operator.moves_data}
    assert computing <= {operator.kind for operator in operators if not operator.moves_data}


def test_onnx_blocks_are_those_that_the_file_itself_notes(artifacts, traces, network):
    """Torch's exporter leaves the modules of each node in a file that nobody quantized."""
    import onnx

    noted = {}
    for node in onnx.load(artifacts["onnx", "fp32"][0]).graph.node:
        (scopes,) = [entry.value for entry in node.metadata_props if entry.key == SCOPES]
        *_, module, _ = ast.literal_eval(scopes)  # from the network down to the operator itself
        noted[node.name] = block_of(module, network.macs)
    events = traces["onnx", "fp32"].events
    found = find_profiler(artifacts["onnx", "fp32"][0]).find_blocks(events, network)
    placed = {
        event.name: block
        for event, block in zip(events, found, strict=True)
        if event.name in noted and event.kind != "Reshape"  # named anew, and takes no time
    }
    assert len(placed) >= 10
    assert placed == {name: noted[name] for name in placed}


def test_both_precisions_of_onnx_place_the_same_operators_alike(traces, network, artifacts):
    placed = []
    for precision in ("fp32", "int8"):
        events = traces["onnx", precision].events
        blocks = find_profiler(artifacts["onnx", precision][0]).find_blocks(events, network)
        kinds = ("Concat", "QLinearConcat", "Resize", "Upsample", "Softmax", "ReduceMean")
        placed.append(
            [block for event, block in zip(events, blocks, strict=True) if event.kind in kinds]
        )
    assert sorted(placed[0]) == sorted(placed[1])


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_delegate_runs_in_the_order_of_the_network(artifacts, traces, model, precision):
    """What places its operators, seen in the file: kinds in order, and filters of each shape."""
    graph = delegate_graph(artifacts["executorch", precision][0])
    tensors = {}
    for value in graph["xvalues"]:
        tensor = value["xvalue_union"].get("tensor_value", value["xvalue_union"])
        tensors[tensor["id_out"]] = tensor["dims"]
    nodes = [(node["xnode_union_type"], node["xnode_union"]) for node in graph["xnodes"]]
    exported = torch.export.export(
        model, tuple(torch.zeros(spec.shape) for spec in input_specs(SIZE)), strict=False
    )
    filters = [
        list(node.args[1].meta["val"].permute(0, 2, 3, 1).shape)
        for node in exported.graph.nodes
        if node.op == "call_function" and "conv2d" in str(node.target)
    ]
    assert [tensors[node["filter_id"]] for _, node in nodes if "filter_id" in node] == filters
    kinds = {
        "XNNBatchMatrixMultiply": "Batch Matrix Multiply",
        "XNNSoftmax": "Softmax",
        "XNNAdd": "Add",
        "XNNConcatenate2": "Copy",
        "XNNConcatenate4": "Copy",
        "XNNStaticResizeBilinear2D": "Resize Bilinear",
        "XNNStaticSlice": "Slice",
        "XNNSigmoid": "Sigmoid",
        "XNNGlobalAvgPooling2d": "Mean",
    }
    expected = []
    for kind, node in nodes:
        if kind == "XNNConv2d":
            pointwise = tensors[node["filter_id"]][1:3] == [1, 1]
            expected.append("Fully Connected" if pointwise else "Convolution")
        elif kind in kinds:
            expected.append(kinds[kind])
    events = traces["executorch", precision].events
    assert [event.kind for event in events if event.kind in expected] == expected


def delegate_graph(path):
    """XNNPACK's graph inside of a program of one delegate."""
    from executorch.backends.xnnpack import serialization
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader
    from executorch.exir._serialize._flatbuffer import _flatc_decompile
    from executorch.exir._serialize._program import deserialize_pte_binary

    program = deserialize_pte_binary(path.read_bytes()).program
    (delegate,) = program.execution_plan[0].delegates
    content = program.backend_delegate_data[delegate.processed.index].data
    header = XNNHeader.from_bytes(content[: XNNHeader.EXPECTED_LENGTH])
    start = header.flatbuffer_offset
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "graph.bin"
        binary.write_bytes(content[start : start + header.flatbuffer_size])
        schema = Path(serialization.__path__[0]) / "schema.fbs"
        options = ["--raw-binary", "--strict-json", "--defaults-json"]
        _flatc_decompile(folder, str(schema), str(binary), options)
        text = binary.with_suffix(".json").read_text()
    return json.loads(re.sub(r": [+-]?(inf|nan)\b", ": 0", text))


def test_operators_outside_of_the_delegate_are_not_placed(traces, network, artifacts):
    events = [*traces["executorch", "fp32"].events, Event("n", "portable expand_copy", (1.0,))]
    assert find_profiler(artifacts["executorch", "fp32"][0]).find_blocks(events, network) is None


def test_another_network_of_as_many_inputs_is_not_placed(traces, artifacts):
    other = describe_network("base", SIZE)
    events = traces["executorch", "int8"].events
    assert find_profiler(artifacts["executorch", "int8"][0]).find_blocks(events, other) is None


def drawn_profile(blocks_unknown=None):
    """Peak 10 GMAC/s, memory 1 GB/s; times in whole milliseconds."""
    operators = (
        Operator("a", "Conv", "stem", False, (1000.0, 3000.0, 2000.0)),
        Operator("b", "Transpose", "stem", True, (1000.0, 1000.0, 1000.0)),
        Operator("c", "Conv", "head", False, (4000.0, 4000.0, 9000.0)),
        Operator("d", "Concat", FUSION, True, (2000.0, 2000.0, 2000.0)),
        Operator("e", "Mystery", None, False, (1000.0, 1000.0, 1000.0)),
    )
    return Profile(
        artifact=TimedFile("drawn.onnx", "0" * 64, 1),
        runtime="onnxruntime",
        runtime_version="1",
        backend="CPU",
        arithmetic="fp32",
        threads=1,
        pinned_cores=(0,),
        warm_up_inferences=1,
        wall_us=(10000.0, 10000.0, 10000.0),
        profiled_wall_us=(10000.0, 20000.0, 15000.0),
        operators=operators,
        blocks=(
            ProfiledBlock("stem", 20_000_000, 1_000_000),
            ProfiledBlock("head", 5_000_000, 3_000_000),
            ProfiledBlock(FUSION, 0, 0),
        ),
        blocks_unknown=blocks_unknown,
        gemm=(Ceiling("small", 1_000_000, (200.0,)), Ceiling("large", 5_000_000, (500.0, 900.0))),
        copy=Ceiling("copy", 2_000_000, (2500.0, 2000.0)),
    )


def cells(table):
    return [re.split(r"  +", line.strip()) for line in table.splitlines()]


def test_drawn_numbers_stand_under_their_roofs():
    stem, head, fusion, unowned = standings(drawn_profile())
    assert (stem.time_us, stem.moving_us) == (3000, 1000)
    assert (stem.compute_us, stem.memory_us) == (pytest.approx(2000), pytest.approx(1000))
    assert (stem.bound, stem.excess_us) == ("compute", pytest.approx(1000))
    assert (head.bound, head.excess_us) == ("memory", pytest.approx(1000))
    assert (fusion.name, fusion.bound, fusion.excess_us) == (FUSION, None, 2000)
    assert (unowned.name, unowned.time_us) == (None, 1000)


def test_a_block_far_from_both_ceilings_says_so():
    fast = dataclasses.replace(drawn_profile(), gemm=(Ceiling("fast", 10_000_000, (10.0,)),))
    assert standings(fast)[0].bound == "far from both"


def test_blocks_table_of_drawn_numbers():
    _, stem, head, fusion, unowned, everything = cells(blocks_table(drawn_profile()))
    assert stem == [
        "stem",
        "20.0",
        "3.00",
        "30.0",
        "1.00",
        "6.7",
        "66.7",
        "20.0",
        "compute",
        "1.00",
    ]
    assert head == ["head", "5.0", "4.00", "40.0", "0.00", "1.2", "12.5", "1.7", "memory", "1.00"]
    assert fusion == ["fusion", "-", "2.00", "20.0", "2.00", "-", "-", "-", "-", "2.00"]
    assert unowned == ["(in no block)", "-", "1.00", "10.0", "0.00", "-", "-", "-", "-", "1.00"]
    assert everything == ["all", "25.0", "10.00", "100.0", "3.00", "2.5", "25.0", "-", "-", "5.00"]


def test_kinds_table_of_drawn_numbers():
    _, *rows, moving = cells(kinds_table(drawn_profile()))
    assert rows == [
        ["Conv", "2", "6.00", "60.0"],
        ["Concat", "yes", "1", "2.00", "20.0"],
        ["Transpose", "yes", "1", "1.00", "10.0"],
        ["Mystery", "1", "1.00", "10.0"],
    ]
    assert moving == ["all that moves data", "2", "3.00", "30.0"]


def test_a_busy_machine_is_told_of():
    """An interruption of 5 ms in each inference, each time in another operator."""
    operators = tuple(
        Operator(
            str(hit), "Conv", "stem", False, tuple(1000.0 + 5000.0 * (i == hit) for i in range(3))
        )
        for hit in range(3)
    )
    disturbed = dataclasses.replace(drawn_profile(), operators=operators)
    assert "kept the cores busy" in profile_text(disturbed)
    assert "kept the cores busy" not in profile_text(drawn_profile())


def test_head_says_what_the_profiler_costs_and_what_operators_explain():
    text = profile_text(drawn_profile())
    # 9, 11 and 15 ms of operators in 10, 20 and 15 ms.
    assert "15.00 ms (+50.0 %), 90.0 % of that in operators" in text
    assert "most over their roofs: fusion 2.00 ms (2.00 ms moving data)" in text
    assert "blocks unknown: a reason" in profile_text(drawn_profile("a reason"))


def test_the_command_prints_tables_and_writes_what_they_are_made_of(artifacts, tmp_path, capsys):
    out = tmp_path / "profile.json"
    artifact = artifacts["onnx", "fp32"][0]
    options = ["--inferences", 2, "--out", out]
    assert run("bench", "profile", artifact, *options) == 0
    report = record_from_json(ProfileReport, json.loads(out.read_text()))
    (profile,) = report.profiles
    assert profile.artifact.name == artifact.name
    assert len(profile.artifact.sha256) == 64
    assert {len(operator.durations_us) for operator in profile.operators} == {2}
    printed = capsys.readouterr().out
    assert printed.strip() == profile_text(profile)
    assert "decoder.2" in printed


def test_another_variant_than_the_manifest_says_is_refused(artifacts, capsys):
    path, _ = artifacts["onnx", "fp32"]
    assert run("bench", "profile", path, "--variant", "base") == 2
    assert "leave --variant out" in capsys.readouterr().err


def test_a_file_of_no_known_network_is_profiled_by_kind_alone(traces, artifacts):
    path, artifact = artifacts["onnx", "fp32"]
    trace = traces["onnx", "fp32"]
    stranger = assembled(artifact, 1, trace, None, find_profiler(path))
    assert {operator.block for operator in stranger.operators} == {None}
    text = profile_text(stranger)
    assert "name it with --variant" in text
    assert "Softmax" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name one artifact"),
        (["a.onnx", "--artifacts", "b"], "name one artifact"),
        (["missing.onnx"], "missing.onnx"),
        (["photo.jpg"], ".onnx, .pte"),
        (["a.onnx", "--threads", "0"], "threads=0"),
        (["a.onnx", "--inferences", "0"], "--inferences 0"),
        (["--artifacts", "missing"], "missing"),
        (["--artifacts", "missing", "--variant", "nano"], "--variant is for one artifact"),
        (["damaged.onnx"], "damaged.onnx does not run"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, said, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.onnx", "damaged.onnx"):
        Path(name).write_bytes(b"no network")
    assert run("bench", "profile", *words) == 2
    error = capfd.readouterr().err.removeprefix(f"profiling {words[0] if words else ''}\n")
    assert error.count("\n") == 1
    assert said in error
