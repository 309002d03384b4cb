"""Following commands: receipts, lists, cancelling, and the catalogue of command types."""

from __future__ import annotations

import re
from typing import Any, get_args

import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from adapters.commands.document import State
from adapters.mongo.client import Document
from adapters.operators import manual_endings as endings
from adapters.operators.audit import Act
from adapters.operators.outcomes import Outcome
from api.commands.means import Means
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, Items, answering, operation, page_of, parameter, schema_of
from api.http.paging import page, take_cursor, take_limit, take_order
from api.http.problem import Fault, Problem, invalid, not_found
from api.http.query import Parameter, conditions, parse, words
from api.identity.acts import visible
from api.views.receipts import RECEIPT, load_receipt, receipt_view
from api.views.server_docs import with_server_docs
from domain.fields import Reason
from domain.identity.actor import Actor
from domain.ids import UUID7
from tasks.command import Spec

SEES_ALL = "ops.read"
"""The permission to see all commands of the tenant; without it one sees one's own."""

CANCELS_ALL = "ops.discard"
_UUID7 = re.compile(UUID7)


def _command_ids(value: str) -> Document:
    ids = value.split(",")
    if len(ids) > 200 or not all(_UUID7.fullmatch(id) for id in ids):
        raise ValueError("takes up to 200 command ids, separated by commas")
    return {"_id": {"$in": ids}}


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason | None = None


class CommandType(msgspec.Struct, frozen=True, kw_only=True):
    """A command type. `allowed`: whether the actor has its permission now."""

    type: str
    summary: str
    kind: str
    creates: bool
    permission: str | None
    allowed: bool
    schema_version: int
    touches: tuple[str, ...]
    payload: Document


_CANCEL = msgspec.json.Decoder(Cancel)

FILTERS = {
    "state": words("state", get_args(State)),
    "type": words("type"),
    "target": words("target"),
    "ids": Parameter(_command_ids, "up to 200 command ids, separated by commas"),
}
SORTS = {"accepted": "_id"}


class Tracking:
    def __init__(self, means: Means) -> None:
        self._means = means

    async def one(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        document = await self._means.db["commands"].find_one(visible(actor, SEES_ALL) | {"_id": id})
        if document is None:
            raise not_found("command", id[:100])
        (view,) = await with_server_docs(
            self._means.db, actor, [await load_receipt(self._means.db, document)]
        )
        return ASGIResponse(body=encode(view))

    async def listing(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        parameters = parse(request.scope["query_string"])
        limit = take_limit(parameters)
        order = take_order(parameters, SORTS, "-accepted")
        after_cursor = take_cursor(parameters, order)
        selection = [
            visible(actor, SEES_ALL),
            *conditions(parameters, FILTERS),
            *([after_cursor] if after_cursor else []),
        ]
        current = await page(self._means.db["commands"], selection, order, limit, projection={"payload": 0})
        items = [receipt_view(document) for document in current.items]
        for item in items:
            # A list leaves out the events; the receipt of one command has them.
            del item["events"]
        return ASGIResponse(body=encode({"items": items, "cursor": current.cursor}))

    async def cancel(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        if (
            await self._means.db["commands"].find_one(visible(actor, CANCELS_ALL) | {"_id": id}, {"_id": 1})
            is None
        ):
            raise not_found("command", id[:100])
        act = self._means.acting.by(actor, request, await _reason(request))
        try:
            outcome = await anyio.to_thread.run_sync(self._cancel, id, act)
        except endings.TooLate as late:
            state = late.document["state"]
            raise Problem(409, "too_late", str(late), command_id=id, state=state) from None
        except endings.ReasonNeeded as error:
            raise invalid(Fault("/reason", "missing_field", str(error))) from None
        self._means.publish(outcome)
        return ASGIResponse(body=encode(await load_receipt(self._means.db, outcome.command)))

    def _cancel(self, id: str, act: Act) -> Outcome:
        outcome = endings.cancel(self._means.acts_db, id, act, keys_kept=self._means.keys_kept)
        if outcome is None:
            raise not_found("command", id[:100])
        return outcome

    async def catalogue(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        items = [_command_type(spec, actor) for spec in self._means.catalogue.values() if not spec.internal]
        return ASGIResponse(body=encode(Items(items)))


async def _reason(request: Request[Any, Any, Any]) -> str:
    """The reason given in the request body; "" if there is none. Raises: Problem 413, 415, 422."""
    headers: body.Headers = dict(request.scope["headers"])
    raw = await body.read(headers, request.receive)
    if not raw:
        return ""
    body.check_media_type(headers)
    request_body, plain = body.decode(raw, _CANCEL)
    body.refuse_unstorable(plain)
    return request_body.reason or ""


def _command_type(spec: Spec, actor: Actor) -> CommandType:
    return CommandType(
        type=spec.type,
        summary=spec.summary,
        kind=spec.kind,
        creates=spec.creates,
        permission=spec.permission,
        allowed=spec.permission is None or actor.can(spec.permission),
        schema_version=spec.schema_version,
        touches=spec.touches,
        payload=msgspec.json.schema(spec.payload),
    )


def routes(tracking: Tracking) -> list[HTTPRouteHandler]:
    parameters = [parameter(name, "query", filter_.meaning) for name, filter_ in FILTERS.items()]
    parameters.append(parameter("cursor", "query", "the `cursor` of the page before"))

    @get(
        "/api/commands/{command_id:str}",
        operation_id="commands.one",
        operation_class=operation(responses={"200": ("The receipt", RECEIPT)}),
        tags=["commands"],
        security=BEARER,
    )
    async def one(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """The receipt of a command."""
        return await tracking.one(request, command_id)

    @get(
        "/api/commands",
        operation_id="commands.list",
        operation_class=operation(parameters=parameters, responses=page_of(RECEIPT)),
        tags=["commands"],
        security=BEARER,
    )
    async def list_(request: Request[Any, Any, Any]) -> ASGIResponse:
        """My commands, newest first; everybody's with `ops.read`."""
        return await tracking.listing(request)

    @post(
        "/api/commands/{command_id:str}/cancel",
        status_code=200,
        operation_id="commands.cancel",
        operation_class=operation(
            request=schema_of(Cancel),
            request_required=False,
            responses={"200": ("The receipt", RECEIPT), "409": ("`too_late`: it is final", PROBLEM)},
        ),
        tags=["commands"],
        security=BEARER,
    )
    async def cancel(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Cancel a command that is not final yet, else 409 `too_late`; somebody else's needs a reason."""
        return await tracking.cancel(request, command_id)

    @get(
        "/api/commands/catalogue",
        operation_id="commands.catalogue",
        operation_class=operation(responses=answering("All command types", Items[CommandType])),
        tags=["commands"],
        security=BEARER,
    )
    async def catalogue(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Every command type, with its payload's JSON schema."""
        return await tracking.catalogue(request)

    return [one, list_, cancel, catalogue]
