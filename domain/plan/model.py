"""Maintenance plans: rules, progress and open orders. `generate.py` and `changes.py` update them."""

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
"""Most skipped occurrences kept on a plan; its events keep all."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of one lane. `cursor` is the nominal local time of the last occurrence issued or skipped,
    `index` its number. Floating lanes wait for an order, then continue from its completion (`base_at`)."""

    lane: str
    cursor: str | None = None
    index: int = 0
    last_due_at: datetime | None = None
    landed: tuple[datetime, ...] = ()
    """The due times of the latest ones, if holidays or clock changes moved them: no two of a lane
    coincide."""
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
    """A person's decision about one occurrence, with its reason."""

    occurrence: str
    action: Literal["skip", "move"]
    to_local: str | None = None
    reason: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence without an order, with its reason."""

    occurrence: str
    lane: str
    code: str
    reason: str
    at: datetime


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """A revision for occurrences from this local time on. If it changes the trigger, that starts after
    `cursor`, at number `index`."""

    effective_from: str
    rules: Rules
    cursor: str | None = None
    index: int = 0


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    occurrence: str
    at: datetime


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Why a plan was quarantined."""

    code: str
    message: str
    at: datetime


class Plan(Entity, frozen=True, kw_only=True):
    """`generate_at` is the next due check; None: nothing more is due. `revision` counts its rules.
    `begins_at`: occurrences due before it are ignored."""

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
        """The progress of a lane; the initial one if it has not started."""
        for one in self.lanes:
            if one.lane == name:
                return one
        return Progress(lane=name)


def shard_of(plan_id: str) -> int:
    """The shard of a plan: evenly spread, and never changing."""
    return crc32(plan_id.encode()) % SHARDS
