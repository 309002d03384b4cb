"""What orders name: assets with all they stand in, parts, the templates of plans. An order brings them along
whenever it is told; told by themselves they are when they change while somebody's order names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id
from api.sync.cursor import Position, milliseconds
from api.sync.orders import Found, OrdersOf, Taken, behind
from api.sync.scope import NEEDED, Sight
from api.views.resource import plain, plan
from api.views.resources import WORK_ORDERS

SCANNED = 1_000
"""Changed things of a tenant looked at in one go, in the index alone."""

REMEMBERED = 10_000
"""Things that one answer does not tell twice; beyond that it may."""

NAMES = dict.fromkeys(("asset_id", "route", "parts.part_id", "plan.id"), 1)
Names = dict[str, set[str]]

TEMPLATE = ("id", "version", "name", "state", "revision", "template")


def told(kind: str, document: Document) -> Document:
    shown = plain(document)
    if kind == "template":
        rules = plan(document)
        shown = {name: rules[name] for name in TEMPLATE}
    return {"kind": kind, "id": document["id"], "version": document["version"], "document": shown}


def named(orders: Iterable[Document]) -> Names:
    """Ids by kind, of what these orders name themselves."""
    found: Names = {kind: set() for kind in NEEDED}
    for order in orders:
        found["asset"].update(id for id in (order.get("asset_id"), *order.get("route", ())) if id)
        found["part"].update(line["part_id"] for line in order.get("parts", ()))
        if order.get("plan"):
            found["template"].add(order["plan"]["id"])
    return found


class Needs:
    """For one answer: what its orders bring along, each thing once."""

    def __init__(self, db: AsyncDatabase[Any], sight: Sight) -> None:
        self._db = db
        self._sight = sight
        self._told: set[tuple[str, str]] = set()
        self._whole: Names | None = None

    async def along(self, wanted: Names) -> list[Document]:
        """These things and what their assets stand in, as far as this person may see them."""
        found: list[Document] = []
        for kind in self._sight.kinds:
            left = wanted[kind]
            while left:
                documents = await self._fetch(kind, left)
                found += [told(kind, document) for document in documents]
                left = {document["parent_id"] for document in documents if document.get("parent_id")}
        return found

    async def _fetch(self, kind: str, ids: Iterable[str]) -> list[Document]:
        if len(self._told) > REMEMBERED:
            self._told.clear()
        fresh = [id for id in ids if (kind, id) not in self._told]
        self._told.update((kind, id) for id in fresh)
        return await self._find(kind, fresh, NEEDED[kind].projection)

    async def _find(self, kind: str, ids: Iterable[str], shown: Document) -> list[Document]:
        keys = [document_id(self._sight.tenant_id, id) for id in ids]
        if not keys:
            return []
        return await self._db[NEEDED[kind].collection].find({"_id": {"$in": keys}}, shown).to_list()

    async def whole(self, carried: Iterable[OrdersOf]) -> Names:
        """Ids of all that this person's orders name. Asked only when something of the tenant has changed;
        reads that person's orders and the assets above theirs."""
        if self._whole is None:
            found = named([])
            for phase in carried:
                query = phase.query(Position(at=milliseconds(phase.since)))
                rows = self._db[WORK_ORDERS.collection].find(query, NAMES)
                async for order in rows:
                    for kind, ids in named([order]).items():
                        found[kind] |= ids
            found["asset"] |= await self._above(found["asset"])
            self._whole = found
        return self._whole

    async def _above(self, assets: set[str]) -> set[str]:
        found: set[str] = set()
        left = assets
        while left:
            rows = await self._find("asset", left, {"parent_id": 1})
            left = {row["parent_id"] for row in rows if row["parent_id"]} - found
            found |= left
        return found


class Changed:
    """Things of one kind that changed since, where an order of this person names them."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        sight: Sight,
        kind: str,
        *,
        since: datetime,
        needs: Needs,
        carried: list[OrdersOf],
    ) -> None:
        self.name = f"changed.{kind}"
        self.since = since
        self._collection = db[NEEDED[kind].collection]
        self._sight = sight
        self._kind = kind
        self._needs = needs
        self._carried = carried

    def query(self, position: Position) -> Document:
        tenant_id = self._sight.tenant_id
        return {"tenant_id": tenant_id} | behind("updated_at", position, tenant_id)

    async def read(self, position: Position, limit: int) -> Found:
        shown = {"_id": 1, "updated_at": 1}
        found = self._collection.find(self.query(position), shown).sort([("updated_at", 1), ("_id", 1)])
        rows = await found.limit(SCANNED).to_list()
        if not rows:
            return Found(position=position, is_last=True)
        needed = (await self._needs.whole(self._carried))[self._kind]
        mine = [row for row in rows if self._id(row) in needed][:limit]
        last = mine[-1] if len(mine) == limit else rows[-1]
        wanted: Names = {kind: set() for kind in NEEDED} | {self._kind: {self._id(row) for row in mine}}
        return Found(
            others=await self._needs.along(wanted),
            position=Position(self.name, milliseconds(last["updated_at"]), self._id(last)),
            is_last=last is rows[-1] and len(rows) < SCANNED,
        )

    def _id(self, row: Document) -> str:
        return str(row["_id"]).removeprefix(document_id(self._sight.tenant_id, ""))


def phases(
    db: AsyncDatabase[Any], sight: Sight, carried: Iterable[OrdersOf], *, since: datetime, needs: Needs
) -> Iterator[Changed]:
    whole = list(carried)
    for kind in sight.kinds:
        yield Changed(db, sight, kind, since=since, needs=needs, carried=whole)


Phase = OrdersOf | Taken | Changed
