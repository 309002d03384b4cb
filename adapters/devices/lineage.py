"""Which history the database tells. A restore goes back in it, so it must begin a new lineage: devices that
saw the one that is gone then begin anew, instead of missing what came between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo.client import Document, translated
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit

COLLECTION = "lineage"
ONLY = "lineage"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """All that was committed before `at` is seen by whoever reads from now on."""

    at: datetime
    lineage: str


async def moment(db: AsyncDatabase[Any], new_id: Callable[[], str]) -> Moment:
    """The time of the majority's snapshot, by the server's clocks. Raises: Unavailable."""
    with translated():
        while True:
            reply = await db.command(
                "aggregate",
                COLLECTION,
                pipeline=[{"$match": {"_id": ONLY}}, {"$project": {"id": 1, "now": "$$NOW"}}],
                cursor={},
                readConcern={"level": "snapshot"},
            )
            found = reply["cursor"]["firstBatch"]
            if found:
                break
            begun = {"$setOnInsert": {"id": new_id()}}
            await db[COLLECTION].update_one({"_id": ONLY}, begun, upsert=True)
    # The snapshot's own time stays behind while a majority does; the clock that stamps changes may be behind
    # the cluster's after an election. Neither is ahead of what is seen.
    snapshot = datetime.fromtimestamp(reply["cursor"]["atClusterTime"].time, UTC)
    now: datetime = found[0]["now"].replace(tzinfo=UTC)
    return Moment(at=min(snapshot, now), lineage=found[0]["id"])


def renew(db: Database[Any], act: Act) -> str:
    """A new lineage, named by the act. Raises: Contention, Unavailable, UnknownOutcome."""

    def begin(session: ClientSession) -> str:
        before: Document | None = db[COLLECTION].find_one_and_update(
            {"_id": ONLY}, {"$set": {"id": act.id}}, upsert=True, session=session
        )
        was, new = {"id": before["id"] if before else None}, {"id": act.id}
        audit(db, session, act, "lineage.renewed", ONLY, before=was, after=new)
        return act.id

    return in_transaction(db, begin)
