"""The views of a work order: names beside ids, and the rows of its ledger by kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from api.views import file_presence, names
from api.views.resource import plain
from api.views.resources import WORK_ORDERS

LEDGER = {
    "labor": "labor",
    "part": "part_entries",
    "cost": "costs",
    "comment": "comments",
    "attachment": "attachments",
    "signature": "signatures",
}
"""The document's list for each kind of ledger row."""

MOST_ROWS = 1_000
"""Of one order's ledger in one answer."""

_ROW_HIDDEN = ("_id", "tenant_id", "target", "kind")


async def list_views(db: AsyncDatabase[Any], tenant_id: str, documents: Sequence[Document]) -> list[Document]:
    """The views for a list: without the ledger's rows, whose totals are in the document."""
    people = {id for document in documents for id in document.get("assignee_ids", ())}
    assets = await names.of(db, "assets", tenant_id, [document.get("asset_id") for document in documents])
    users = await names.of(db, "users", tenant_id, people)
    return [_shape(plain(document), assets, users) for document in documents]


def _shape(document: Document, assets: dict[str, str], users: dict[str, str]) -> Document:
    asset_id = document.pop("asset_id", None)
    assignees = document.pop("assignee_ids", ())
    team_id = document.pop("team_id", None)
    return document | {
        "asset": names.ref(asset_id, assets),
        "assignees": [names.ref(id, users) for id in assignees],
        "team": names.ref(team_id, {}),
    }


async def full_view(db: AsyncDatabase[Any], tenant_id: str, document: Document) -> Document:
    """One order with the newest MOST_ROWS of its ledger, oldest row first; voided rows are marked.

    Whatever names a file tells whether it is stored. `ledger` {shown, total} counts the rows, so that a
    reader knows whether older ones are left out.
    """
    (shape,) = await _with_part_names(db, tenant_id, await list_views(db, tenant_id, [document]))
    query = {"tenant_id": tenant_id, "target": _target(document)}
    newest = await db["entries"].find(query).sort("_id", -1).limit(MOST_ROWS).to_list()
    lists = await _ledger(db, query, newest, most=MOST_ROWS)
    named = [*lists["attachments"], *lists["signatures"], *shape.get("checklist", ())]
    await file_presence.add_availability(db, tenant_id, named)
    return shape | lists


async def offline_views(
    db: AsyncDatabase[Any], tenant_id: str, documents: Sequence[Document], *, most_rows: int
) -> list[Document]:
    """The views of many orders for sync: as `full_view`, with the newest `most_rows` rows of each ledger."""
    shapes = await _with_part_names(db, tenant_id, await list_views(db, tenant_id, documents))
    newest = await _newest(db, tenant_id, documents, most_rows)
    return [
        shape
        | await _ledger(
            db,
            {"tenant_id": tenant_id, "target": _target(document)},
            newest.get(_target(document), []),
            most=most_rows,
        )
        for shape, document in zip(shapes, documents, strict=True)
    ]


async def _with_part_names(db: AsyncDatabase[Any], tenant_id: str, shapes: list[Document]) -> list[Document]:
    lines = [line["part_id"] for shape in shapes for line in shape.get("parts", ())]
    parts = await names.of(db, "parts", tenant_id, lines)
    return [
        shape | {"parts": [line | {"name": parts.get(line["part_id"])} for line in shape.get("parts", ())]}
        for shape in shapes
    ]


async def _newest(
    db: AsyncDatabase[Any], tenant_id: str, documents: Sequence[Document], most: int
) -> dict[str, list[Document]]:
    """The newest `most` rows of each order, newest first, by target: one query, bounded by index per
    order."""
    pipeline: list[Document] = [
        {"$match": {"tenant_id": tenant_id}},
        {"$sort": {"_id": -1}},
        {"$limit": most},
    ]
    rows = await db[WORK_ORDERS.collection].aggregate(
        [
            {"$match": {"_id": {"$in": [document["_id"] for document in documents]}}},
            {"$project": {"_id": 0, "target": {"$concat": ["work_order:", "$id"]}}},
            {
                "$lookup": {
                    "from": "entries",
                    "localField": "target",
                    "foreignField": "target",
                    "pipeline": pipeline,
                    "as": "rows",
                }
            },
        ]
    )
    return {row["target"]: row["rows"] async for row in rows}


async def _ledger(db: AsyncDatabase[Any], query: Document, newest: list[Document], *, most: int) -> Document:
    """The rows in lists by kind, and how many of the total they are."""
    lists: dict[str, list[Document]] = {name: [] for name in LEDGER.values()}
    total = len(newest)
    if total == most:
        total = await db["entries"].count_documents(query)
    for row in reversed(newest):
        if row["kind"] in LEDGER:
            view = {name: value for name, value in row.items() if name not in _ROW_HIDDEN}
            lists[LEDGER[row["kind"]]].append(view)
    return lists | {"ledger": {"shown": len(newest), "total": total}}


def _target(document: Document) -> str:
    return f"work_order:{document['id']}"
