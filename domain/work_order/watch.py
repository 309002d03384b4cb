"""The clocks of an order as stored on it: the spans that stop them, and which notices were sent.

In `domain/order_clocks/`, `sla.py` and `reminders.py` read them and `clocks.py` updates them. All instants
are effective times; every deadline can be recomputed from the policy, the calendar and the spans here.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.policies import SlaPolicy


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A span on hold; `until` None: still on hold. The policy decides for which reasons a clock stops."""

    since: datetime
    until: datetime | None = None
    reason: str


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """The span between a completion and the reopening after it."""

    since: datetime
    until: datetime


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One SLA clock. While a hold stops it, `deadline` is as if the hold had no length.

    `breached_at` is the missed deadline.
    """

    deadline: datetime
    met_at: datetime | None = None
    breached_at: datetime | None = None


class Sla(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the policy with the terms of the day it was chosen; `told`: the escalations that have fired;
    `calendar_version`: the version of the calendar the clocks were last computed with."""

    policy: SlaPolicy
    response: Clock | None = None
    resolve: Clock | None = None
    told: tuple[str, ...] = ()
    calendar_version: int | None = None


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The reminders about one due date: those sent, those skipped as overtaken, and what stops the others.

    `snoozed_at`: when they were last snoozed. The latest reminder is sent again at the end of a snooze.
    """

    due_at: datetime | None = None
    fired: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    snoozed_at: datetime | None = None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """`policies_version`: of the policies used at the last check. `since`: when the SLA clocks started; None:
    the order has no SLA, because it was opened before there were policies, or as a historical record."""

    policies_version: int
    since: datetime | None = None
    holds: tuple[Hold, ...] = ()
    rests: tuple[Rest, ...] = ()
    sla: Sla | None = None
    ladder: Ladder = Ladder()
