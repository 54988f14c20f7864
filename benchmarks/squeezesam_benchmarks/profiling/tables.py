"""A profile for the terminal: what the time is spent on, by kind of operator and by block."""

import numpy as np
from numpy.typing import NDArray

from squeezesam.terminal import aligned_table
from squeezesam_benchmarks.profiling.records import Profile, ProfileReport
from squeezesam_benchmarks.profiling.roofline import (
    FAR,
    RooflinePosition,
    median_us,
    roof_of,
    standings,
)

DISTURBED = 1.15
"""Interruptions hit another operator in each inference: its operators then take together so many
times what their medians add up to."""

MOST = 3
"""Blocks to name as the next to optimize."""

NOTHING = "-"
US_PER_MS = 1e3
KINDS_HEADER = ("operator", "moves data", "calls", "ms", "% of time")
BLOCKS_HEADER = (
    "block",
    "MMAC",
    "ms",
    "% of time",
    "moving data ms",
    "GMAC/s",
    "% of peak",
    "MAC/byte",
    "bound by",
    "ms over roof",
)


def report_text(report: ProfileReport) -> str:
    """Every profile of a document."""
    return "\n\n\n".join(map(profile_text, report.profiles))


def profile_text(profile: Profile) -> str:
    """Head, kinds, blocks and what to optimize next."""
    sections = [head(profile), kinds_table(profile)]
    if profile.blocks_unknown is None:
        sections += [blocks_table(profile), next_text(profile)]
    else:
        sections.append(f"blocks unknown: {profile.blocks_unknown}")
    return "\n\n".join(sections)


def head(profile: Profile) -> str:
    """What ran, how much of the time the operators explain, and the ceilings."""
    wall, profiled, least, own = (
        us / US_PER_MS
        for us in (
            np.median(profile.wall_us),
            np.median(profile.profiled_wall_us),
            min(profile.wall_us),
            operators_us(profile),
        )
    )
    gemm = max(profile.gemm, key=lambda ceiling: ceiling.per_second)
    lines = [
        f"{profile.artifact.name}: {profile.runtime} {profile.runtime_version}, "
        f"{profile.backend}, {profile.arithmetic}, threads: {profile.threads}, "
        f"medians of {len(profile.wall_us)} inferences",
        f"  {wall:.2f} ms (least {least:.2f}); with the profiler {profiled:.2f} ms "
        f"({100 * (profiled / wall - 1):+.1f} %), {100 * explained(profile):.1f} % of that in "
        f"operators, whose own medians add up to {own:.2f} ms",
        f"  peak {gemm.per_second * 1e-9:.1f} GMAC/s ({gemm.kernel}); "
        f"memory {profile.copy.per_second * 1e-9:.1f} GB/s ({profile.copy.kernel})",
    ]
    if np.median(sums_us(profile)) > DISTURBED * operators_us(profile):
        lines.append("  something else kept the cores busy: profile again for figures")
    return "\n".join(lines)


def explained(profile: Profile) -> float:
    """Share of a profiled inference that its operators account for, the median of all."""
    return float(np.median(sums_us(profile) / np.array(profile.profiled_wall_us)))


def sums_us(profile: Profile) -> NDArray[np.float64]:
    """Time of all operators in each inference."""
    durations = np.array([operator.durations_us for operator in profile.operators])
    return durations.sum(axis=0, dtype=np.float64)


def operators_us(profile: Profile) -> float:
    """Time of all operators, each with its median."""
    return sum(map(median_us, profile.operators))


def kinds_table(profile: Profile) -> str:
    """Kinds of operators, those that take longest first; then what moves data, together."""
    total = operators_us(profile)
    kinds: dict[str, list[float]] = {}
    moving = {operator.kind for operator in profile.operators if operator.moves_data}
    for operator in profile.operators:
        kinds.setdefault(operator.kind, []).append(median_us(operator))
    longest_first = sorted(kinds.items(), key=lambda item: -sum(item[1]))
    rows = [
        (kind, "yes" if kind in moving else "", *counted(times, total))
        for kind, times in longest_first
    ]
    moved = [time for kind in moving for time in kinds[kind]]
    rows.append(("all that moves data", "", *counted(moved, total)))
    return aligned_table(KINDS_HEADER, rows, {"operator", "moves data"})


def counted(times_us: list[float], total_us: float) -> tuple[str, str, str]:
    """Calls in an inference, milliseconds and percent."""
    time_us = sum(times_us)
    return str(len(times_us)), f"{time_us / US_PER_MS:.2f}", percent(time_us, total_us)


def blocks_table(profile: Profile) -> str:
    """Blocks in the order of the network, what none of them owns, and the sum."""
    total, peak = operators_us(profile), roof_of(profile).macs_per_us
    found = standings(profile)
    rows = [block_row(one, total, peak) for one in found]
    rows.append(
        (
            "all",
            f"{sum(one.macs for one in found) * 1e-6:.1f}",
            f"{total / US_PER_MS:.2f}",
            percent(total, total),
            f"{sum(one.moving_us for one in found) / US_PER_MS:.2f}",
            *rates(sum(one.macs for one in found), total, peak),
            NOTHING,
            NOTHING,
            f"{sum(one.excess_us for one in found) / US_PER_MS:.2f}",
        )
    )
    return aligned_table(BLOCKS_HEADER, rows, {"block", "bound by"})


def block_row(one: RooflinePosition, total_us: float, peak_macs_per_us: float) -> tuple[str, ...]:
    """The cells of one block."""
    return (
        one.name or "(in no block)",
        f"{one.macs * 1e-6:.1f}" if one.macs else NOTHING,
        f"{one.time_us / US_PER_MS:.2f}",
        percent(one.time_us, total_us),
        f"{one.moving_us / US_PER_MS:.2f}",
        *rates(one.macs, one.time_us, peak_macs_per_us),
        f"{one.macs / one.traffic_bytes:.1f}" if one.traffic_bytes else NOTHING,
        one.bound or NOTHING,
        f"{one.excess_us / US_PER_MS:.2f}",
    )


def rates(macs: int, time_us: float, peak_macs_per_us: float) -> tuple[str, str]:
    """GMAC/s, and percent of the peak."""
    if not macs or not time_us:
        return NOTHING, NOTHING
    achieved = macs / time_us
    return f"{achieved * 1e-3:.1f}", percent(achieved, peak_macs_per_us)


def percent(part: float, whole: float) -> str:
    """One decimal."""
    return f"{100 * part / whole:.1f}" if whole else NOTHING


def next_text(profile: Profile) -> str:
    """The blocks whose time the ceilings explain least, and how to read that."""
    worst = sorted(standings(profile), key=lambda one: -one.excess_us)[:MOST]
    named = ", ".join(
        f"{one.name or '(in no block)'} {one.excess_us / US_PER_MS:.2f} ms "
        f"({one.moving_us / US_PER_MS:.2f} ms moving data)"
        for one in worst
    )
    return (
        f"most over their roofs: {named}\n"
        "The roof of a block is the longer of its multiply-accumulates at the peak and its tensors "
        f"at the memory's speed; far from both: more than {FAR:g} times that."
    )
