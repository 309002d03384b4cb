"""Commands that wait for others: `after` names commands that exist already, so there are no cycles.

Every ending but `dead` releases; behind a dead one a waiter is parked, and its line passes it. The one waited
for carries `awaited`, written in the waiter's transaction: that write meets the other's ending as a write
conflict, so no wake-up is lost between two snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import AT_ONCE, RUNNABLE, event
from adapters.hints import Line
from adapters.mongo import Contention, Document
from tasks.catalogue import Catalogue

STATEMENTS = 1_000
"""Updates sent in one server command."""


def await_ending(db: Database[Any], session: ClientSession, predecessor: Document, waiter: str) -> None:
    """Mark that this command waits for that one. Raises: Contention: it has just ended."""
    state = predecessor["state"]
    marked = db.commands.update_one(
        {"_id": predecessor["_id"], "state": state}, {"$addToSet": {"awaited": waiter}}, session=session
    )
    if marked.matched_count != 1:
        raise Contention(f"{predecessor['_id']} is no longer {state}")


def release(db: Database[Any], session: ClientSession, ended: Iterable[Document]) -> list[Line]:
    """Wake whoever waited for these commands alone, in order of acceptance: a parked one comes back at the
    end of its line."""
    known = list(ended)
    ends = {command["_id"] for command in known}
    woken: list[Line] = []
    statements: list[Document] = []
    for command in _waiters(db, session, known):
        left = [id for id in command.get("after", ()) if id not in ends]
        statements.append({"q": {"_id": command["_id"]}, "u": _released(command, left)})
        if not left:
            woken.append((command["tenant_id"], command["target"]))
    _update(db, session, statements)
    return woken


def strand(db: Database[Any], session: ClientSession, dead: Iterable[Document], now: datetime) -> list[Line]:
    """Park whoever waits for these dead or parked commands, with an event each.

    Returns the lines that may now pass them.
    """
    passing: list[Line] = []
    parked: list[Document] = []
    statements: list[Document] = []
    events: list[Document] = []
    for command in _waiters(db, session, list(dead)):
        if command["state"] in RUNNABLE:
            told = {"after": command["after"]}
            events.append(event(command, command.get("events", 0), "command.parked", at=now, data=told))
            entry = {"state": "parked", "at": now}
            change = {"$set": {"state": "parked"}, "$inc": {"events": 1}, "$push": {"history": entry}}
            statements.append({"q": {"_id": command["_id"]}, "u": change})
            passing.append((command["tenant_id"], command["target"]))
            parked.append(command)
    _update(db, session, statements)
    if not parked:
        return []
    db.events.insert_many(events, session=session)
    # Who waited for one of these would wait for as long, and its line behind it.
    return passing + strand(db, session, parked, now)


def _waiters(db: Database[Any], session: ClientSession, awaited: list[Document]) -> list[Document]:
    ids = [id for command in awaited for id in command.get("awaited", ())]
    if not ids:
        return []
    # Ids come from a pod's clock; the order of acceptance is that of `seq`.
    return list(db.commands.find({"_id": {"$in": ids}, "active": True}, session=session).sort("seq", 1))


def _update(db: Database[Any], session: ClientSession, statements: list[Document]) -> None:
    for start in range(0, len(statements), STATEMENTS):
        db.command({"update": "commands", "updates": statements[start : start + STATEMENTS]}, session=session)


def _released(command: Document, left: list[str]) -> Document:
    if left:
        return {"$set": {"after": left}}
    change: Document = {
        "$set": {"state": "accepted", "next_at": AT_ONCE, "hint_at": AT_ONCE},
        "$unset": {"after": ""},
    }
    if command["state"] == "parked":
        change["$currentDate"] = {"seq": {"$type": "timestamp"}}
    return change


def find_creates(
    db: Database[Any], session: ClientSession, catalogue: Catalogue, tenant_id: str, target: str
) -> list[Document]:
    """The creates of an entity that does not exist which may still make it, in order of acceptance."""
    kind = target.partition(":")[0]
    types = [spec.type for spec in catalogue.values() if spec.kind == kind and spec.creates]
    query = {
        "tenant_id": tenant_id,
        "target": target,
        "type": {"$in": types},
        "$or": [{"active": True}, {"state": "dead"}],
    }
    return list(db.commands.find(query, session=session).sort("seq", 1).limit(10))
