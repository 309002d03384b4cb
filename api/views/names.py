"""Ids of other entities become {id, name}, read for a whole page at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id


async def of(
    db: AsyncDatabase[Any], collection: str, tenant_id: str, ids: Iterable[str | None]
) -> dict[str, str]:
    """Names by id, of those entities that exist in the tenant."""
    keys = [document_id(tenant_id, id) for id in {id for id in ids if id}]
    if not keys:
        return {}
    rows = db[collection].find({"_id": {"$in": keys}}, {"id": 1, "name": 1})
    return {row["id"]: row["name"] async for row in rows}


def ref(id: str | None, names: dict[str, str]) -> Document | None:
    """{id, name}; the name is null where the entity does not exist (yet)."""
    return None if id is None else {"id": id, "name": names.get(id)}
