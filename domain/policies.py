"""What a tenant promises (SLA policies) and whom it reminds (reminder policies): one document per tenant.

Durations stay the ISO 8601 text they came as. Nothing here knows of orders, which keep a copy of the terms
that they were opened under.
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
"""The two clocks: until somebody starts, and until it is done."""


Channel = Literal["in_app", "email", "webhook"]
"""How somebody is told."""


class Applies(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders a policy is for; what is left out is any."""

    types: tuple[str, ...] | None = None
    priorities: tuple[str, ...] | None = None

    def fits(self, type: str, priority: str) -> bool:
        return (self.types is None or type in self.types) and (
            self.priorities is None or priority in self.priorities
        )

    @property
    def breadth(self) -> int:
        """0 names both, 1 one, 2 neither: the narrower goes first."""
        return (self.types is None) + (self.priorities is None)


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell when a clock comes to `offset` from its deadline; a negative one is before it."""

    trigger: Trigger
    offset: str
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class SlaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Both durations, and offsets too, count the open hours of the calendar; without one, every hour."""

    id: str
    name: str
    applies: Applies = Applies()
    response: str | None = None
    resolve: str | None = None
    calendar_id: str | None = None
    pause_on: tuple[str, ...] = ()
    escalations: tuple[Escalation, ...] = ()


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell when an order is late by so much."""

    after: str
    notify: tuple[str, ...]
    channels: tuple[Channel, ...]


class ReminderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is to do it hears of it before it is due; the ladder goes up once it is late."""

    id: str
    name: str
    applies: Applies = Applies()
    before_due: tuple[str, ...] = ()
    overdue: tuple[Rung, ...] = ()


class Policies(Entity, frozen=True, kw_only=True):
    """`fresh`: orders on watch have not all been told of the latest version."""

    kind: ClassVar[str] = "policies"
    collection: ClassVar[str] = "policies"

    sla: tuple[SlaPolicy, ...] = ()
    reminders: tuple[ReminderPolicy, ...] = ()
    fresh: bool = False


class Policy(Protocol):
    """What both kinds have, as far as choosing goes."""

    @property
    def id(self) -> str: ...

    @property
    def applies(self) -> Applies: ...


P = TypeVar("P", bound=Policy)


def best_policy(policies: Iterable[P], type: str, priority: str) -> P | None:
    """The narrowest policy for such an order; among equals the one with the first id."""
    return min(
        (policy for policy in policies if policy.applies.fits(type, priority)),
        key=lambda policy: (policy.applies.breadth, policy.id),
        default=None,
    )


def with_sla(policies: Policies, policy: SlaPolicy) -> Policies:
    """With that policy, in the place of its namesake by id. Raises: Rejected: too_many_policies."""
    return replace(policies, sla=_with(policies.sla, policy), fresh=True)


def with_reminders(policies: Policies, policy: ReminderPolicy) -> Policies:
    """As `with_sla`. Raises: Rejected: too_many_policies."""
    return replace(policies, reminders=_with(policies.reminders, policy), fresh=True)


def _with(policies: tuple[P, ...], policy: P) -> tuple[P, ...]:
    kept = tuple(other for other in policies if other.id != policy.id)
    if len(kept) >= MOST_POLICIES:
        raise Rejected("too_many_policies", f"a tenant has at most {MOST_POLICIES} policies of a kind")
    return (*kept, policy)
