"""Notices: messages that each recipient gets once, as long as they are still valid when sent."""

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
"""Kinds that are reminders. Acknowledging and snoozing stop these, but never SLA escalations."""


class Audience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recipients: users by id, assignees as long as they are assigned, and all users with one of the
    roles."""

    user_ids: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    assignee_ids: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    roles: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()


class Valid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must still hold when the notice is sent: the order's due date, its status (None: any open one),
    and that it is still assigned to `assigned_to`."""

    due_at: Instant | None = None
    statuses: Annotated[tuple[str, ...], Meta(max_length=20)] | None = None
    assigned_to: Id | None = None


class Notice(Entity, frozen=True, kw_only=True):
    """Created by a command. Couriers set `spread_at` beside these fields once its deliveries exist."""

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
    """The id of the notice for this step of this target, in the form of a UUIDv7."""
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
    """The reason not to send a notice created at `made_at`, given the order as it is now; None: send it."""
    statuses = OPEN if valid.statuses is None else valid.statuses
    if status not in statuses:
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
