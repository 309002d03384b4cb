"""Schedules and locks as an operator sees them, and what one may do to them: audited acts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import pymongo
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.mongo.client import CODEC, Document, translated
from adapters.mongo.server_time import server_time
from adapters.mongo.transactions import DEADLINE, in_transaction
from adapters.operators.audit import Act, audit
from adapters.schedules.fires import Fires

SHOWN_FIRES = 5
MOST_REQUESTS = 10


class NoSuchLock(Exception):
    """There is no lock of that name."""


class NotNow(Exception):
    """The act does not fit the state that the thing is in."""


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that there is or was: who has it, with which token, until when."""

    name: str
    held: bool
    owner: str
    token: int
    acquired_at: datetime
    heartbeat_at: datetime
    expires_at: datetime


@translated()
def states(db: Database[Any], names: Sequence[str]) -> dict[str, Document]:
    """By schedule: its state, its lease and its latest fires. Raises: Unavailable."""
    fires = Fires(db)
    leases = {lock.name: lock for lock in locks(db)}
    return {
        name: fires.state(name)
        | {"fires": fires.latest(name, SHOWN_FIRES), "lease": leases.get(f"schedule:{name}")}
        for name in names
    }


@translated()
def fires(db: Database[Any], name: str, *, limit: int) -> list[Document]:
    """A schedule's fires that asked for something, newest first."""
    return Fires(db).latest(name, limit)


@translated()
def locks(db: Database[Any]) -> list[Lock]:
    """Every lease there ever was."""
    now = server_time(db)
    found = db.with_options(codec_options=CODEC)["leases"].find().sort("_id", 1)
    return [
        Lock(
            name=lease["_id"],
            held=lease["expires_at"] > now,
            owner=lease["owner"],
            token=lease["token"],
            acquired_at=lease["acquired_at"],
            heartbeat_at=lease["heartbeat_at"],
            expires_at=lease["expires_at"],
        )
        for lease in found
    ]


def pause(db: Database[Any], name: str, act: Act) -> Document:
    """No fires until it is resumed. Raises: NotNow, Unavailable."""
    paused = {"by": act.user_id or act.name, "at": act.at, "reason": act.reason}
    return _change(db, name, act, "pause", {"paused": {"$exists": False}}, {"$set": {"paused": paused}})


def resume(db: Database[Any], name: str, act: Act) -> Document:
    """Fires again; what was missed is as its `catch_up` says. Raises: NotNow, Unavailable."""
    return _change(db, name, act, "resume", {"paused": {"$exists": True}}, {"$unset": {"paused": 1}})


def run(db: Database[Any], name: str, act: Act) -> Document:
    """One fire beside the rule's, as soon as a scheduler looks. Raises: NotNow, Unavailable."""
    request = {"id": act.id, "at": act.at, "by": act.user_id or act.name}
    room = {f"requests.{MOST_REQUESTS - 1}": {"$exists": False}, "paused": {"$exists": False}}
    return _change(db, name, act, "run", room, {"$push": {"requests": request}})


def _change(db: Database[Any], name: str, act: Act, what: str, fits: Document, change: Document) -> Document:
    table = db.with_options(codec_options=CODEC)["schedules"]

    def work(session: ClientSession) -> Document:
        before = table.find_one({"_id": name}, session=session) or {}
        if table.update_one({"_id": name} | fits, change, session=session).matched_count != 1:
            state = "paused" if "paused" in before else "not paused, or too much is asked of it already"
            raise NotNow(f"schedule {name} is {state}")
        after = table.find_one({"_id": name}, session=session) or {}
        audit(db, session, act, f"schedule.{what}", f"schedule:{name}", before=before, after=after)
        return after

    # One deadline for both: another act that never ended may hold the row.
    with translated(), pymongo.timeout(DEADLINE.total_seconds()):
        table.update_one({"_id": name}, {"$setOnInsert": {"passed_over": 0}}, upsert=True)
        return in_transaction(db, work)


def release(db: Database[Any], name: str, act: Act) -> Document:
    """Let the next one in; its token is higher, so the holder of now changes nothing more.

    Raises: NoSuchLock, Unavailable.
    """
    leases = db.with_options(codec_options=CODEC)["leases"]

    def work(session: ClientSession) -> Document:
        before = leases.find_one({"_id": name}, session=session)
        if before is None:
            raise NoSuchLock(name)
        ended = [{"$set": {"expires_at": "$$NOW", "min_until": "$$NOW"}}]
        mine = {"_id": name, "owner": before["owner"], "token": before["token"]}
        leases.update_one(mine, ended, session=session)
        after = leases.find_one({"_id": name}, session=session) or {}
        audit(db, session, act, "lock.release", f"lock:{name}", before=before, after=after)
        return after

    return in_transaction(db, work)
