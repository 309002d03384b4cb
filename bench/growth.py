"""Throughput with deep backlogs, and with all commands on one target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench import apply
from bench.apply import Load
from bench.ground import Ground
from bench.sides import Side
from bench.sizes import Sizes


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """Spread backlogs of three depths, and all commands on one order."""
    loads = {f"{depth}x": Load(sizes.backlog_orders * depth) for depth in (1, 4, 16)}
    loads["hot"] = Load(orders=1, per_order=sizes.hot_commands)
    yield {name: partial(apply.ours, ground, load) for name, load in loads.items()}
