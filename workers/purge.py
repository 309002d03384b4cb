"""Old commands go: those that ended so long ago that no device can repeat their key any more.

What is active stays however old it is, and a dead command until somebody decides: it has no `purge_at`.
Ids are ordered by time, so the oldest are found without an index of their own: each index on `commands` makes
every verdict dearer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from domain.ids import uuid7

EVERY = timedelta(seconds=30)
AT_ONCE = 1_000


def purge(db: Database[Any], now: datetime, keys_kept: timedelta) -> int:
    """Delete at most AT_ONCE commands whose time is over, oldest first; returns how many went."""
    youngest = uuid7(now - keys_kept, bytes(10))
    over = {"purge_at": {"$lte": now}, "active": None}
    oldest = db.commands.find({"_id": {"$lt": youngest}, **over}, {"_id": 1}).sort("_id", 1).limit(AT_ONCE)
    ids = [row["_id"] for row in oldest]
    if not ids:
        return 0
    return db.commands.delete_many({"_id": {"$in": ids}, **over}).deleted_count
