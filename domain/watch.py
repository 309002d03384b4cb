"""The clocks on an order, as they are kept on it. `domain/sla.py` and `domain/reminders.py` move them."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that stops the clocks; `until` None: it lasts."""

    since: datetime
    until: datetime | None = None


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One promise of an SLA. `told` names the escalation steps that have fired."""

    deadline: datetime
    met_at: datetime | None = None
    breached_at: datetime | None = None
    told: tuple[str, ...] = ()


class Sla(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that applied when the order was opened, and its two clocks."""

    policy_id: str
    response: Clock | None = None
    resolve: Clock | None = None
    pauses: tuple[Pause, ...] = ()


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Which reminders were sent for the due date of now; what stops or delays the rest."""

    fired: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """`policies_version`: of the tenant's policies that this was worked out with."""

    policies_version: int
    sla: Sla | None = None
    ladder: Ladder = Ladder()
