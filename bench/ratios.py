"""The measured ratios, their targets, and the file of results."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

Name = Literal[
    "accept_vs_bare",
    "accept_vs_single_insert",
    "apply_vs_plain_dramatiq",
    "apply_vs_bare_loop",
    "worker_rss_mb",
    "idle_latency",
    "backlog_16x",
    "hot_target",
    "plans_vs_bulk_insert",
    "plans_tick_growth",
    "plans_memory_mb",
    "offline_vs_online",
    "offline_backlog_p99",
]


class Sample(msgspec.Struct, frozen=True):
    """One side's figure in one round. `also`: further figures of the round, by name."""

    value: float
    also: dict[str, float] = {}


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides of one group, and the bound: on the ratio, or (`ours_most`) on our own figure."""

    name: Name
    group: str
    ours: str
    rival: str
    unit: str
    least: float | None = None
    most: float | None = None
    ours_most: float | None = None
    beside: tuple[str, ...] = ()
    """Further sides that are measured too, for the reader."""

    @property
    def target(self) -> str:
        if self.ours_most is not None:
            return f"ours ≤ {self.ours_most:g} {self.unit}"
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


RATIOS: tuple[Ratio, ...] = (
    Ratio(name="accept_vs_bare", group="accept", ours="ours", rival="bare", unit="requests/s", least=0.5),
    Ratio(
        name="accept_vs_single_insert",
        group="accept",
        ours="ours",
        rival="single",
        unit="requests/s",
        least=2,
    ),
    Ratio(
        name="apply_vs_plain_dramatiq", group="apply", ours="ours", rival="plain", unit="commands/s", least=10
    ),
    Ratio(name="apply_vs_bare_loop", group="apply", ours="ours", rival="loop", unit="commands/s", least=0.6),
    Ratio(name="worker_rss_mb", group="apply", ours="ours.rss", rival="plain.rss", unit="MB", ours_most=150),
    Ratio(name="idle_latency", group="latency", ours="ours", rival="bare", unit="ms", most=3),
    Ratio(
        name="backlog_16x",
        group="growth",
        ours="16x",
        rival="1x",
        unit="commands/s",
        least=0.9,
        beside=("4x",),
    ),
    Ratio(name="hot_target", group="growth", ours="hot", rival="1x", unit="commands/s", least=0.5),
    Ratio(
        name="plans_vs_bulk_insert",
        group="plans",
        ours="generated",
        rival="inserted",
        unit="orders/s",
        least=0.5,
        beside=("orders",),
    ),
    Ratio(
        name="plans_tick_growth",
        group="plans",
        ours="many",
        rival="few",
        unit="ticks/s",
        least=round(1 / 1.3, 2),
    ),
    Ratio(name="plans_memory_mb", group="plans", ours="many_mb", rival="few_mb", unit="MB", ours_most=300),
    Ratio(
        name="offline_vs_online",
        group="offline",
        ours="replayed",
        rival="posted",
        unit="commands/s",
        least=0.7,
    ),
    Ratio(name="offline_backlog_p99", group="offline", ours="idle", rival="crowded", unit="ms", least=0.5),
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `bench.json`. `ours` and `rival` are medians, `ratio` is ours / rival.

    `n` is how much one round of our side did; `runs` holds every round's figures, in order, by side.
    """

    ours: float
    rival: float
    ratio: float
    unit: str
    n: int
    runs: dict[str, list[float]]


def result(ratio: Ratio, samples: dict[str, list[Sample]]) -> Result:
    """The ratio of the medians of its two sides."""
    runs: dict[str, list[float]] = {}
    for side in (ratio.ours, ratio.rival, *ratio.beside):
        name, _, also = side.partition(".")
        taken = samples[name]
        runs[side] = [round(sample.also[also] if also else sample.value, 3) for sample in taken]
        if not also:
            for other in taken[0].also:
                if other != "n":
                    runs[f"{side}.{other}"] = [round(sample.also[other], 3) for sample in taken]
    ours, rival = median(runs[ratio.ours]), median(runs[ratio.rival])
    n = int(samples[ratio.ours.partition(".")[0]][0].also["n"])
    return Result(ours=ours, rival=rival, ratio=round(ours / rival, 3), unit=ratio.unit, n=n, runs=runs)


def reached(ratio: Ratio, result: Result) -> bool:
    if ratio.ours_most is not None:
        return result.ours <= ratio.ours_most
    if ratio.least is not None:
        return result.ratio >= ratio.least
    return ratio.most is not None and result.ratio <= ratio.most


def keep(file: Path, results: dict[Name, Result]) -> None:
    """Writes the results over those of an earlier run; ratios that were not measured now stay."""
    try:
        earlier = msgspec.json.decode(file.read_bytes(), type=dict[str, Result])
    except (OSError, msgspec.MsgspecError):
        # None yet, or of another shape: nothing worth keeping.
        earlier = {}
    file.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode({**earlier, **results}), indent=2)
    file.write_bytes(text + b"\n")
