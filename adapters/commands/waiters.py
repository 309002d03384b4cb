"""Commands that wait for others: `after` names commands that exist already, so there are no cycles.

Every ending but `dead` releases; behind a dead one a waiter is parked, and its line passes it. The one waited
for carries `awaited`, written in the waiter's transaction: that write meets the other's ending as a write
conflict, so no wake-up is lost between two snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands import verdicts
from adapters.commands.document import LAST, RUNNABLE, TargetQueue, lane_id
from adapters.commands.secrets import MASK, given_secrets
from adapters.commands.verdict_updates import verdict_update
from adapters.commands.verdicts import MARKS, Resolution, blocking, runs_again
from adapters.mongo.client import Contention, Document
from tasks.catalogue import Catalogue

STATEMENTS = 1_000
"""Updates sent in one server command."""

Lane = tuple[str, str, str]
"""Tenant, target and outbox."""

LANE_FIELDS = ("tenant_id", "target", "origin.outbox", "origin.lane_seq")


def await_ending(db: Database[Any], session: ClientSession, predecessor: Document, waiter: str) -> None:
    """Mark that this command waits for that one. Raises: Contention: it has just ended."""
    state = predecessor["state"]
    marked = db.commands.update_one(
        {"_id": predecessor["_id"], "state": state}, {"$addToSet": {"awaited": waiter}}, session=session
    )
    if marked.matched_count != 1:
        raise Contention(f"{predecessor['_id']} is no longer {state}")


def release(db: Database[Any], session: ClientSession, ended: Iterable[Document]) -> list[TargetQueue]:
    """Wake whoever waited for these commands alone, in order of acceptance: a parked one comes back at the
    end of its line."""
    known = list(ended)
    ends = {command["_id"] for command in known}
    woken: list[Document] = []
    statements: list[Document] = []
    for command in _waiters(db, session, known):
        left = [id for id in command.get("after", ()) if id not in ends]
        statements.append({"q": {"_id": command["_id"]}, "u": _released(command, left)})
        if not left:
            woken.append(command)
    _update(db, session, statements)
    return _in_lane_order(db, session, woken)


def arrive(db: Database[Any], session: ClientSession, parked: Iterable[Document]) -> list[TargetQueue]:
    """What these waited for is there: they come back at the end of their lines."""
    known = list(parked)
    _update(db, session, [{"q": {"_id": command["_id"]}, "u": _released(command, [])} for command in known])
    return _in_lane_order(db, session, known)


def resolve(
    db: Database[Any],
    session: ClientSession,
    resolutions: Iterable[Resolution],
    *,
    now: datetime,
    keys_kept: timedelta,
) -> list[TargetQueue]:
    """Write what was decided on these conflicts, and release whoever was parked behind them.

    One that has been decided before is left as it is.
    """
    woken: list[TargetQueue] = []
    for resolution in resolutions:
        conflict = db.commands.find_one({"_id": resolution.command_id, "inbox": "conflict"}, session=session)
        if conflict is None:
            continue
        told = {name: value for name, value in msgspec.structs.asdict(resolution).items() if value}
        told["at"] = now
        del told["command_id"]
        # Nobody can say it again now.
        hidden = {f"payload.{name}": MASK for name in given_secrets(conflict)}
        change = {
            "$set": {"resolution": told, "purge_at": now + keys_kept} | hidden,
            "$unset": dict.fromkeys(MARKS, ""),
        }
        db.commands.update_one({"_id": conflict["_id"]}, change, session=session)
        woken += release(db, session, [conflict])
    return woken


def _in_lane_order(db: Database[Any], session: ClientSession, woken: list[Document]) -> list[TargetQueue]:
    """Commands of a device go on in the order in which it sent them: those behind one that comes back come
    back behind it. Returns the lines that have something due."""
    first: dict[Lane, int] = {}
    for command in woken:
        origin = command["origin"]
        if "lane_seq" in origin and "outbox" in origin:
            lane = _lane_of(command)
            first[lane] = min(origin["lane_seq"], first.get(lane, origin["lane_seq"]))
    # As whoever takes a batch in does: what came into a lane unseen by us has a place in the line by now,
    # before what comes back. So one of us two must begin again.
    ids = [lane_id(tenant_id, outbox, target) for tenant_id, target, outbox in first]
    _update(db, session, [{"q": {"_id": id}, "u": {"$inc": {"releases": 1}}} for id in ids], "lanes")
    back = _from(db, session, first)
    _update(db, session, [{"q": {"_id": id}, "u": {"$currentDate": LAST}} for id in back])
    return [(command["tenant_id"], command["target"]) for command in woken]


def _from(db: Database[Any], session: ClientSession, first: dict[Lane, int]) -> list[str]:
    """The commands of these lanes that may run, from that number of each on, in its order.

    A create may be awaited by thousands of lanes: a question for each would not fit into the time of its
    transaction, however often it is tried.
    """
    behind: list[tuple[int, str]] = []
    targets: dict[str, dict[str, None]] = {}
    for tenant_id, target, _ in first:
        targets.setdefault(tenant_id, {})[target] = None
    for tenant_id, mine in targets.items():
        for start in range(0, len(mine), STATEMENTS):
            query = {
                "tenant_id": tenant_id,
                "target": {"$in": list(mine)[start : start + STATEMENTS]},
                "active": True,
                "state": {"$in": RUNNABLE},
                "origin.outbox": {"$exists": True},
                "origin.lane_seq": {"$exists": True},
            }
            for found in db.commands.find(query, LANE_FIELDS, session=session):
                seq = found["origin"]["lane_seq"]
                if seq >= first.get(_lane_of(found), seq + 1):
                    behind.append((seq, found["_id"]))
    return [id for _, id in sorted(behind)]


def _lane_of(command: Document) -> Lane:
    return command["tenant_id"], command["target"], command["origin"]["outbox"]


def strand(
    db: Database[Any],
    session: ClientSession,
    dead: Iterable[Document],
    now: datetime,
    catalogue: Catalogue,
) -> list[TargetQueue]:
    """Park whoever waits for these dead or parked commands, with an event each.

    Returns the lines that may now pass them.
    """
    waiting = [command for command in _waiters(db, session, list(dead)) if command["state"] in RUNNABLE]
    if not waiting:
        return []
    parked = [
        verdicts.parked(
            command,
            at=now,
            after=command["after"],
            marks=blocking(command, catalogue.get(command["type"])),
        )
        for command in waiting
    ]
    changes = [verdict_update(verdict, now=now) for verdict in parked]
    pairs = zip(waiting, changes, strict=True)
    _update(db, session, [{"q": {"_id": command["_id"]}, "u": change} for command, change in pairs])
    db.events.insert_many([event for verdict in parked for event in verdict.events], session=session)
    # Who waited for one of these would wait for as long, and its line behind it.
    passing = [(command["tenant_id"], command["target"]) for command in waiting]
    return passing + strand(db, session, waiting, now, catalogue)


def _waiters(db: Database[Any], session: ClientSession, awaited: list[Document]) -> list[Document]:
    ids = [id for command in awaited for id in command.get("awaited", ())]
    if not ids:
        return []
    # Ids come from a pod's clock; the order of acceptance is that of `seq`.
    return list(db.commands.find({"_id": {"$in": ids}, "active": True}, session=session).sort("seq", 1))


def _update(
    db: Database[Any], session: ClientSession, statements: list[Document], collection: str = "commands"
) -> None:
    for start in range(0, len(statements), STATEMENTS):
        db.command({"update": collection, "updates": statements[start : start + STATEMENTS]}, session=session)


def _released(command: Document, left: list[str]) -> Document:
    return {"$set": {"after": left}} if left else runs_again(command)


def find_creates(
    db: Database[Any], session: ClientSession, catalogue: Catalogue, tenant_id: str, target: str
) -> list[Document]:
    """The creates of an entity that does not exist which may still make it: active ones first, then dead
    ones, each in order of acceptance; ten at most, so that dead ones never hide an active one."""
    kind = target.partition(":")[0]
    types = [spec.type for spec in catalogue.values() if spec.kind == kind and spec.creates]
    query = {
        "tenant_id": tenant_id,
        "target": target,
        "type": {"$in": types},
        "$or": [{"active": True}, {"state": "dead"}],
    }
    return list(db.commands.find(query, session=session).sort([("active", -1), ("seq", 1)]).limit(10))
