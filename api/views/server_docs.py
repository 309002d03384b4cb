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
    """Adds `server_doc`, the current entity, to each receipt of an open conflict, if the actor may see it."""
    ids_by_kind: dict[str, set[str]] = {}
    for receipt in receipts:
        if "allowed" in receipt:
            kind, _, id = receipt["target"].partition(":")
            ids_by_kind.setdefault(kind, set()).add(id)
    documents = {kind: await _visible(db, actor, kind, ids) for kind, ids in ids_by_kind.items()}
    for receipt in receipts:
        kind, _, id = receipt["target"].partition(":")
        if "allowed" in receipt and id in documents[kind]:
            receipt["server_doc"] = documents[kind][id]
    return receipts


async def _visible(db: AsyncDatabase[Any], actor: Actor, kind: str, ids: set[str]) -> dict[str, Document]:
    entity = ENTITIES.get(kind)
    resource = next((one for one in RESOURCES if entity and one.collection == entity.collection), None)
    if resource is None or (resource.permission and not actor.can(resource.permission)):
        return {}
    query = resource.selects(actor) | {"_id": {"$in": [document_id(actor.tenant_id, id) for id in ids]}}
    return {one["id"]: plain(one) async for one in db[resource.collection].find(query, resource.projection)}
