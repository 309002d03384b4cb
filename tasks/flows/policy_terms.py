"""Payload types that both kinds of policy share: which orders, whom to tell and how, how long."""

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
    """Which orders a policy is for; what is left out is any."""

    types: Annotated[tuple[Type, ...], Meta(min_length=1, max_length=5)] | None = None
    priorities: Annotated[tuple[Priority, ...], Meta(min_length=1, max_length=4)] | None = None


def applies(wanted: For) -> Applies:
    return Applies(types=wanted.types, priorities=wanted.priorities)


def people(notify: Notify) -> tuple[str, ...]:
    """As a list, whichever way it came."""
    return (notify,) if isinstance(notify, str) else notify


def check_span(text: str | None, name: str, *, least: timedelta = timedelta(0)) -> None:
    """Raises: ValueError: too long for a promise, or too short for this one."""
    if text is not None and not least <= abs(duration(text)) <= LONGEST:
        raise ValueError(f"{name} is from {least} to {LONGEST.days} days")
