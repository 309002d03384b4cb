"""The clocks on an order, as they are kept on it: what happened to it, and what was told of it.

In `domain/order_clocks/`, `sla.py` and `reminders.py` read them and `clocks.py` advances them. All instants
are effective ones; every deadline can be computed again from the policy, the calendar and the spans here.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.policies import SlaPolicy


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Work waited, for this reason; `until` None: it still does. Whether a clock stops, a policy says."""

    since: datetime
    until: datetime | None = None
    reason: str


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """It was done, and later taken up again."""

    since: datetime
    until: datetime


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One promise. While a hold stops it, `deadline` is what it would be if the hold ended as it began.

    `breached_at` is the deadline that was missed.
    """

    deadline: datetime
    met_at: datetime | None = None
    breached_at: datetime | None = None


class Sla(msgspec.Struct, frozen=True, kw_only=True):
    """The policy with the terms of the day on which it was chosen; `told`: escalations that have fired;
    `calendar_version`: of the calendar by which the clocks were last worked out."""

    policy: SlaPolicy
    response: Clock | None = None
    resolve: Clock | None = None
    told: tuple[str, ...] = ()
    calendar_version: int | None = None


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The reminders about one due date: those sent, those too late to be sent, what stops the rest.

    `snoozed_at`: when somebody last asked for silence, of which the end says anew what was said before.
    """

    due_at: datetime | None = None
    fired: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    snoozed_at: datetime | None = None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """`policies_version`: of the policies it was last looked at with. `since`: when its SLA clocks began;
    None: opened before there were policies, or as history: nothing was promised."""

    policies_version: int
    since: datetime | None = None
    holds: tuple[Hold, ...] = ()
    rests: tuple[Rest, ...] = ()
    sla: Sla | None = None
    ladder: Ladder = Ladder()
