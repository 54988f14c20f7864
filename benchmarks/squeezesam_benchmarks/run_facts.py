"""What a reader has to know of a run to judge its numbers or to repeat it."""

from collections.abc import Sequence

from squeezesam_benchmarks.protocol import Protocol
from squeezesam_benchmarks.rows import rows_of_run
from squeezesam_benchmarks.schema import Device, Result


def device_name(device: Device) -> str:
    """The most telling of what is known: product, else chip, else processor, with its place."""
    name = device.model or device.soc or device.cpu or "unknown device"
    return f"{name} ({device.place})"


def heading(run: Sequence[Result]) -> str:
    """Device and moment of a run."""
    started_at = run[0].started_at.replace("T", " ").replace("+00:00", " UTC")
    return f"{device_name(run[0].device)}, {started_at}"


def run_facts(run: Sequence[Result]) -> dict[str, str]:
    """Names and texts, in the order in which they are shown; what is not known is left out."""
    one = run[0]
    device = one.device
    measured = [result.measurement for result in run]
    facts = {
        "Run": one.run_id,
        "Model": device.model,
        "Chip": device.soc,
        "Processor": device.cpu,
        "Cores": None if device.cores is None else str(device.cores),
        "System": device.os,
        "Runtimes": ", ".join(
            sorted({f"{each.runtime} {each.runtime_version or '?'}" for each in measured})
        ),
        "Command": one.command,
        "Harness": f"squeezesam {one.harness_version}, results of schema {one.schema_version}",
        "Protocol": None if one.measurement.emulation else protocol_text(one.protocol),
        "Rounds": _rounds(run),
    }
    return {name: text for name, text in facts.items() if text}


def protocol_text(protocol: Protocol) -> str:
    """How each process was timed."""
    one = protocol
    budget = f" or {one.time_budget_s:g} s, whichever is longer" if one.time_budget_s else ""
    parts = [
        "each process loads the artifact, infers once, warms up with "
        f"{one.warm_up_inferences} inferences and times {one.timed_inferences}{budget}"
    ]
    if one.pipeline_runs:
        photo = f"{one.photo_width_px}x{one.photo_height_px} px"
        parts.append(f"{one.pipeline_runs} runs of the whole pipeline on a photo of {photo}")
    if one.sustained_s:
        parts.append(f"{one.sustained_s:g} s of inference without a pause")
    if one.cool_down_s:
        parts.append(f"{one.cool_down_s:g} s of rest before each process")
    return "; ".join(parts)


def _rounds(run: Sequence[Result]) -> str:
    asked = run[0].protocol.rounds
    complete = min(len(row.measurements) for row in rows_of_run(run))
    return f"{complete} of {asked}, each artifact in a fresh process, in shuffled order"
