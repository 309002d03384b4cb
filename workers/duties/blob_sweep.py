"""Deletes blobs that nothing names, and uploads that never ended. In two steps, so that nobody is surprised.

A blob whose grace is over and that nothing names is condemned; a day later it goes, if it is still unnamed.
Until then a command that names it, a second PUT or a read keeps it: each changes `look_at`, on which every
step here depends. So whoever was told that a blob is there has a day to name it, and whoever put it a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from loguru import logger
from pymongo.database import Database

from adapters.blobs.references import is_named
from adapters.blobs.store import CHUNKS, FILES, GRACE, LAST_CALL, server_time_in
from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from adapters.process.metrics import Metrics
from workers.duties.duty import Duty

EVERY = timedelta(seconds=30)
PAGE = 50
"""Blobs of one round: it deletes as many files at most, and asks a few small questions about each."""

DELETING: Document = {"state": "going", "look_at": "$$NOW"}


class Swept(msgspec.Struct, frozen=True):
    """The result of one round: how many blobs it deleted, by reason, and whether more are due."""

    deleted: Mapping[str, int]
    more: bool


def sweep_blobs(db: Database[Any]) -> Swept:
    """One round. Raises: PyMongoError: what was done stands, the rest is found again."""
    due = {"look_at": {"$lte": server_time(db)}}
    found = list(db[FILES].find(due).sort([("look_at", 1), ("_id", 1)]).limit(PAGE))
    deleted: dict[str, int] = {}
    for record in found:
        if record["state"] == "going":
            _delete(db, record)
            deleted[record["why"]] = deleted.get(record["why"], 0) + 1
    _move(db, [one for one in found if one["state"] == "arriving"], DELETING | {"why": "incomplete"})
    _judge(db, [one for one in found if one["state"] in ("kept", "condemned")])
    return Swept(deleted, more=len(found) == PAGE or len(found) > sum(deleted.values()))


def _judge(db: Database[Any], records: list[Document]) -> None:
    if not records:
        return
    with db.client.start_session(snapshot=True) as session:
        named = {one["_id"] for one in records if is_named(db, session, one["tenant_id"], one["sha256"])}
    unnamed = [one for one in records if one["_id"] not in named]
    _move(
        db,
        [one for one in records if one["_id"] in named],
        {"state": "kept", "look_at": server_time_in(GRACE)},
    )
    _move(
        db,
        [one for one in unnamed if one["state"] == "kept"],
        {"state": "condemned", "look_at": server_time_in(LAST_CALL)},
    )
    _move(db, [one for one in unnamed if one["state"] == "condemned"], DELETING | {"why": "unnamed"})


def _move(db: Database[Any], records: list[Document], change: Document) -> None:
    """Each as it was seen, or not at all: a PUT or a read in between has moved `look_at`."""
    for record in records:
        seen = {name: record[name] for name in ("_id", "tenant_id", "state", "look_at")}
        db[FILES].update_one(seen, [{"$set": change}])


def _delete(db: Database[Any], record: Document) -> None:
    """The bytes first: were the record gone before them, nobody would find them again."""
    db[CHUNKS].delete_many({"files_id": record["_id"]})
    db[FILES].delete_one({"_id": record["_id"], "tenant_id": record["tenant_id"], "state": "going"})


def blob_sweep_duty(db: Database[Any], metrics: Metrics) -> Duty:
    def tick() -> timedelta:
        swept = sweep_blobs(db)
        for why, count in swept.deleted.items():
            metrics.blobs_swept.labels(why).inc(count)
            logger.info("swept", blobs=count, why=why)
        return timedelta() if swept.more else EVERY

    return Duty("sweep", tick)
