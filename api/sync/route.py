"""GET /api/sync: the protocol is in docs/sync.md."""

from __future__ import annotations

from typing import Any, get_args

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from api.http.openapi import BEARER, TEXT, TIME, Json, operation, parameter
from api.http.query import bad, conditions, parse
from api.reads.lists import Reader
from api.sync.answer import Sync
from api.sync.cursor import Reason
from api.sync.orders import KIND
from api.sync.scope import DEPENDENCIES, scope_of
from api.views.resources import WORK_ORDERS

DEFAULT_LIMIT = 500
MOST = 10_000

_NAMED: Json = {
    "kind": {"type": "string", "enum": [KIND, *DEPENDENCIES]},
    "id": TEXT,
    "version": {"type": "integer"},
}
ANSWER: Json = {
    "type": "object",
    "required": ["resync", "full", "at", "entities", "tombstones", "more", "cursor"],
    "properties": {
        "resync": {"type": "boolean"},
        "reason": {"type": "string", "enum": list(get_args(Reason))},
        "full": {"type": "boolean"},
        "at": TIME,
        "entities": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [*_NAMED, "document"],
                "properties": _NAMED | {"document": {"type": "object"}},
            },
        },
        "tombstones": {
            "type": "array",
            "items": {"type": "object", "required": list(_NAMED), "properties": _NAMED},
        },
        "more": {"type": "boolean"},
        "cursor": TEXT,
    },
}


def route(reader: Reader, sync: Sync) -> HTTPRouteHandler:
    documented = [
        parameter("since", "query", "the `cursor` of the answer before; without it a whole copy begins"),
        parameter(
            "limit",
            "query",
            f"changes in one answer, default {DEFAULT_LIMIT}",
            schema={"type": "integer", "minimum": 1, "maximum": MOST},
        ),
        parameter("If-None-Match", "header", "the ETag of the answer before"),
    ]

    @get(
        "/api/sync",
        operation_id="sync",
        operation_class=operation(
            parameters=documented,
            responses={
                "200": ("What changed, or `resync`", ANSWER),
                "304": ("Nothing new since the answer with this ETag", None),
            },
        ),
        summary="The data one needs offline, and its changes",
        description=f"Needs `{WORK_ORDERS.permission}`. 304 if nothing is new since that ETag.",
        tags=["offline"],
        security=BEARER,
    )
    async def show(request: Request[Any, Any, Any]) -> Response[Any]:
        actor = await reader.actor(request, WORK_ORDERS.permission)
        parameters = parse(request.scope["query_string"])
        limit, since = take_limit(parameters), parameters.pop("since", None)
        conditions(parameters, {})
        etags = request.headers.get("if-none-match", "")
        return await sync.answer(scope_of(actor), since, limit=limit, etags=etags)

    return show


def take_limit(parameters: dict[str, str]) -> int:
    """Removes `limit`. Raises: Problem 422."""
    value = parameters.pop("limit", str(DEFAULT_LIMIT))
    if not value.isascii() or not value.isdigit() or len(value) > 6 or not 1 <= int(value) <= MOST:
        raise bad("limit", "out_of_range", f"limit is a whole number from 1 to {MOST}")
    return int(value)
