"""Commands that wait for others: `after` names commands that exist already, so there are no cycles.

Every ending but `dead` releases. The one waited for carries `awaited`, written in the waiter's transaction:
that write meets the other's ending as a write conflict, so no wake-up is lost between two snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import AT_ONCE
from adapters.hints import Line
from adapters.mongo import Contention, Document
from tasks.catalogue import Catalogue


def await_ending(db: Database[Any], session: ClientSession, predecessor: Document, waiter: str) -> None:
    """Mark that this command waits for that one. Raises: Contention: it has just ended."""
    state = predecessor["state"]
    marked = db.commands.update_one(
        {"_id": predecessor["_id"], "state": state}, {"$addToSet": {"awaited": waiter}}, session=session
    )
    if marked.matched_count != 1:
        raise Contention(f"{predecessor['_id']} is no longer {state}")


def release(db: Database[Any], session: ClientSession, ended: Iterable[Document]) -> list[Line]:
    """Wake whoever waited for these commands alone; a parked one comes back at the end of its line."""
    ends = {command["_id"]: command.get("awaited", []) for command in ended}
    waiting = [id for awaited in ends.values() for id in awaited]
    woken: list[Line] = []
    if not waiting:
        return woken
    for command in db.commands.find({"_id": {"$in": waiting}, "active": True}, session=session):
        left = [id for id in command.get("after", ()) if id not in ends]
        db.commands.update_one({"_id": command["_id"]}, _released(command, left), session=session)
        if not left:
            woken.append((command["tenant_id"], command["target"]))
    return woken


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


def find_create(
    db: Database[Any], session: ClientSession, catalogue: Catalogue, tenant_id: str, target: str
) -> Document | None:
    """The create of an entity that does not exist: on its way (active) or dead; None when there is none."""
    kind = target.partition(":")[0]
    types = [spec.type for spec in catalogue.values() if spec.kind == kind and spec.creates]
    query = {"tenant_id": tenant_id, "target": target, "type": {"$in": types}}
    for command in db.commands.find(query, session=session).sort("_id", -1).limit(1):
        return command if command.get("active") or command["state"] == "dead" else None
    return None
