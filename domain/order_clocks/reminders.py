"""Reminders about a due date: some before it, then a ladder of rungs for as long as the order is late.

What was slept through (an outage, a snooze) is not told after the event: of the steps that have come, only
the latest is sent, and one before the due date only while no rung is to be said. The end of a snooze brings
the latest back, even if it was said before. A moved due date has a ladder of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.policies import Channel, ReminderPolicy, Rung
from domain.time.durations import duration
from domain.time.instants import rfc3339
from domain.work_order.model import WorkOrder
from domain.work_order.watch import Ladder

MOST_STEPS = 100
"""Names of steps kept on an order; the oldest go first, when policies have changed that often."""

REMINDED = ("assignee",)
REMINDED_BY: tuple[Channel, ...] = ("in_app", "email")
"""Whom a reminder before the due date is for, and how it goes: a policy says only when."""

Kind = Literal["due_soon", "overdue"]


class ReminderStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be said about a due date. Its name is its distance: an edited policy repeats nothing."""

    name: str
    kind: Kind
    at: datetime
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class ReminderCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder after a look, what is to be said now, what came too late, and when to look again."""

    ladder: Ladder
    fired: tuple[ReminderStep, ...] = ()
    skipped: tuple[ReminderStep, ...] = ()
    next_at: datetime | None = None


def steps(policy: ReminderPolicy, due_at: datetime, *, created_at: datetime) -> list[ReminderStep]:
    """All of them in order of time, but for those before the due date that lie before the order itself."""
    early = (
        ReminderStep(
            name=f"before:{text}",
            kind="due_soon",
            at=due_at - duration(text),
            notify=REMINDED,
            channels=REMINDED_BY,
        )
        for text in policy.before_due
    )
    late = (_rung(rung, due_at, policy.overdue[:n]) for n, rung in enumerate(policy.overdue))
    return sorted((*(step for step in early if step.at >= created_at), *late), key=lambda step: step.at)


def ladder_for(order: WorkOrder, ladder: Ladder) -> Ladder:
    """The ladder of the due date of now: another one when that has moved."""
    return ladder if ladder.due_at == order.due_at else Ladder(due_at=order.due_at)


def check_reminders(
    ladder: Ladder, order: WorkOrder, policy: ReminderPolicy | None, *, now: datetime
) -> ReminderCheck:
    """What there is to say at `now`."""
    ladder = ladder_for(order, ladder)
    if policy is None or order.due_at is None or ladder.acknowledged_at is not None:
        return ReminderCheck(ladder=ladder)
    if ladder.snoozed_until is not None and ladder.snoozed_until > now:
        return ReminderCheck(ladder=ladder, next_at=ladder.snoozed_until)
    everything = steps(policy, order.due_at, created_at=order.created_at)
    left = [step for step in everything if step.name not in (*ladder.fired, *ladder.skipped)]
    latest = _latest([step for step in everything if step.at <= now])
    fired = tuple(step for step in left if step in latest)
    skipped = tuple(step for step in left if step.at <= now and step not in latest)
    again = tuple(_again(step, ladder.snoozed_until) for step in latest if step not in left)
    return ReminderCheck(
        ladder=_noted(ladder, fired, skipped),
        fired=fired + (again if ladder.snoozed_until else ()),
        skipped=skipped,
        next_at=min((step.at for step in left if step.at > now), default=None),
    )


def _rung(rung: Rung, due_at: datetime, lower: tuple[Rung, ...]) -> ReminderStep:
    # Several rungs may be reached at once, each with its own people and ways.
    nth = sum(other.after == rung.after for other in lower)
    return ReminderStep(
        name=f"overdue:{rung.after}" + (f":{nth + 1}" if nth else ""),
        kind="overdue",
        at=due_at + duration(rung.after),
        notify=rung.notify,
        channels=rung.channels,
    )


def _latest(come: list[ReminderStep]) -> list[ReminderStep]:
    """Of the steps that have come, what is still worth saying: a rung of the ladder before all else."""
    last = max(come, key=lambda step: (step.kind == "overdue", step.at), default=None)
    return [step for step in come if last and (step.kind, step.at) == (last.kind, last.at)]


def _again(step: ReminderStep, woken_at: datetime | None) -> ReminderStep:
    return replace(step, name=f"{step.name}~{rfc3339(woken_at)}") if woken_at else step


def _noted(ladder: Ladder, fired: tuple[ReminderStep, ...], skipped: tuple[ReminderStep, ...]) -> Ladder:
    return replace(
        ladder,
        fired=(*ladder.fired, *(step.name for step in fired))[-MOST_STEPS:],
        skipped=(*ladder.skipped, *(step.name for step in skipped))[-MOST_STEPS:],
        # A snooze that is over has had its say.
        snoozed_until=None,
    )


def acknowledged(ladder: Ladder, *, at: datetime) -> Ladder:
    """Somebody knows: nothing more is said about this due date."""
    return ladder if ladder.acknowledged_at else replace(ladder, acknowledged_at=at)


def snoozed(ladder: Ladder, *, until: datetime, at: datetime) -> Ladder:
    """Nothing is said before `until`, also of what was to be said by `at` and is still on its way."""
    return replace(ladder, snoozed_until=until, snoozed_at=at)
