"""Rivals of acceptance: our Litestar application with two more routes. `python -m bench.web`

`/api/bench/bare`: every check of our own route, then 202; nothing is stored.
`/api/bench/single`: everything our own route does, but each request awaits its own insert.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, post
from litestar.response.base import ASGIResponse

from adapters.commands.acceptance import Accepted, Intake
from adapters.mongo.client import Document
from adapters.process import logs
from adapters.settings.table import from_environment
from api.__main__ import serve
from api.app import House, create_app
from api.commands.acceptance import CommandAcceptance
from api.http import body
from api.http import headers as request_headers
from api.identity.authentication import need
from tasks.catalogue import catalogue

_SPEC = catalogue()["work_order.create"]
_DECODER = msgspec.json.Decoder(_SPEC.payload, strict=True)
_encode = msgspec.json.Encoder().encode


class SingleInsert(Intake):
    """Each command is a write of its own, with the same majority and journal."""

    async def accept(self, document: Document) -> Accepted:
        await self._commands.insert_one(document)
        return Accepted(document, replayed=False)


@post("/api/bench/bare", status_code=202)
async def bare(request: Request[Any, Any, Any]) -> ASGIResponse:
    """The same steps before the write, and an answer of the same shape."""
    house: House = request.app.state.house
    headers: body.Headers = dict(request.scope["headers"])
    actor = await house.identity.actor(headers.get(b"authorization", b"").decode("latin-1"))
    body.check_media_type(headers)
    raw = await body.read(headers, request.receive)
    request_headers.idempotency_key(headers)
    request_headers.base_version(headers)
    need(actor, _SPEC.permission)
    typed, _ = body.decode(raw, _DECODER)
    id = house.new_id()
    answer = {
        "command_id": id,
        "type": _SPEC.type,
        "target": f"{_SPEC.kind}:{_SPEC.target_id(typed, None)}",
        "state": "accepted",
        "accepted_at": house.clock.now(),
    }
    return ASGIResponse(body=_encode(answer), status_code=202, headers={"location": f"/api/commands/{id}"})


@post("/api/bench/single", status_code=202)
async def single(request: Request[Any, Any, Any]) -> ASGIResponse:
    return await _acceptance(request.app.state.house).accept(_SPEC, _DECODER, request.scope, request.receive)


def _acceptance(house: House) -> CommandAcceptance:
    return CommandAcceptance(
        identity=house.identity,
        intake=SingleInsert(house.db["commands"]),
        hints=house.hints,
        waits=house.waits,
        db=house.db,
        metrics=house.metrics,
        now=house.clock.now,
        new_id=house.new_id,
    )


def main() -> None:
    settings = from_environment()
    logs.configure(settings, "web")
    serve(create_app(settings, extra_routes=[bare, single]), settings)


if __name__ == "__main__":
    main()
