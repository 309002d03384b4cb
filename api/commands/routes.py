"""POST /api/commands/{type}: one route, and one OpenAPI operation, per catalogued command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from api.commands.acceptance import CommandAcceptance, unknown_command
from api.http.openapi import ACCEPTED, BEARER, PROBLEM, operation, parameter, schema_of
from api.identity.authentication import Identity
from api.views.receipts import RECEIPT
from tasks.catalogue import Catalogue
from tasks.command import Spec

_PARAMETERS = (
    parameter(
        "Idempotency-Key",
        "header",
        "identifies this command: a repeat gets the first answer",
        required=True,
        schema={"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
    ),
    parameter("If-Match", "header", 'the version the user saw, in quotes: "7"'),
    parameter("Prefer", "header", "wait=<seconds, at most 10> for the final state"),
    parameter("traceparent", "header", "W3C trace context"),
)

_RESPONSES = {
    "202": ("Accepted: durable, applied soon", ACCEPTED),
    "200": ("With Prefer: wait: applied in time; the receipt", RECEIPT),
    "400": ("Idempotency-Key or If-Match missing or malformed", PROBLEM),
    "409": ("With Prefer: wait: a conflict", PROBLEM),
    "413": ("More than 256 KiB", PROBLEM),
    "422": ("Invalid, or the key was used with another body; with Prefer: wait, not applied", PROBLEM),
    "429": ("Too much at once; nothing was kept", PROBLEM),
    "503": ("Outcome unknown: repeat the same body with the same key", PROBLEM),
}


def routes(
    catalogue: Catalogue, acceptance: CommandAcceptance, identity: Identity
) -> Iterator[HTTPRouteHandler]:
    """A route for each public command, and one that answers 404 to all other names."""
    for spec in catalogue.values():
        if not spec.internal:
            yield _route(spec, acceptance)
    yield _unknown(identity)


def _route(spec: Spec, acceptance: CommandAcceptance) -> HTTPRouteHandler:
    decoder = msgspec.json.Decoder(spec.payload, strict=True)
    permission = f"Needs `{spec.permission}`." if spec.permission else "Any signed-in user of the tenant."
    described = operation(parameters=_PARAMETERS, request=schema_of(spec.payload), responses=_RESPONSES)

    @post(
        f"/api/commands/{spec.type}",
        status_code=202,
        name=spec.type,
        operation_id=spec.type,
        operation_class=described,
        summary=spec.summary or spec.type,
        description=permission,
        tags=[spec.kind],
        security=BEARER,
    )
    async def accept(request: Request[Any, Any, Any]) -> ASGIResponse:
        return await acceptance.accept(spec, decoder, request.scope, request.receive)

    return accept


def _unknown(identity: Identity) -> HTTPRouteHandler:
    @post("/api/commands/{name:str}", include_in_schema=False)
    async def refuse(request: Request[Any, Any, Any], name: FromPath[str]) -> None:
        await identity.actor(request.headers.get("authorization", ""))
        raise unknown_command(name)

    return refuse
