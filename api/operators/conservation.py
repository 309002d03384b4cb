"""GET /api/operator/conservation: whether every accepted command is final or active."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import anyio.to_thread
import msgspec
import pymongo
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.database import Database

from adapters.operators.conservation import Row, conservation
from api.http.encoding import encode
from api.http.openapi import BEARER, answering, operation
from api.identity.acts import Acting

COUNT_DEADLINE = timedelta(seconds=30)
"""The count reads every command of the tenant; no filter makes them fewer."""


class Conservation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every command that was accepted is final or active: in total, and by type."""

    balanced: bool
    items: list[Row]


def route(db: Database[Any], acting: Acting) -> HTTPRouteHandler:
    @get(
        "/api/operator/conservation",
        operation_id="operator.conservation",
        operation_class=operation(responses=answering("Counted now", Conservation)),
        tags=["operator"],
        security=BEARER,
    )
    async def conserved(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Accepted = final + active, per type, counted now."""
        actor = await acting.actor(request, "ops.read")
        rows = await anyio.to_thread.run_sync(_count, db, actor.tenant_id)
        return ASGIResponse(body=encode(Conservation(balanced=all(row.balanced for row in rows), items=rows)))

    return conserved


def _count(db: Database[Any], tenant_id: str) -> list[Row]:
    with pymongo.timeout(COUNT_DEADLINE.total_seconds()):
        return conservation(db, tenant_id)
