"""GET /api/work-orders/{id}/timeline, /api/exports/{kind}.csv, /api/overview and /api/policies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, answering, operation, page_of, parameter
from api.http.paging import take_limit
from api.http.problem import not_found
from api.http.query import conditions, parse
from api.reads import exports, overview, policies, timeline
from api.reads.lists import Reader
from api.views.resources import WORK_ORDERS

EXPORT = "importexport.export"


def routes(reader: Reader, db: AsyncDatabase[Any], now: Callable[[], datetime]) -> list[HTTPRouteHandler]:
    paged = [
        parameter("limit", "query", "commands of a page"),
        parameter("cursor", "query", "of the page before"),
    ]

    @get(
        "/api/work-orders/{id:str}/timeline",
        operation_id="work-orders.timeline",
        operation_class=operation(parameters=paged, responses=page_of()),
        tags=["read"],
        security=BEARER,
    )
    async def show_timeline(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        """Everything that happened to a work order, refused commands too, oldest first."""
        actor = await reader.actor(request, WORK_ORDERS.permission)
        given = parse(request.scope["query_string"])
        limit = take_limit(given)
        after = timeline.check_cursor(given.pop("cursor", None))
        conditions(given, {})
        found = await timeline.timeline(
            db, actor.tenant_id, f"work_order:{id[:100]}", after=after, limit=limit
        )
        if not found["items"] and not after:
            await reader.find(WORK_ORDERS, actor, id)
        return ASGIResponse(body=encode(found))

    @get(
        "/api/exports/{file:str}",
        media_type="text/csv",
        operation_id="exports",
        operation_class=operation(responses={"422": ("A parameter is unknown or malformed", PROBLEM)}),
        tags=["read"],
        security=BEARER,
    )
    async def export(request: Request[Any, Any, Any], file: FromPath[str]) -> Stream:
        """work-orders.csv, assets.csv or parts.csv, narrowed by the same parameters as the list."""
        wanted = exports.EXPORTS.get(file.removesuffix(".csv")) if file.endswith(".csv") else None
        actor = await reader.actor(request, EXPORT)
        if wanted is None:
            raise not_found("export", file[:100])
        actor = await reader.actor(request, wanted.resource.permission)
        given = parse(request.scope["query_string"])
        selected = [wanted.resource.selects(actor), *conditions(given, wanted.resource.filters)]
        headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
        return Stream(
            exports.rows(db, wanted, actor.tenant_id, selected),
            headers=headers,
        )

    @get(
        "/api/overview",
        operation_id="overview",
        operation_class=operation(responses=answering("Counted now", overview.Overview)),
        tags=["read"],
        security=BEARER,
    )
    async def show_overview(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Counts and charts for the first screen."""
        actor = await reader.actor(request, WORK_ORDERS.permission)
        return ASGIResponse(body=encode(await overview.overview(db, actor.tenant_id, now())))

    return [show_timeline, export, show_overview, policies.route(reader, db)]
