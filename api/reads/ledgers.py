"""GET /api/meters/{id}/readings and /api/assets/{id}/downtimes: rows of a ledger, newest first, in pages."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from api.http.encoding import encode
from api.http.openapi import BEARER, operation, page_of, parameter
from api.http.paging import MOST, Order, page, take_cursor, take_limit
from api.http.query import conditions, parse
from api.reads.lists import Reader
from api.views.resource import Resource
from api.views.resources import ASSETS, METERS
from api.views.schemas import row_of


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one `kind` that belong to documents of a list; `renamed`: fields with another name in the
    view."""

    of: Resource
    target: str
    path: str
    kind: str
    renamed: dict[str, str]


LEDGERS = (
    Ledger(of=METERS, target="meter", path="readings", kind="reading", renamed={"change": "kind"}),
    Ledger(
        of=ASSETS,
        target="asset",
        path="downtimes",
        kind="downtime",
        renamed={"since": "from", "until": "to"},
    ),
)

# A row's id begins with its time, so ids sort by time.
_NEWEST_FIRST = Order("-id", "_id", descending=True)
_HIDDEN = ("tenant_id", "target", "kind")


def routes(reader: Reader, db: AsyncDatabase[Any]) -> list[HTTPRouteHandler]:
    return [_route(ledger, reader, db) for ledger in LEDGERS]


def _route(ledger: Ledger, reader: Reader, db: AsyncDatabase[Any]) -> HTTPRouteHandler:
    paged = [
        parameter(
            "limit", "query", "rows of a page", schema={"type": "integer", "minimum": 1, "maximum": MOST}
        ),
        parameter("cursor", "query", "the `cursor` of the page before"),
    ]

    @get(
        f"/api/{ledger.of.path}/{{id:str}}/{ledger.path}",
        name=f"{ledger.of.path}.{ledger.path}",
        operation_id=f"{ledger.of.path}.{ledger.path}",
        operation_class=operation(
            parameters=paged,
            responses=page_of(row_of(ledger.kind, ledger.renamed)),
        ),
        summary=f"List {ledger.path}, newest first",
        description=f"Needs `{ledger.of.permission}`.",
        tags=["read"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any], id: FromPath[str]) -> ASGIResponse:
        actor = await reader.actor(request, ledger.of.permission)
        parameters = parse(request.scope["query_string"])
        limit = take_limit(parameters)
        after_cursor = take_cursor(parameters, _NEWEST_FIRST)
        conditions(parameters, {})
        owner = await reader.find(ledger.of, actor, id)
        selection: list[Document] = [
            {"tenant_id": actor.tenant_id, "target": f"{ledger.target}:{owner['id']}", "kind": ledger.kind},
            *([after_cursor] if after_cursor else []),
        ]
        current = await page(
            db["entries"], selection, _NEWEST_FIRST, limit, projection=dict.fromkeys(_HIDDEN, 0)
        )
        items = [_shown(ledger, row) for row in current.items]
        return ASGIResponse(body=encode({"items": items, "cursor": current.cursor}))

    return show


def _shown(ledger: Ledger, row: Document) -> Document:
    return {ledger.renamed.get(name, name): value for name, value in row.items() if name != "_id"}
