"""GET /api/policies: the tenant's SLA and reminder policies."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, document_id
from api.http.encoding import encode
from api.http.openapi import BEARER, operation
from api.reads.lists import Reader
from api.views.resource import plain
from api.views.resources import WORK_ORDERS
from api.views.schemas import shown_of
from domain.policies import Policies
from tasks.command import THE_TENANTS

SHOWN = ("id", "version", "sla", "reminders", "updated_at")
NONE: Document = {"id": THE_TENANTS, "version": 0, "sla": [], "reminders": []}


def route(reader: Reader, db: AsyncDatabase[Any]) -> HTTPRouteHandler:
    answer = {"200": ("The policies; of version 0 before there is one", shown_of(Policies, SHOWN))}

    @get(
        "/api/policies",
        operation_id="policies",
        operation_class=operation(responses=answer),
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any]) -> ASGIResponse:
        """The tenant's SLA and reminder policies, all in one document."""
        actor = await reader.actor(request, WORK_ORDERS.permission)
        own = {"_id": document_id(actor.tenant_id, THE_TENANTS), "tenant_id": actor.tenant_id}
        policies = await db["policies"].find_one(own, dict.fromkeys(SHOWN, 1))
        return ASGIResponse(body=encode(plain(policies) if policies else NONE))

    return show
