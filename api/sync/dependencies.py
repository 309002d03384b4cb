"""Dependencies of orders: assets with their parents, parts, and templates of plans. They are sent with every
order that names them, and by themselves when they change while an order of this person names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id
from api.sync.cursor import Position, milliseconds
from api.sync.orders import OrdersOf, Rows, Taken, after_position
from api.sync.scope import DEPENDENCIES, Scope
from api.views.resource import plain, plan_view
from api.views.resources import WORK_ORDERS

SCANNED = 1_000
"""Changed entities of a tenant read at a time, from the index alone."""

MOST_REMEMBERED = 10_000
"""Entities remembered to avoid sending them twice in one answer; beyond that it may happen."""

NAMES = dict.fromkeys(("asset_id", "route", "parts.part_id", "plan.id"), 1)
Names = dict[str, set[str]]

TEMPLATE = ("id", "version", "name", "state", "revision", "template")


def entity_view(kind: str, document: Document) -> Document:
    view = plain(document)
    if kind == "template":
        rules = plan_view(document)
        view = {name: rules[name] for name in TEMPLATE}
    return {"kind": kind, "id": document["id"], "version": document["version"], "document": view}


def ids_in_orders(orders: Iterable[Document]) -> Names:
    """The ids that these orders name directly, by kind."""
    ids: Names = {kind: set() for kind in DEPENDENCIES}
    for order in orders:
        ids["asset"].update(id for id in (order.get("asset_id"), *order.get("route", ())) if id)
        ids["part"].update(line["part_id"] for line in order.get("parts", ()))
        if order.get("plan"):
            ids["template"].add(order["plan"]["id"])
    return ids


class DependencyLoader:
    """Loads the dependencies of one answer's orders, each entity once."""

    def __init__(self, db: AsyncDatabase[Any], scope: Scope) -> None:
        self._db = db
        self._scope = scope
        self._sent: set[tuple[str, str]] = set()
        self._all_ids: Names | None = None

    async def load(self, ids: Names) -> list[Document]:
        """The entities with these ids, and the parents of assets, as far as this person may see them."""
        entities: list[Document] = []
        for kind in self._scope.kinds:
            left = ids[kind]
            while left:
                documents = await self._fetch(kind, left)
                entities += [entity_view(kind, document) for document in documents]
                left = {document["parent_id"] for document in documents if document.get("parent_id")}
        return entities

    async def _fetch(self, kind: str, ids: Iterable[str]) -> list[Document]:
        if len(self._sent) > MOST_REMEMBERED:
            self._sent.clear()
        fresh = [id for id in ids if (kind, id) not in self._sent]
        self._sent.update((kind, id) for id in fresh)
        return await self._find(kind, fresh, DEPENDENCIES[kind].projection)

    async def _find(self, kind: str, ids: Iterable[str], projection: Document) -> list[Document]:
        keys = [document_id(self._scope.tenant_id, id) for id in ids]
        if not keys:
            return []
        return (
            await self._db[DEPENDENCIES[kind].collection].find({"_id": {"$in": keys}}, projection).to_list()
        )

    async def all_ids(self, carried: Iterable[OrdersOf]) -> Names:
        """The ids of all dependencies of this person's orders. Reads those orders and the parents of their
        assets, so it is called only when an entity of the tenant has changed."""
        if self._all_ids is None:
            ids_by_kind = ids_in_orders([])
            for phase in carried:
                query = phase.query(Position(at=milliseconds(phase.since)))
                rows = self._db[WORK_ORDERS.collection].find(query, NAMES)
                async for order in rows:
                    for kind, ids in ids_in_orders([order]).items():
                        ids_by_kind[kind] |= ids
            ids_by_kind["asset"] |= await self._above(ids_by_kind["asset"])
            self._all_ids = ids_by_kind
        return self._all_ids

    async def _above(self, assets: set[str]) -> set[str]:
        parents: set[str] = set()
        left = assets
        while left:
            rows = await self._find("asset", left, {"parent_id": 1})
            left = {row["parent_id"] for row in rows if row["parent_id"]} - parents
            parents |= left
        return parents


class ChangedDependencies:
    """Entities of one kind that changed since `since` and that an order of this person names."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        scope: Scope,
        kind: str,
        *,
        since: datetime,
        loader: DependencyLoader,
        carried: list[OrdersOf],
    ) -> None:
        self.name = f"changed.{kind}"
        self.since = since
        self._collection = db[DEPENDENCIES[kind].collection]
        self._scope = scope
        self._kind = kind
        self._loader = loader
        self._carried = carried

    def query(self, position: Position) -> Document:
        tenant_id = self._scope.tenant_id
        return {"tenant_id": tenant_id} | after_position("updated_at", position, tenant_id)

    async def read(self, position: Position, limit: int) -> Rows:
        projection = {"_id": 1, "updated_at": 1}
        matching = self._collection.find(self.query(position), projection).sort(
            [("updated_at", 1), ("_id", 1)]
        )
        rows = await matching.limit(SCANNED).to_list()
        if not rows:
            return Rows(position=position, is_last=True)
        needed = (await self._loader.all_ids(self._carried))[self._kind]
        mine = [row for row in rows if self._id(row) in needed][:limit]
        last = mine[-1] if len(mine) == limit else rows[-1]
        ids: Names = {kind: set() for kind in DEPENDENCIES} | {self._kind: {self._id(row) for row in mine}}
        return Rows(
            others=await self._loader.load(ids),
            position=Position(self.name, milliseconds(last["updated_at"]), self._id(last)),
            is_last=last is rows[-1] and len(rows) < SCANNED,
        )

    def _id(self, row: Document) -> str:
        return str(row["_id"]).removeprefix(document_id(self._scope.tenant_id, ""))


def phases(
    db: AsyncDatabase[Any],
    scope: Scope,
    carried: Iterable[OrdersOf],
    *,
    since: datetime,
    loader: DependencyLoader,
) -> Iterator[ChangedDependencies]:
    orders = list(carried)
    for kind in scope.kinds:
        yield ChangedDependencies(db, scope, kind, since=since, loader=loader, carried=orders)


Phase = OrdersOf | Taken | ChangedDependencies
