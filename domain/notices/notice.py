"""A notice: something that people are to be told, once each, as long as it is true."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from domain.entity import Entity
from domain.fields import Instant, Word, instant
from domain.ids import Id
from domain.policies import Channel
from domain.work_order.transitions import OPEN

NoticeKind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)", description="names the templates")]
Target = Annotated[str, Meta(min_length=3, max_length=200, pattern=r"^[a-z_]+:[\x21-\x7e]+$(?!\n)")]
Step = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$(?!\n)")]
Params = dict[str, str | int | None]

LADDER: Collection[str] = ("due_soon", "overdue")
"""Kinds that are reminders: acknowledging ends them and snoozing silences them, which no SLA heeds."""


class Audience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People by id, those who are to do the order as long as they are, and all who have one of the roles."""

    user_ids: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    roles: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()


class Valid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must still be so when it is sent. No `statuses`: any in which the order is open. `assigned_to`: to
    whom it must still belong."""

    due_at: Instant | None = None
    statuses: Annotated[tuple[str, ...], Meta(max_length=20)] | None = None
    assigned_to: Id | None = None


class Notice(Entity, frozen=True, kw_only=True):
    """Opened by a command. When couriers have spread it they note `spread_at` beside these fields."""

    kind: ClassVar[str] = "notice"
    collection: ClassVar[str] = "notices"

    about: Target
    step: Step
    template: NoticeKind
    audience: Audience
    channels: tuple[Channel, ...]
    critical: bool = False
    params: Params = msgspec.field(default_factory=dict)
    valid: Valid = Valid()


def notice_id(about: str, step: str) -> str:
    """The id of the notice of this step about this target, in the shape of a UUIDv7."""
    digits = sha256(f"{about}|{step}".encode()).hexdigest()
    variant = "89ab"[int(digits[15], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-{variant}{digits[16:19]}-{digits[19:31]}"


def objection(
    valid: Valid,
    kind: str,
    *,
    status: str,
    due_at: datetime | None,
    acknowledged_at: datetime | None,
    assignee_ids: Collection[str],
    made_at: datetime,
    snoozed_at: datetime | None,
) -> str | None:
    """Why a notice of `made_at` about an order, as it is now, is no longer to be sent; None: it is."""
    wanted = OPEN if valid.statuses is None else valid.statuses
    if status not in wanted:
        return f"order_{status}"
    if valid.due_at is not None and due_at != instant(valid.due_at):
        return "due_date_moved"
    if valid.assigned_to is not None and valid.assigned_to not in assignee_ids:
        return "assignee_changed"
    if kind in LADDER and acknowledged_at is not None:
        return "acknowledged"
    if kind in LADDER and snoozed_at is not None and made_at <= snoozed_at:
        return "snoozed"
    return None
