"""Computes when a plan's next due check is. Every change of a plan ends here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from msgspec.structs import replace

from domain.plan import meter_due as by_meter
from domain.plan.model import Plan, Progress
from domain.plan.occurrences import Ahead, Occurrence, unfold
from domain.time.working_calendar import Calendar

LOOK_AHEAD = 10_000
"""Occurrences in a row that may be left out: a plan whose next is further away has none. More than a year of
24 a day, so that no season is too short."""

FURTHEST = timedelta(days=366 * 40)
"""So far ahead one is looked for behind those that are left out: a 29 February on a given weekday comes each
28 years, or 40. Further on, one that never comes kept a worker for longer than it may take."""

NOTHING_AHEAD: Mapping[str, Ahead] = {}


def scheduled(
    plan: Plan,
    calendar: Calendar | None,
    *,
    now: datetime,
    ahead: Mapping[str, Ahead] = NOTHING_AHEAD,
) -> Plan:
    """The plan with the next occurrence of each lane, and its next due check, computed.

    What is due already is due now: `generate_at` is never an instant that was asked for before. `ahead`: what
    was unfolded, by this calendar, of lanes by name; of all others it is unfolded here.
    """
    lanes = tuple(_with_nexts(plan, calendar, ahead))
    coming = [one for one in lanes if one.next_due_at is not None]
    first = min(coming, key=lambda one: (one.next_due_at, one.lane), default=None)
    looked_at = min((one.generate_at for one in lanes if one.generate_at is not None), default=None)
    waits = any(one.waiting_for for one in lanes) or by_meter.lives(plan, now)
    state = plan.state
    if state == "active" and (by_meter.is_over(plan) or not (looked_at or waits)):
        state = "ended"
    if by_meter.due(replace(plan, lanes=lanes)) is not None:
        looked_at = now
    return replace(
        plan,
        state=state,
        ended_reason="nothing of it is to come" if state == "ended" else None,
        lanes=lanes,
        next_occurrence=first.next_occurrence if first else None,
        next_due_at=first.next_due_at if first else None,
        generate_at=max(looked_at, now) if looked_at and state == "active" else None,
        calendar_version=calendar.version if calendar else None,
    )


def has_more(plan: Plan, *, now: datetime) -> bool:
    """Whether an order may still be opened, not only occurrences skipped."""
    if any(one.waiting_for or one.next_occurrence for one in plan.lanes):
        return True
    return by_meter.lives(plan, now)


def _with_nexts(plan: Plan, calendar: Calendar | None, ahead: Mapping[str, Ahead]) -> Iterator[Progress]:
    """Lanes that have come equally far have the same next one: all, until their orders are done."""
    known: dict[Progress, Progress] = {}
    for name in plan.rules.lanes:
        progress = plan.lane(name)
        alike = replace(progress, lane="")
        if alike not in known:
            known[alike] = _with_next(plan, calendar, progress, ahead.get(name))
        yield replace(known[alike], lane=name)


def _with_next(plan: Plan, calendar: Calendar | None, progress: Progress, ahead: Ahead | None) -> Progress:
    """Looked at for the sake of a left-out one too: why it was left out is on record from its time on."""
    looked_at: list[datetime] = []
    first: Occurrence | None = None
    for one in near(_coming(plan, calendar, progress, ahead)):
        if not looked_at or one.skipped is None:
            looked_at.append(one.generate_at)
        if one.skipped is None:
            first = one
            break
    return replace(
        progress,
        next_occurrence=first.occurrence if first else None,
        next_due_at=first.due_at if first else None,
        generate_at=min(looked_at, default=None),
    )


def near(coming: Iterator[Occurrence]) -> Iterator[Occurrence]:
    """The coming occurrences, as far as they are searched."""
    first: Occurrence | None = None
    for one in islice(coming, LOOK_AHEAD):
        first = first or one
        if one.skipped is not None and one.due_at - first.due_at > FURTHEST:
            return
        yield one


def _coming(
    plan: Plan, calendar: Calendar | None, progress: Progress, ahead: Ahead | None
) -> Iterator[Occurrence]:
    if progress.waiting_for:
        return iter(())
    if ahead is not None and ahead.holds(plan, progress):
        return ahead.coming
    return unfold(plan, calendar, progress)
