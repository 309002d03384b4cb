"""Reminders about a due date: some before it, then a ladder of rungs while the order is overdue.

Reminders missed during an outage or a snooze are not all sent afterwards: of the steps that are due, only the
latest is sent, and one before the due date only if no rung is due. The end of a snooze sends the latest step
again, even if it was sent before. A moved due date starts a new ladder.
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
"""Most step names kept on an order; the oldest are dropped first."""

REMINDED = ("assignee",)
REMINDED_BY: tuple[Channel, ...] = ("in_app", "email")
"""The recipients and channels of a reminder before the due date: a policy sets only its time."""

Kind = Literal["due_soon", "overdue"]


class ReminderStep(msgspec.Struct, frozen=True, kw_only=True):
    """One reminder. It is named by its distance from the due date, so an edited policy repeats none."""

    name: str
    kind: Kind
    at: datetime
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class ReminderCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder after a check: the steps to send now, those skipped as overtaken, and when to check
    again."""

    ladder: Ladder
    fired: tuple[ReminderStep, ...] = ()
    skipped: tuple[ReminderStep, ...] = ()
    next_at: datetime | None = None


def steps(policy: ReminderPolicy, due_at: datetime, *, created_at: datetime) -> list[ReminderStep]:
    """All steps in order of time, without those that would precede the order's creation."""
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
    """The order's ladder; a new one if its due date has moved."""
    return ladder if ladder.due_at == order.due_at else Ladder(due_at=order.due_at)


def check_reminders(
    ladder: Ladder, order: WorkOrder, policy: ReminderPolicy | None, *, now: datetime
) -> ReminderCheck:
    """The reminders that are due at `now`."""
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
    again = tuple(_repeated(step, ladder.snoozed_until) for step in latest if step not in left)
    return ReminderCheck(
        ladder=_with_sent(ladder, fired, skipped),
        fired=fired + (again if ladder.snoozed_until else ()),
        skipped=skipped,
        next_at=min((step.at for step in left if step.at > now), default=None),
    )


def _rung(rung: Rung, due_at: datetime, lower: tuple[Rung, ...]) -> ReminderStep:
    # Several rungs may have the same distance, each with its own recipients and channels.
    nth = sum(other.after == rung.after for other in lower)
    return ReminderStep(
        name=f"overdue:{rung.after}" + (f":{nth + 1}" if nth else ""),
        kind="overdue",
        at=due_at + duration(rung.after),
        notify=rung.notify,
        channels=rung.channels,
    )


def _latest(due: list[ReminderStep]) -> list[ReminderStep]:
    """The latest of the due steps; any rung of the ladder comes before a step before the due date."""
    last = max(due, key=lambda step: (step.kind == "overdue", step.at), default=None)
    return [step for step in due if last and (step.kind, step.at) == (last.kind, last.at)]


def _repeated(step: ReminderStep, woken_at: datetime | None) -> ReminderStep:
    return replace(step, name=f"{step.name}~{rfc3339(woken_at)}") if woken_at else step


def _with_sent(ladder: Ladder, fired: tuple[ReminderStep, ...], skipped: tuple[ReminderStep, ...]) -> Ladder:
    return replace(
        ladder,
        fired=(*ladder.fired, *(step.name for step in fired))[-MOST_STEPS:],
        skipped=(*ladder.skipped, *(step.name for step in skipped))[-MOST_STEPS:],
        # A snooze that is over has had its effect.
        snoozed_until=None,
    )


def acknowledged(ladder: Ladder, *, at: datetime) -> Ladder:
    """The acknowledged ladder: no more reminders about this due date."""
    return ladder if ladder.acknowledged_at else replace(ladder, acknowledged_at=at)


def snoozed(ladder: Ladder, *, until: datetime, at: datetime) -> Ladder:
    """The snoozed ladder: no reminders before `until`, not even those opened by `at` and not yet sent."""
    return replace(ladder, snoozed_until=until, snoozed_at=at)
