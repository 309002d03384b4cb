"""What is old goes, in bounded pages: commands that ended so long ago that no device can repeat their key any
more; deliveries that ended, notices that were spread, and fires that are done.

Commands' ids are ordered by time, so the oldest are found without an index of their own: each index on
`commands` makes every verdict dearer. What is active stays however old it is, and so does a dead command
until somebody decides: it has no `purge_at`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.mongo.indexes import FORGOTTEN
from adapters.schedules import fires
from adapters.settings.table import Settings
from domain.ids import uuid7

EVERY = timedelta(seconds=30)
AT_ONCE = 1_000


class Past(msgspec.Struct, frozen=True):
    """Documents of a collection that are over since the time in `field`, with which `index` begins."""

    collection: str
    field: str
    index: str
    only: Document


FIRES = Past("fires", "ended_at", "ended", {"state": "done"})
NOTICES = Past("notices", "spread_at", "spread", {})
DELIVERIES = Past("deliveries", "ended_at", "ended", FORGOTTEN)


def sweep(db: Database[Any], told: Settings, now: datetime) -> dict[str, int]:
    """One page of each kind; how many went, by collection."""
    kept = told.notification_retention
    return {
        "commands": purge(db, now, told.idempotency_ttl),
        "fires": forget(db, FIRES, now - fires.KEPT),
        "notices": forget(db, NOTICES, now - kept),
        "deliveries": forget(db, DELIVERIES, now - kept),
    }


def forget(db: Database[Any], past: Past, before: datetime) -> int:
    """Delete at most AT_ONCE that were over before that time, oldest first; returns how many went."""
    # The type is what a partial index asks for.
    over = past.only | {past.field: {"$lt": before, "$type": "date"}}
    found = db[past.collection].find(over, {"_id": 1}).sort(past.field, 1).hint(past.index).limit(AT_ONCE)
    ids = [row["_id"] for row in found]
    return db[past.collection].delete_many(over | {"_id": {"$in": ids}}).deleted_count if ids else 0


def purge(db: Database[Any], now: datetime, keys_kept: timedelta) -> int:
    """Delete at most AT_ONCE commands whose time is over, oldest first; returns how many went."""
    youngest = uuid7(now - keys_kept, bytes(10))
    over = {"purge_at": {"$lte": now}, "active": None}
    oldest = db.commands.find({"_id": {"$lt": youngest}, **over}, {"_id": 1}).sort("_id", 1).limit(AT_ONCE)
    ids = [row["_id"] for row in oldest]
    if not ids:
        return 0
    return db.commands.delete_many({"_id": {"$in": ids}, **over}).deleted_count
