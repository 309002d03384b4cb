"""Old commands go: those that ended so long ago that no device can repeat their key any more.

Ids are ordered by time, so the oldest are found without an index of their own: each index on `commands` makes
every verdict dearer. A dead command has no `purge_at` until somebody decides on it.
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
    over = {"_id": {"$lt": youngest}, "purge_at": {"$lte": now}}
    ids = [row["_id"] for row in db.commands.find(over, {"_id": 1}).sort("_id", 1).limit(AT_ONCE)]
    if not ids:
        return 0
    return db.commands.delete_many({"_id": {"$in": ids}, "purge_at": {"$lte": now}}).deleted_count
