"""What waits for a person: conflicts of devices, and work done offline by who may no longer do it."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from adapters.commands.acceptance import Intake
from adapters.commands.document import TargetQueue
from adapters.commands.secrets import masked
from adapters.mongo.client import Document
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.operators.resolutions import CONFLICT, REVIEW, WAYS, Choice, NothingToDecide
from api.commands.means import Means
from api.http import body
from api.http.encoding import encode
from api.http.openapi import ACCEPTED, BEARER, PROBLEM, operation, page_of, parameter, schema_of
from api.http.paging import page, take_cursor, take_limit, take_order
from api.http.problem import Fault, Problem, invalid, not_found
from api.http.query import conditions as filtered
from api.http.query import flag, ids, parse, words
from api.identity.acts import visible
from api.identity.authentication import need
from api.offline.decision import Decision, nothing_to_decide
from api.offline.reapply import Reapplying
from api.views.receipts import RECEIPT, receipt, told
from api.views.server_docs import with_server_docs
from domain.identity.actor import Actor
from domain.identity.permissions import leave_for

REVIEWS = "offline.review"
"""With it one sees and decides everybody's of the tenant, else one's own conflicts."""

FILTERS = {
    "kind": words("inbox", (CONFLICT, REVIEW)),
    "for_planner": flag({"for_planner": True}, {"for_planner": {"$ne": True}}),
    "type": words("type"),
    "target": words("target"),
    "user_id": ids("origin.user_id"),
}
SORTS = {"accepted": "_id"}


class Inbox:
    def __init__(self, means: Means, intake: Intake) -> None:
        self._means = means
        self._reapplying = Reapplying(means, intake)

    async def listing(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        given = parse(request.scope["query_string"])
        limit = take_limit(given)
        order = take_order(given, SORTS, "accepted")
        behind = take_cursor(given, order)
        # The states are for the index, which holds what did not go well.
        undecided = {"state": {"$in": ["conflict", "parked"]}, "inbox": {"$exists": True}}
        wanted = [visible(actor, REVIEWS) | undecided, *filtered(given, FILTERS)]
        found = await page(
            self._means.db["commands"], [*wanted, *([behind] if behind else [])], order, limit, projection={}
        )
        items = await with_server_docs(self._means.db, actor, [_item(command) for command in found.items])
        return ASGIResponse(body=encode({"items": items, "cursor": found.cursor}))

    async def decide(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        wanted = await body.said(request, Decision)
        command = await self._means.db["commands"].find_one(visible(actor, REVIEWS) | {"_id": id})
        if command is None:
            raise not_found("command", id[:100])
        self._may_decide(actor, command, wanted)
        act = self._means.acting.by(actor, request, wanted.reason or "")
        if wanted.choice == "reapply":
            return await self._reapplying.reapply(request, actor, command, wanted, act)
        after, lines = await anyio.to_thread.run_sync(self._decide, id, act, wanted.choice)
        if wanted.choice == "reject":
            self._means.metrics.commands_final.labels(after["type"], after["state"]).inc()
        for line in lines:
            self._means.hints.hint(command["queue"], line)
        (shown,) = await with_server_docs(self._means.db, actor, [await receipt(self._means.db, after)])
        return ASGIResponse(body=encode(shown))

    def _decide(self, id: str, act: Act, choice: Choice) -> tuple[Document, list[TargetQueue]]:
        try:
            return resolutions.decide(self._means.acts_db, id, act, choice, keys_kept=self._means.keys_kept)
        except NothingToDecide as error:
            raise nothing_to_decide(id, error) from None

    def _may_decide(self, actor: Actor, command: Document, wanted: Decision) -> None:
        """Raises: Problem 403, 422."""
        is_own = command["origin"].get("user_id") == actor.user_id
        if wanted.choice in ("approve", "reject"):
            need(actor, REVIEWS)
        if wanted.choice == "approve":
            if is_own:
                raise Problem(403, "forbidden", "nobody approves what they did themselves")
            spec = self._means.catalogue.get(command["type"])
            need(actor, leave_for(spec.permission) if spec and spec.permission else None)
        if not is_own and not wanted.reason:
            fault = Fault("/reason", "missing_field", "deciding on somebody else's work needs a reason")
            raise invalid(fault)
        ways = [choice for choice, way in WAYS.items() if way.of == command.get("inbox")]
        if ways and wanted.choice not in ways:
            # Not `nothing_to_decide`: that would tell a client that somebody else has decided.
            told = f"this is a {command['inbox']}: it takes one of {', '.join(ways)}"
            raise invalid(Fault("/choice", "unknown_value", told))


_BY = ("user_id", "device_id", "occurred_at", "effective_at")


def _item(command: Document) -> Document:
    """One thing to decide: the receipt, what was wanted, by whom and when, and how many wait behind it."""
    shown = told(command)
    del shown["events"]
    return shown | {
        "kind": command["inbox"],
        "payload": masked(command)["payload"],
        "by": {name: command["origin"][name] for name in _BY if name in command["origin"]},
        "waiting": len(command.get("awaited", ())),
    }


def routes(inbox: Inbox) -> list[HTTPRouteHandler]:
    described = [parameter(name, "query", known.meaning) for name, known in FILTERS.items()]
    described.append(parameter("cursor", "query", "the `cursor` of the page before"))
    key = parameter("Idempotency-Key", "header", "for `reapply`, which is a command")

    @get(
        "/api/offline/inbox",
        operation_id="offline.inbox",
        operation_class=operation(parameters=described, responses=page_of(RECEIPT)),
        tags=["offline"],
        security=BEARER,
    )
    async def listing(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Open conflicts and reviews, oldest first: everybody's with `offline.review`, else one's own."""
        return await inbox.listing(request)

    @post(
        "/api/commands/{command_id:str}/resolve",
        status_code=200,
        operation_id="commands.resolve",
        operation_class=operation(
            parameters=[key],
            request=schema_of(Decision),
            responses={
                "200": ("Decided: the receipt", RECEIPT),
                "202": ("`reapply`: a command in its place", ACCEPTED),
                "400": ("`reapply` without an Idempotency-Key, or a malformed one", PROBLEM),
                "409": ("`nothing_to_decide`: somebody has", PROBLEM),
                "429": ("Too much at once; nothing was kept", PROBLEM),
            },
        ),
        tags=["offline"],
        security=BEARER,
    )
    async def decide(request: Request[Any, Any, Any], command_id: FromPath[str]) -> ASGIResponse:
        """Decide on a conflict or a review; 409 `nothing_to_decide` if somebody has."""
        return await inbox.decide(request, command_id)

    return [listing, decide]
