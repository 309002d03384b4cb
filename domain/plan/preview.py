"""A preview of a plan's occurrences between two instants, by the function that generates them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from domain.errors import Rejected
from domain.plan.changes import starting
from domain.plan.model import Plan
from domain.plan.occurrences import Occurrence, unfold
from domain.time.working_calendar import Calendar

MOST_WALKED = 100_000
"""Most occurrences between the plan's progress and the end of the preview."""

_MOVED = timedelta(days=31)
"""How far after the end occurrences are searched that a holiday or a person moved forward."""

Foreseen = tuple[str, Occurrence]
"""The lane of an order, an asset's id or the whole round, and the occurrence."""


def preview(
    plan: Plan, calendar: Calendar | None, since: datetime, until: datetime, *, now: datetime
) -> Iterator[Foreseen]:
    """Due in [since, until), in order; the skipped ones too. Before `now`: what the rules of now would have
    brought since the plan began. A floating plan is shown as if each order were completed when it is due.

    Raises: Rejected: preview_too_far; and as generation would.
    """
    if plan.state == "ended" and since >= now:
        return
    looked_at = plan if since >= now or plan.rules.is_floating else _from_the_start(plan)
    lanes = [_lane(looked_at, calendar, name, until) for name in plan.rules.lanes]
    walked = heapq.merge(*lanes, key=lambda foreseen: foreseen[1].due_at)
    for count, (lane, occurrence) in enumerate(walked):
        if count >= MOST_WALKED:
            raise Rejected("preview_too_far", f"more than {MOST_WALKED} occurrences come before it")
        if since <= occurrence.due_at < until:
            yield lane, occurrence


def _lane(plan: Plan, calendar: Calendar | None, name: str, until: datetime) -> Iterator[Foreseen]:
    """Each occurrence once for every order it opens."""
    lanes = (name,) if plan.rules.is_floating else plan.rules.order_lanes
    for occurrence in unfold(plan, calendar, plan.lane(name)):
        if occurrence.due_at >= until + _MOVED:
            return
        for lane in lanes:
            yield lane, occurrence


def _from_the_start(plan: Plan) -> Plan:
    """The plan without progress."""
    return replace(plan, lanes=starting(plan.rules, plan.begins_at))
