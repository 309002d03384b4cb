"""The phases of a pass that are about work orders: which are carried, and which are no longer.

Each is one range of one index, read in the order in which things changed, so that what changes while a pass
is under way moves ahead of it and is met again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id
from api.sync.cursor import Cursor, Position, instant, milliseconds
from api.sync.scope import Sight
from api.views.resources import WORK_ORDERS
from domain.work_order.holders import CARRIED, TEAM, holders, is_carried
from domain.work_order.transitions import STATUSES

KIND = "work_order"


class Found(msgspec.Struct, kw_only=True):
    """Some rows of a phase: orders that are carried, what is to be forgotten, and where to go on."""

    orders: list[Document] = []
    others: list[Document] = []
    """Entities of other kinds, as they are told."""
    tombstones: list[Document] = []
    position: Position
    is_last: bool


def tombstone(document: Document) -> Document:
    return {"kind": KIND, "id": document["id"], "version": document["version"]}


def behind(field: str, position: Position, tenant_id: str | None) -> Document:
    """Selects the rows after this one. Ties are passed over in the index, not by a second range."""
    at = instant(position.at)
    id = document_id(tenant_id, position.id) if tenant_id else position.id
    return {field: {"$gte": at}, "$or": [{field: {"$gt": at}}, {"_id": {"$gt": id}}]}


class OrdersOf:
    """Orders of one holder in some statuses, last changed in a window."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        sight: Sight,
        holder: str,
        group: str,
        statuses: tuple[str, ...],
        *,
        since: datetime,
        until: datetime | None = None,
        told: bool,
    ) -> None:
        self.name = f"{'team' if holder == TEAM else 'own'}.{group}"
        self.since = since
        self._orders = db[WORK_ORDERS.collection]
        self._tenant_id = sight.tenant_id
        self._query: Document = {
            "tenant_id": sight.tenant_id,
            "assignee_ids": [] if holder == TEAM else holder,
            "status": {"$in": list(statuses)},
        }
        if holder == TEAM:
            self._query["team_id"] = {"$type": "string"}
        self._until = until
        self._told = told

    def query(self, position: Position) -> Document:
        wanted = self._query | behind("updated_at", position, self._tenant_id)
        if self._until is not None:
            wanted["updated_at"]["$lt"] = self._until
        return wanted

    async def read(self, position: Position, limit: int) -> Found:
        shown = WORK_ORDERS.projection if self._told else {"id": 1, "version": 1, "updated_at": 1}
        found = self._orders.find(self.query(position), shown).sort([("updated_at", 1), ("_id", 1)])
        rows = await found.limit(limit).to_list()
        if rows:
            position = Position(self.name, milliseconds(rows[-1]["updated_at"]), rows[-1]["id"])
        return Found(
            orders=rows if self._told else [],
            tombstones=[] if self._told else [tombstone(row) for row in rows],
            position=position,
            is_last=len(rows) < limit,
        )


class Taken:
    """Orders taken from a holder, by the events that say so; those that came back are left out."""

    name = "taken"

    def __init__(self, db: AsyncDatabase[Any], sight: Sight, *, since: datetime, now: datetime) -> None:
        self.since = since
        self._db = db
        self._sight = sight
        self._now = now

    def query(self, position: Position) -> Document:
        whose = {"tenant_id": self._sight.tenant_id, "data.taken_from": {"$in": list(self._sight.holders)}}
        return whose | behind("at", position, None)

    async def read(self, position: Position, limit: int) -> Found:
        found = self._db["events"].find(self.query(position), {"target": 1, "at": 1})
        ordered = found.sort([("at", 1), ("_id", 1)]).limit(limit)
        rows = await ordered.to_list()
        if rows:
            position = Position(self.name, milliseconds(rows[-1]["at"]), rows[-1]["_id"])
        gone = await self._gone({row["target"].partition(":")[2] for row in rows})
        return Found(tombstones=gone, position=position, is_last=len(rows) < limit)

    async def _gone(self, ids: Iterable[str]) -> list[Document]:
        keys = [document_id(self._sight.tenant_id, id) for id in ids]
        asked = dict.fromkeys(("id", "version", "status", "updated_at", "assignee_ids", "team_id"), 1)
        found = await self._db[WORK_ORDERS.collection].find({"_id": {"$in": keys}}, asked).to_list()
        return [tombstone(order) for order in found if not self._carries(order)]

    def _carries(self, order: Document) -> bool:
        whose = holders(tuple(order["assignee_ids"]), order["team_id"])
        is_mine = not set(whose).isdisjoint(self._sight.holders)
        return is_mine and is_carried(order["status"], order["updated_at"], now=self._now)


def phases(db: AsyncDatabase[Any], sight: Sight, cursor: Cursor) -> Iterator[OrdersOf | Taken]:
    """Those of a whole copy, or of what changed since the pass before."""
    now, since = instant(cursor.next), instant(cursor.since or 0)
    always = tuple(status for status in CARRIED if CARRIED[status] is None)
    ended = tuple(status for status in STATUSES if status not in CARRIED)
    for holder in sight.holders:
        yield OrdersOf(db, sight, holder, "open", always, since=since, told=True)
        for status, kept in CARRIED.items():
            if kept is not None:
                edge = now - kept
                yield OrdersOf(db, sight, holder, status, (status,), since=max(since, edge), told=True)
                if not cursor.is_full:
                    # What became too old between the pass before and this one, without any change.
                    before = min(since, now) - kept
                    yield OrdersOf(
                        db, sight, holder, f"{status}.old", (status,), since=before, until=edge, told=False
                    )
        if not cursor.is_full:
            yield OrdersOf(db, sight, holder, "ended", ended, since=since, told=False)
    if not cursor.is_full:
        yield Taken(db, sight, since=since, now=now)
