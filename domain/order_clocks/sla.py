"""The two SLA clocks, computed from the order's history alone.

A clock runs from the opening of the order, in the working time of its policy's calendar. It stops during
holds whose reason the policy pauses on; the `resolve` clock also stops while the order is completed. The
first start (`response`) or the completion (`resolve`) meets it, up to and including the instant of the
deadline. Late reports count at their effective time, so they may withdraw a breach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

from domain.policies import Escalation, SlaPolicy, Trigger
from domain.time.business_time import add, between
from domain.time.durations import duration
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from domain.work_order.watch import Clock, Sla, Watch

HISTORY = timedelta(days=7)
"""An order that was opened longer ago than this when the server received it is a historical record: no
SLA."""

MOMENT = timedelta(milliseconds=1)
"""A clock is breached this long after its deadline: the finest time the store keeps."""

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)

Stop = tuple[datetime, datetime | None]
"""A span in which a clock is stopped; end None: it still is."""


class BreachChange(msgspec.Struct, frozen=True, kw_only=True):
    """A new breach of a clock, or the withdrawal of an earlier one."""

    what: Literal["breached", "breach_withdrawn"]
    trigger: Trigger
    deadline: datetime


class DueEscalation(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation that is due; `step` is its permanent name."""

    step: str
    deadline: datetime
    escalation: Escalation


class SlaCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Both clocks, with what is new since the last check. `next_at`: when the next check is due."""

    sla: Sla
    changes: tuple[BreachChange, ...] = ()
    escalations: tuple[DueEscalation, ...] = ()
    next_at: datetime | None = None


def check_sla(watch: Watch, order: WorkOrder, calendar: Calendar | None, *, now: datetime) -> SlaCheck | None:
    """Both clocks at `now`; None if the order has no SLA."""
    if watch.sla is None or watch.since is None:
        return None
    sla = watch.sla
    changes: list[BreachChange] = []
    escalations: list[DueEscalation] = []
    later: list[datetime] = []
    for trigger in TRIGGERS:
        run = _run(watch, sla.policy, watch.since, trigger, calendar)
        if run is None:
            sla = replace(sla, **{trigger: None})
            continue
        before: Clock | None = getattr(sla, trigger)
        deadline, is_reached = run.deadline()
        # A reported breach stands, even if the server's clock has been set back behind it since.
        at = now if before is None or before.breached_at != deadline else max(now, deadline + MOMENT)
        clock = _clock(order, trigger, deadline, at if is_reached else None)
        changes += _breach_changes(trigger, before, clock)
        if clock.met_at is None and order.status in OPEN:
            due = list(_due(run, sla.policy, deadline))
            escalations += [one for due_at, one in due if due_at <= now and one.step not in sla.told]
            later += [due_at for due_at, one in due if due_at > now and one.step not in sla.told]
            if clock.breached_at is None and is_reached:
                later.append(deadline + MOMENT)
        sla = replace(sla, **{trigger: clock})
    sla = replace(sla, told=(*sla.told, *(one.step for one in escalations)))
    next_at = min(later, default=None)
    return SlaCheck(sla=sla, changes=tuple(changes), escalations=tuple(escalations), next_at=next_at)


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """One clock: when it started, how long it may run, and when it was stopped."""

    trigger: Trigger
    since: datetime
    allowed: timedelta
    stops: tuple[Stop, ...]
    calendar: Calendar | None

    def deadline(self, more: timedelta = timedelta(0)) -> tuple[datetime, bool]:
        """When the clock has run for `allowed` plus `more` (may be negative), and whether it gets there: if
        it is stopped before that, the instant is as if that stop had no length."""
        at = add(self.since, max(self.allowed + more, timedelta(0)), self.calendar)
        for since, until in self.stops:
            if since >= at:
                break
            if until is None:
                return at, False
            at = add(at, between(since, until, self.calendar), self.calendar)
        return at, True


def _run(
    watch: Watch, policy: SlaPolicy, since: datetime, trigger: Trigger, calendar: Calendar | None
) -> _Run | None:
    text: str | None = getattr(policy, trigger)
    if text is None:
        return None
    stops: list[Stop] = [(hold.since, hold.until) for hold in watch.holds if hold.reason in policy.pause_on]
    if trigger == "resolve":
        stops += [(rest.since, rest.until) for rest in watch.rests]
    return _Run(
        trigger=trigger,
        since=since,
        allowed=duration(text),
        stops=tuple(_merged(stops, since)),
        calendar=calendar,
    )


def _merged(stops: Sequence[Stop], begin: datetime) -> Iterator[Stop]:
    """The stops from `begin` on, in order, overlapping ones merged, so that no time is deducted twice."""
    current: Stop | None = None
    for since, until in sorted(stops, key=lambda stop: stop[0]):
        if until is not None and until <= begin:
            continue
        if current is None:
            current = (max(since, begin), until)
        elif current[1] is None or since <= current[1]:
            current = (current[0], None if current[1] is None or until is None else max(current[1], until))
        else:
            yield current
            current = (since, until)
    if current is not None:
        yield current


def _clock(order: WorkOrder, trigger: Trigger, deadline: datetime, now: datetime | None) -> Clock:
    """The clock with its outcome. `now` None: it is stopped before its deadline, so it cannot be breached."""
    met_at = order.started_at if trigger == "response" else order.completed_at
    cancelled_at = order.cancelled_at if order.status == "cancelled" else None
    is_late = now is not None and (met_at or cancelled_at or now) > deadline
    return Clock(deadline=deadline, met_at=met_at, breached_at=deadline if is_late else None)


def _breach_changes(trigger: Trigger, before: Clock | None, after: Clock) -> Iterator[BreachChange]:
    was, now = before.breached_at if before else None, after.breached_at
    if was is None and now is not None:
        yield BreachChange(what="breached", trigger=trigger, deadline=now)
    elif was is not None and now is None:
        yield BreachChange(what="breach_withdrawn", trigger=trigger, deadline=after.deadline)


def _due(run: _Run, policy: SlaPolicy, deadline: datetime) -> Iterator[tuple[datetime, DueEscalation]]:
    """The escalations of a clock that it reaches before it is stopped, each with its instant."""
    for n, escalation in enumerate(policy.escalations):
        if escalation.trigger != run.trigger:
            continue
        at, is_reached = run.deadline(duration(escalation.offset))
        if is_reached:
            step = f"sla:{policy.id}:{run.trigger}:{n}"
            yield at, DueEscalation(step=step, deadline=deadline, escalation=escalation)
