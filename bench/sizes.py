"""The amount of work of one round."""

from __future__ import annotations

import msgspec


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Counts per round; orders have five commands each unless noted."""

    connections: int = 64
    requests: int
    """Of ours and of the bare endpoint."""
    single_requests: int
    """Of the endpoint that inserts one by one."""
    orders: int
    plain_orders: int
    trial_orders: int
    """For each setting that a rival is tuned by."""
    round_trips: int
    backlog_orders: int
    """At depth 1."""
    hot_commands: int
    due_plans: int
    idle_plans: tuple[int, int]
    """Few and many; as many are due among them as a tenth of the few."""
    returning: tuple[int, int]
    """Devices that come back at once, and actions of each."""


FULL = Sizes(
    requests=12_000,
    single_requests=5_000,
    orders=2_000,
    plain_orders=500,
    trial_orders=150,
    round_trips=300,
    backlog_orders=1_000,
    hot_commands=3_000,
    due_plans=100_000,
    idle_plans=(10_000, 1_000_000),
    returning=(100, 500),
)
QUICK = Sizes(
    requests=5_000,
    single_requests=2_000,
    orders=750,
    plain_orders=200,
    trial_orders=60,
    round_trips=100,
    backlog_orders=300,
    hot_commands=1_000,
    due_plans=10_000,
    idle_plans=(5_000, 100_000),
    returning=(50, 200),
)
TINY = Sizes(
    connections=4,
    requests=40,
    single_requests=20,
    orders=8,
    plain_orders=4,
    trial_orders=2,
    round_trips=5,
    backlog_orders=4,
    hot_commands=12,
    due_plans=6,
    idle_plans=(20, 60),
    returning=(4, 10),
)
"""For the test that all of it works; its figures mean nothing."""
