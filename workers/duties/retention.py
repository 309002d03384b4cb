"""Deletes what has expired, in bounded pages: commands that ended so long ago that no device can repeat their
key any more; deliveries that ended, notices that were fanned out, and fires that are done.

Commands' ids are ordered by time, so the oldest are found without an index of their own: each index on
`commands` makes every verdict dearer. What is active stays however old it is, and so does a dead command
until somebody decides: it has no `purge_at`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from loguru import logger
from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.mongo.indexes import PURGEABLE
from adapters.mongo.server_time import server_time
from adapters.schedules import fires
from adapters.settings.table import Settings
from domain.ids import uuid7
from workers.duties.duty import Duty

EVERY = timedelta(seconds=30)
PAGE = 1_000


class Expiring(msgspec.Struct, frozen=True):
    """Documents of a collection that expire by the time in `field`, the first key of `index`."""

    collection: str
    field: str
    index: str
    only: Document


FIRES = Expiring("fires", "ended_at", "ended", {"state": "done"})
NOTICES = Expiring("notices", "spread_at", "spread", {})
DELIVERIES = Expiring("deliveries", "ended_at", "ended", PURGEABLE)


def delete_expired(db: Database[Any], settings: Settings, now: datetime) -> dict[str, int]:
    """Delete one page of each kind; returns how many, by collection."""
    kept = settings.notification_retention
    return {
        "commands": purge_commands(db, now, settings.idempotency_ttl),
        "fires": delete_older(db, FIRES, now - fires.KEPT),
        "notices": delete_older(db, NOTICES, now - kept),
        "deliveries": delete_older(db, DELIVERIES, now - kept),
    }


def delete_older(db: Database[Any], kind: Expiring, before: datetime) -> int:
    """Delete at most PAGE documents older than that, oldest first; returns how many."""
    # The type is what a partial index asks for.
    over = kind.only | {kind.field: {"$lt": before, "$type": "date"}}
    found = db[kind.collection].find(over, {"_id": 1}).sort(kind.field, 1).hint(kind.index).limit(PAGE)
    ids = [row["_id"] for row in found]
    return db[kind.collection].delete_many(over | {"_id": {"$in": ids}}).deleted_count if ids else 0


def purge_commands(db: Database[Any], now: datetime, keys_kept: timedelta) -> int:
    """Delete at most PAGE commands whose `purge_at` has passed, oldest first; returns how many."""
    youngest = uuid7(now - keys_kept, bytes(10))
    over = {"purge_at": {"$lte": now}, "active": None}
    oldest = db.commands.find({"_id": {"$lt": youngest}, **over}, {"_id": 1}).sort("_id", 1).limit(PAGE)
    ids = [row["_id"] for row in oldest]
    if not ids:
        return 0
    return db.commands.delete_many({"_id": {"$in": ids}, **over}).deleted_count


def retention_duty(db: Database[Any], settings: Settings) -> Duty:
    def tick() -> timedelta:
        deleted = delete_expired(db, settings, server_time(db))
        if any(deleted.values()):
            logger.info("purged", **deleted)
        return timedelta() if PAGE in deleted.values() else EVERY

    return Duty("purge", tick)
