"""The current entity beside a conflict, so that a client can decide without another request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id
from api.views.resource import plain
from api.views.resources import RESOURCES
from domain.identity.actor import Actor
from domain.kinds import ENTITIES


async def with_server_docs(
    db: AsyncDatabase[Any], actor: Actor, receipts: Sequence[Document]
) -> Sequence[Document]:
    """Beside each open conflict the entity as it is now, where this actor may see it: `server_doc`."""
    wanted: dict[str, set[str]] = {}
    for shown in receipts:
        if "allowed" in shown:
            kind, _, id = shown["target"].partition(":")
            wanted.setdefault(kind, set()).add(id)
    found = {kind: await _seen(db, actor, kind, ids) for kind, ids in wanted.items()}
    for shown in receipts:
        kind, _, id = shown["target"].partition(":")
        if "allowed" in shown and id in found[kind]:
            shown["server_doc"] = found[kind][id]
    return receipts


async def _seen(db: AsyncDatabase[Any], actor: Actor, kind: str, ids: set[str]) -> dict[str, Document]:
    entity = ENTITIES.get(kind)
    resource = next((one for one in RESOURCES if entity and one.collection == entity.collection), None)
    if resource is None or (resource.permission and not actor.can(resource.permission)):
        return {}
    query = resource.selects(actor) | {"_id": {"$in": [document_id(actor.tenant_id, id) for id in ids]}}
    return {one["id"]: plain(one) async for one in db[resource.collection].find(query, resource.projection)}
