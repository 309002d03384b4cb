"""GET /api/operator/audit: what operators did in a tenant."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.database import Database

from adapters.mongo.client import Document, document_id, ids_of
from api.http.encoding import encode
from api.http.openapi import BEARER, operation, page_of, parameter
from api.http.paging import page_parameters
from api.identity.acts import Acting


def route(db: Database[Any], acting: Acting) -> HTTPRouteHandler:
    paged = [
        parameter("limit", "query", "rows of a page"),
        parameter("cursor", "query", "of the page before"),
    ]

    @get(
        "/api/operator/audit",
        operation_id="operator.audit",
        operation_class=operation(parameters=paged, responses=page_of()),
        tags=["operator"],
        security=BEARER,
    )
    async def audit(request: Request[Any, Any, Any]) -> ASGIResponse:
        """What operators did in my tenant, newest first."""
        actor = await acting.actor(request, "audit.read")
        limit, before = page_parameters(request.scope["query_string"])
        rows = await anyio.to_thread.run_sync(_newest, db, actor.tenant_id, limit + 1, before)
        items = [
            {name: row[name] for name in row if name not in ("_id", "tenant_id")} for row in rows[:limit]
        ]
        cursor = items[-1]["id"] if len(rows) > limit else None
        return ASGIResponse(body=encode({"items": items, "cursor": cursor}))

    return audit


def _newest(db: Database[Any], tenant_id: str, limit: int, before: str | None) -> list[Document]:
    query: Document = {"tenant_id": tenant_id} | ids_of(tenant_id)
    if before is not None:
        query["_id"]["$lt"] = document_id(tenant_id, before)
    return list(db["operator_actions"].find(query).sort("_id", -1).limit(limit))
