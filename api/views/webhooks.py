"""The view of webhooks: without the secret, with the health of the endpoint."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from domain.notices.breaker import Breaker

_HEALTH = ("failures", "open_until", "last_error", "last_error_at", "last_ok_at")


async def list_views(db: AsyncDatabase[Any], documents: list[Document]) -> list[Document]:
    """The views, each with `health`: the breaker's state by the server's clock, and the last errors."""
    match = {"_id": {"$in": [document["_id"] for document in documents]}}
    rows = await db["webhook_health"].aggregate([{"$match": match}, {"$set": {"now": "$$NOW"}}])
    health = {row["_id"]: row async for row in rows}
    return [
        {name: value for name, value in document.items() if name != "_id"}
        | {"health": _health(health.get(document["_id"], {}))}
        for document in documents
    ]


def _health(row: Document) -> Document:
    state = msgspec.convert(row, Breaker).state(row["now"]) if row else "closed"
    return {"state": state} | {name: row.get(name, 0 if name == "failures" else None) for name in _HEALTH}
