"""What a tenant promises (SLA policies) and whom it reminds (reminder policies): one document per tenant.

Durations stay the ISO 8601 text that was sent. An order keeps its own copy of the terms it was opened under.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from domain.entity import Entity
from domain.errors import Rejected

MOST_POLICIES = 100

Trigger = Literal["response", "resolve"]
"""The two SLA clocks: `response` runs until work starts, `resolve` until it is completed."""


Channel = Literal["in_app", "email", "webhook"]
"""How a notice reaches its recipient."""


class Applies(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders a policy applies to; None: any type, any priority."""

    types: tuple[str, ...] | None = None
    priorities: tuple[str, ...] | None = None

    def fits(self, type: str, priority: str) -> bool:
        return (self.types is None or type in self.types) and (
            self.priorities is None or priority in self.priorities
        )

    @property
    def breadth(self) -> int:
        """How many of the two criteria are open: 0, 1 or 2. The narrower policy goes first."""
        return (self.types is None) + (self.priorities is None)


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to notify at `offset` from a clock's deadline; a negative offset is before it."""

    trigger: Trigger
    offset: str
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class SlaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Durations and offsets count the working hours of the calendar; without a calendar, every hour."""

    id: str
    name: str
    applies: Applies = Applies()
    response: str | None = None
    resolve: str | None = None
    calendar_id: str | None = None
    pause_on: tuple[str, ...] = ()
    escalations: tuple[Escalation, ...] = ()


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to notify when an order is overdue by `after`."""

    after: str
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class ReminderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Reminders: to the assignees before the due date, then up the ladder while the order is overdue."""

    id: str
    name: str
    applies: Applies = Applies()
    before_due: tuple[str, ...] = ()
    overdue: tuple[Rung, ...] = ()


class Policies(Entity, frozen=True, kw_only=True):
    """All policies of a tenant. `fresh`: some watched orders have not been updated to the latest version."""

    kind: ClassVar[str] = "policies"
    collection: ClassVar[str] = "policies"

    sla: tuple[SlaPolicy, ...] = ()
    reminders: tuple[ReminderPolicy, ...] = ()
    fresh: bool = False


class Policy(Protocol):
    """What SLA and reminder policies share: all that is needed to choose between them."""

    @property
    def id(self) -> str: ...

    @property
    def applies(self) -> Applies: ...


P = TypeVar("P", bound=Policy)


def best_policy(policies: Iterable[P], type: str, priority: str) -> P | None:
    """The narrowest policy for an order of this type and priority; the lowest id wins a tie."""
    return min(
        (policy for policy in policies if policy.applies.fits(type, priority)),
        key=lambda policy: (policy.applies.breadth, policy.id),
        default=None,
    )


def with_sla(policies: Policies, policy: SlaPolicy) -> Policies:
    """With the SLA policy added, or replaced if its id exists. Raises: Rejected: too_many_policies."""
    return replace(policies, sla=_with(policies.sla, policy), fresh=True)


def with_reminders(policies: Policies, policy: ReminderPolicy) -> Policies:
    """With the reminder policy added, or replaced if its id exists. Raises: Rejected: too_many_policies."""
    return replace(policies, reminders=_with(policies.reminders, policy), fresh=True)


def _with(policies: tuple[P, ...], policy: P) -> tuple[P, ...]:
    kept = tuple(other for other in policies if other.id != policy.id)
    if len(kept) >= MOST_POLICIES:
        raise Rejected("too_many_policies", f"a tenant has at most {MOST_POLICIES} policies of a kind")
    return (*kept, policy)
