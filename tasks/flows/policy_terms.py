"""Payload types that SLA and reminder policies share: which orders, whom to notify, how, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.policies import Applies, Channel
from domain.time.durations import duration
from domain.work_order.model import Priority, Type

LONGEST = timedelta(days=366)

Who = Annotated[
    str,
    Meta(
        pattern=r"^(assignee|supervisor|manager"
        r"|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$(?!\n)",
        description="assignee, supervisor, manager, or the id of a user",
    ),
]
Notify = Who | Annotated[tuple[Who, ...], Meta(min_length=1, max_length=10)]
Channels = Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=3)]


class For(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which orders a policy applies to; a field left out means any."""

    types: Annotated[tuple[Type, ...], Meta(min_length=1, max_length=5)] | None = None
    priorities: Annotated[tuple[Priority, ...], Meta(min_length=1, max_length=4)] | None = None


def applies(criteria: For) -> Applies:
    return Applies(types=criteria.types, priorities=criteria.priorities)


def people(notify: Notify) -> tuple[str, ...]:
    """The recipients as a tuple: a payload may name one or several."""
    return (notify,) if isinstance(notify, str) else notify


def check_span(text: str | None, name: str, *, least: timedelta = timedelta(0)) -> None:
    """Check a duration. Raises: ValueError: shorter than `least` or longer than LONGEST."""
    if text is not None and not least <= abs(duration(text)) <= LONGEST:
        raise ValueError(f"{name} must be from {least} to {LONGEST.days} days")
