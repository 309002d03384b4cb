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
from api.sync.scope import Scope
from api.views.resources import WORK_ORDERS
from domain.work_order.holders import CARRIED, TEAM, holders, is_carried
from domain.work_order.transitions import STATUSES

KIND = "work_order"


class Rows(msgspec.Struct, kw_only=True):
    """Some rows of a phase: orders to keep, tombstones, and the position after them."""

    orders: list[Document] = []
    others: list[Document] = []
    """Entities of other kinds, as they are sent."""
    tombstones: list[Document] = []
    position: Position
    is_last: bool


def tombstone(document: Document) -> Document:
    return {"kind": KIND, "id": document["id"], "version": document["version"]}


def after_position(field: str, position: Position, tenant_id: str | None) -> Document:
    """The filter for rows after this position. Ties are skipped in the index, not by a second range."""
    at = instant(position.at)
    id = document_id(tenant_id, position.id) if tenant_id else position.id
    return {field: {"$gte": at}, "$or": [{field: {"$gt": at}}, {"_id": {"$gt": id}}]}


class OrdersOf:
    """Orders of one holder in some statuses, last changed in a window; as entities if `carried`, else
    tombstones."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        scope: Scope,
        holder: str,
        group: str,
        statuses: tuple[str, ...],
        *,
        since: datetime,
        until: datetime | None = None,
        carried: bool,
    ) -> None:
        self.name = f"{'team' if holder == TEAM else 'own'}.{group}"
        self.since = since
        self._orders = db[WORK_ORDERS.collection]
        self._tenant_id = scope.tenant_id
        self._query: Document = {
            "tenant_id": scope.tenant_id,
            "assignee_ids": [] if holder == TEAM else holder,
            "status": {"$in": list(statuses)},
        }
        if holder == TEAM:
            self._query["team_id"] = {"$type": "string"}
        self._until = until
        self._carried = carried

    def query(self, position: Position) -> Document:
        query = self._query | after_position("updated_at", position, self._tenant_id)
        if self._until is not None:
            query["updated_at"]["$lt"] = self._until
        return query

    async def read(self, position: Position, limit: int) -> Rows:
        projection = WORK_ORDERS.projection if self._carried else {"id": 1, "version": 1, "updated_at": 1}
        matching = self._orders.find(self.query(position), projection).sort([("updated_at", 1), ("_id", 1)])
        rows = await matching.limit(limit).to_list()
        if rows:
            position = Position(self.name, milliseconds(rows[-1]["updated_at"]), rows[-1]["id"])
        return Rows(
            orders=rows if self._carried else [],
            tombstones=[] if self._carried else [tombstone(row) for row in rows],
            position=position,
            is_last=len(rows) < limit,
        )


class Taken:
    """Tombstones of orders taken from a holder, found by their events; orders that returned are left out."""

    name = "taken"

    def __init__(self, db: AsyncDatabase[Any], scope: Scope, *, since: datetime, now: datetime) -> None:
        self.since = since
        self._db = db
        self._scope = scope
        self._now = now

    def query(self, position: Position) -> Document:
        whose = {"tenant_id": self._scope.tenant_id, "data.taken_from": {"$in": list(self._scope.holders)}}
        return whose | after_position("at", position, None)

    async def read(self, position: Position, limit: int) -> Rows:
        events = self._db["events"].find(self.query(position), {"target": 1, "at": 1})
        ordered = events.sort([("at", 1), ("_id", 1)]).limit(limit)
        rows = await ordered.to_list()
        if rows:
            position = Position(self.name, milliseconds(rows[-1]["at"]), rows[-1]["_id"])
        gone = await self._gone({row["target"].partition(":")[2] for row in rows})
        return Rows(tombstones=gone, position=position, is_last=len(rows) < limit)

    async def _gone(self, ids: Iterable[str]) -> list[Document]:
        keys = [document_id(self._scope.tenant_id, id) for id in ids]
        projection = dict.fromkeys(("id", "version", "status", "updated_at", "assignee_ids", "team_id"), 1)
        current = await self._db[WORK_ORDERS.collection].find({"_id": {"$in": keys}}, projection).to_list()
        return [tombstone(order) for order in current if not self._is_carried(order)]

    def _is_carried(self, order: Document) -> bool:
        whose = holders(tuple(order["assignee_ids"]), order["team_id"])
        is_mine = not set(whose).isdisjoint(self._scope.holders)
        return is_mine and is_carried(order["status"], order["updated_at"], now=self._now)


def phases(db: AsyncDatabase[Any], scope: Scope, cursor: Cursor) -> Iterator[OrdersOf | Taken]:
    """The phases of a full copy, or of the changes since the previous pass."""
    now, since = instant(cursor.next), instant(cursor.since or 0)
    always = tuple(status for status in CARRIED if CARRIED[status] is None)
    ended = tuple(status for status in STATUSES if status not in CARRIED)
    for holder in scope.holders:
        yield OrdersOf(db, scope, holder, "open", always, since=since, carried=True)
        for status, kept in CARRIED.items():
            if kept is not None:
                edge = now - kept
                yield OrdersOf(db, scope, holder, status, (status,), since=max(since, edge), carried=True)
                if not cursor.is_full:
                    # Orders that became too old since the previous pass, without any change.
                    before = min(since, now) - kept
                    yield OrdersOf(
                        db, scope, holder, f"{status}.old", (status,), since=before, until=edge, carried=False
                    )
        if not cursor.is_full:
            yield OrdersOf(db, scope, holder, "ended", ended, since=since, carried=False)
    if not cursor.is_full:
        yield Taken(db, scope, since=since, now=now)
