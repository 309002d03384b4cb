"""The two clocks of an SLA, worked out from what happened and from nothing else.

A clock runs from the opening of the order, in the working time of its policy's calendar, and stands still
during holds for a reason that the policy pauses on; that of `resolve` also while the order is done. It is met
by the first start, or by completion, up to and including the very instant of its deadline. What arrives late
but happened early counts as it happened: a breach is taken back.
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
"""An order that was opened longer ago than this when it came to us is a record, not a promise."""

MOMENT = timedelta(milliseconds=1)
"""A clock is breached when its deadline is over: this much later, the finest that the store keeps."""

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)

Stop = tuple[datetime, datetime | None]
"""A span in which a clock stands still; the end None: it still does."""


class BreachChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a clock: its breach, or that this is taken back."""

    what: Literal["breached", "breach_withdrawn"]
    trigger: Trigger
    deadline: datetime


class DueEscalation(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation whose time has come; `step` names it for ever."""

    step: str
    deadline: datetime
    escalation: Escalation


class SlaCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`next_at`: when something will come of it, if nothing else happens."""

    sla: Sla
    turns: tuple[BreachChange, ...] = ()
    escalations: tuple[DueEscalation, ...] = ()
    next_at: datetime | None = None


def check_sla(watch: Watch, order: WorkOrder, calendar: Calendar | None, *, now: datetime) -> SlaCheck | None:
    """Both clocks at `now`; None: nothing was promised."""
    if watch.sla is None or watch.since is None:
        return None
    sla = watch.sla
    turns: list[BreachChange] = []
    told: list[DueEscalation] = []
    coming: list[datetime] = []
    for trigger in TRIGGERS:
        run = _run(watch, sla.policy, watch.since, trigger, calendar)
        if run is None:
            sla = replace(sla, **{trigger: None})
            continue
        before: Clock | None = getattr(sla, trigger)
        deadline, is_reached = run.out()
        # Told once, it is over: also where the server's clock has been set back behind it since.
        seen = now if before is None or before.breached_at != deadline else max(now, deadline + MOMENT)
        clock = _clock(order, trigger, deadline, seen if is_reached else None)
        turns += _turns(trigger, before, clock)
        if clock.met_at is None and order.status in OPEN:
            due = list(_due(run, sla.policy, deadline))
            told += [one for at, one in due if at <= now and one.step not in sla.told]
            coming += [at for at, one in due if at > now and one.step not in sla.told]
            if clock.breached_at is None and is_reached:
                coming.append(deadline + MOMENT)
        sla = replace(sla, **{trigger: clock})
    sla = replace(sla, told=(*sla.told, *(one.step for one in told)))
    return SlaCheck(sla=sla, turns=tuple(turns), escalations=tuple(told), next_at=min(coming, default=None))


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """The course of one clock: when it began, how long it may run, and when it stood still."""

    trigger: Trigger
    since: datetime
    allowed: timedelta
    stops: tuple[Stop, ...]
    calendar: Calendar | None

    def out(self, more: timedelta = timedelta(0)) -> tuple[datetime, bool]:
        """When it has run as long as allowed and `more` (or less), and whether it gets there: if it stands
        still before that, the instant is what it would be if that stop ended as it began."""
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
        stops=tuple(_joined(stops, since)),
        calendar=calendar,
    )


def _joined(stops: Sequence[Stop], begin: datetime) -> Iterator[Stop]:
    """In order, from `begin` on, and overlapping ones as one: no time is taken off twice."""
    held: Stop | None = None
    for since, until in sorted(stops, key=lambda stop: stop[0]):
        if until is not None and until <= begin:
            continue
        if held is None:
            held = (max(since, begin), until)
        elif held[1] is None or since <= held[1]:
            held = (held[0], None if held[1] is None or until is None else max(held[1], until))
        else:
            yield held
            held = (since, until)
    if held is not None:
        yield held


def _clock(order: WorkOrder, trigger: Trigger, deadline: datetime, now: datetime | None) -> Clock:
    """`now` None: it stands still before the deadline, which nobody can have missed then."""
    met_at = order.started_at if trigger == "response" else order.completed_at
    cancelled_at = order.cancelled_at if order.status == "cancelled" else None
    is_late = now is not None and (met_at or cancelled_at or now) > deadline
    return Clock(deadline=deadline, met_at=met_at, breached_at=deadline if is_late else None)


def _turns(trigger: Trigger, before: Clock | None, after: Clock) -> Iterator[BreachChange]:
    was, now = before.breached_at if before else None, after.breached_at
    if was is None and now is not None:
        yield BreachChange(what="breached", trigger=trigger, deadline=now)
    elif was is not None and now is None:
        yield BreachChange(what="breach_withdrawn", trigger=trigger, deadline=after.deadline)


def _due(run: _Run, policy: SlaPolicy, deadline: datetime) -> Iterator[tuple[datetime, DueEscalation]]:
    """The clock's escalations, each with its instant, as far as it does not stand still before."""
    for n, escalation in enumerate(policy.escalations):
        if escalation.trigger != run.trigger:
            continue
        at, is_reached = run.out(duration(escalation.offset))
        if is_reached:
            step = f"sla:{policy.id}:{run.trigger}:{n}"
            yield at, DueEscalation(step=step, deadline=deadline, escalation=escalation)
