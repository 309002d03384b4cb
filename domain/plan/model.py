"""A plan: what recurs, how far it has come, what of it is open. `generate.py` and `changes.py` move it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from zlib import crc32

import msgspec

from domain.entity import Entity
from domain.plan.meter_progress import MeterProgress
from domain.plan.rules import Rules

State = Literal["active", "paused", "ended", "quarantined"]

SHARDS = 16
KEPT = 50
"""Skipped occurrences a plan itself remembers; its events keep them all."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one lane has come. `cursor` is the nominal local time of the last occurrence dealt with,
    `index` its number. Floating lanes wait for an order, then go on from when it was done (`base_at`)."""

    lane: str
    cursor: str | None = None
    index: int = 0
    last_due_at: datetime | None = None
    landed: tuple[datetime, ...] = ()
    """Where the latest ones came to lie, if holidays or a change of clocks moved them: no two of a lane are
    due at once."""
    base_at: datetime | None = None
    base_order: str | None = None
    waiting_for: str | None = None
    next_occurrence: str | None = None
    next_due_at: datetime | None = None
    generate_at: datetime | None = None


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    work_order_id: str
    lane: str
    occurrence: str


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided about one occurrence, and why."""

    occurrence: str
    action: Literal["skip", "move"]
    to_local: str | None = None
    reason: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence that brought no order, and why."""

    occurrence: str
    lane: str
    code: str
    reason: str
    at: datetime


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that is to hold for occurrences from this local time on. A trigger that it changes begins
    after `cursor`, with `index` times behind it."""

    effective_from: str
    rules: Rules
    cursor: str | None = None
    index: int = 0


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    occurrence: str
    at: datetime


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Why a plan was taken out of the way of the others."""

    code: str
    message: str
    at: datetime


class Plan(Entity, frozen=True, kw_only=True):
    """`generate_at` is when somebody is to look at it next; None: nothing is to come. `revision` counts the
    rules it has had. `begins_at`: what was due before is none of its business."""

    kind: ClassVar[str] = "plan"
    collection: ClassVar[str] = "plans"

    rules: Rules
    state: State = "active"
    revision: int = 1
    upcoming: Upcoming | None = None
    overrides: tuple[Override, ...] = ()
    begins_at: datetime
    lanes: tuple[Progress, ...] = ()
    meter: MeterProgress | None = None
    open_orders: tuple[OpenOrder, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    shard: int
    generate_at: datetime | None = None
    next_due_at: datetime | None = None
    next_occurrence: str | None = None
    last_generated: Generated | None = None
    calendar_version: int | None = None
    quarantine: Quarantine | None = None
    ended_reason: str | None = None
    created_at: datetime

    def lane(self, name: str) -> Progress:
        """A lane that has not begun yet is at the beginning."""
        for one in self.lanes:
            if one.lane == name:
                return one
        return Progress(lane=name)


def shard_of(plan_id: str) -> int:
    """Spreads plans evenly, the same way for ever."""
    return crc32(plan_id.encode()) % SHARDS
