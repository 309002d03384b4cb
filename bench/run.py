"""Runs the sides of each group in turn (A B A B …), so that other load on the machine slows them alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from bench import accept, apply, growth, latency, offline, plans
from bench.ground import Ground
from bench.ratios import RATIOS, Name, Result, Sample, result
from bench.sides import Side
from bench.sizes import Sizes

Group = Callable[[Ground, Sizes], AbstractContextManager[Mapping[str, Side]]]

GROUPS: Mapping[str, Group] = {
    "accept": accept.sides,
    "apply": apply.sides,
    "latency": latency.sides,
    "growth": growth.sides,
    "plans": plans.sides,
    "offline": offline.sides,
}

Report = Callable[[str], None]


def measure(
    ground: Ground, sizes: Sizes, *, rounds: int, only: Collection[Name], report: Report
) -> dict[Name, Result]:
    """The results of the named ratios, or of all if none is named. `report` gets a line per round."""
    chosen = [ratio for ratio in RATIOS if not only or ratio.name in only]
    results: dict[Name, Result] = {}
    for group in dict.fromkeys(ratio.group for ratio in chosen):
        ours = [ratio for ratio in chosen if ratio.group == group]
        named = (side for ratio in ours for side in (ratio.ours, ratio.rival, *ratio.beside))
        needed = list(dict.fromkeys(side.partition(".")[0] for side in named))
        with GROUPS[group](ground, sizes) as sides:
            samples = alternate({name: sides[name] for name in needed}, rounds, report)
        results |= {ratio.name: result(ratio, samples) for ratio in ours}
    return results


def alternate(sides: Mapping[str, Side], rounds: int, report: Report) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for turn in range(1, rounds + 1):
        for name, side in sides.items():
            sample = side()
            samples[name].append(sample)
            report(f"round {turn} of {rounds}, {name}: {sample.value:,.1f}")
    return samples
