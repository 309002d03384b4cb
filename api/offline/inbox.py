"""The inbox: conflicts of offline work, and offline work by people who lack the permission, for review."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from adapters.commands.acceptance import Intake
from adapters.commands.secrets import masked
from adapters.mongo.client import Document
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.operators.outcomes import Outcome
from adapters.operators.resolutions import CONFLICT, REVIEW, WAYS, Choice, NothingToDecide
from api.commands.means import Means
from api.http import body
from api.http.encoding import encode
from api.http.openapi import ACCEPTED, BEARER, PROBLEM, operation, page_of, parameter, schema_of
from api.http.paging import page, take_cursor, take_limit, take_order
from api.http.problem import Fault, Problem, invalid, not_found
from api.http.query import conditions, flag, ids, parse, words
from api.identity.acts import visible
from api.identity.authentication import need
from api.offline.decision import Decision, nothing_to_decide
from api.offline.reapply import Reapplying
from api.views.receipts import RECEIPT, load_receipt, receipt_view
from api.views.server_docs import with_server_docs
from domain.identity.actor import Actor
from domain.identity.permissions import leave_for

REVIEWS = "offline.review"
"""The permission to see and decide all items of the tenant; without it one has one's own conflicts."""

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
        parameters = parse(request.scope["query_string"])
        limit = take_limit(parameters)
        order = take_order(parameters, SORTS, "accepted")
        after_cursor = take_cursor(parameters, order)
        # The states match a partial index.
        undecided = {"state": {"$in": ["conflict", "parked"]}, "inbox": {"$exists": True}}
        selection = [visible(actor, REVIEWS) | undecided, *conditions(parameters, FILTERS)]
        current = await page(
            self._means.db["commands"],
            [*selection, *([after_cursor] if after_cursor else [])],
            order,
            limit,
            projection={},
        )
        items = await with_server_docs(self._means.db, actor, [_item(command) for command in current.items])
        return ASGIResponse(body=encode({"items": items, "cursor": current.cursor}))

    async def decide(self, request: Request[Any, Any, Any], id: str) -> ASGIResponse:
        actor = await self._means.acting.actor(request)
        decision = await body.read_json(request, Decision)
        command = await self._means.db["commands"].find_one(visible(actor, REVIEWS) | {"_id": id})
        if command is None:
            raise not_found("command", id[:100])
        self._check_decision(actor, command, decision)
        act = self._means.acting.by(actor, request, decision.reason or "")
        if decision.choice == "reapply":
            return await self._reapplying.reapply(request, actor, command, decision, act)
        outcome = await anyio.to_thread.run_sync(self._decide, id, act, decision.choice)
        self._means.publish(outcome)
        receipt = await load_receipt(self._means.db, outcome.command)
        (view,) = await with_server_docs(self._means.db, actor, [receipt])
        return ASGIResponse(body=encode(view))

    def _decide(self, id: str, act: Act, choice: Choice) -> Outcome:
        try:
            return resolutions.decide(self._means.acts_db, id, act, choice, keys_kept=self._means.keys_kept)
        except NothingToDecide as error:
            raise nothing_to_decide(id, error) from None

    def _check_decision(self, actor: Actor, command: Document, decision: Decision) -> None:
        """Raises: Problem 403, 422."""
        is_own = command["origin"].get("user_id") == actor.user_id
        if decision.choice in ("approve", "reject"):
            need(actor, REVIEWS)
        if decision.choice == "approve":
            if is_own:
                raise Problem(403, "forbidden", "nobody approves what they did themselves")
            spec = self._means.catalogue.get(command["type"])
            need(actor, leave_for(spec.permission) if spec and spec.permission else None)
        if not is_own and not decision.reason:
            fault = Fault("/reason", "missing_field", "deciding on somebody else's work needs a reason")
            raise invalid(fault)
        choices = [choice for choice, way in WAYS.items() if way.of == command.get("inbox")]
        if choices and decision.choice not in choices:
            # Not `nothing_to_decide`: that would tell a client that somebody else has decided.
            message = f"this is a {command['inbox']}: it takes one of {', '.join(choices)}"
            raise invalid(Fault("/choice", "unknown_value", message))


_BY = ("user_id", "device_id", "occurred_at", "effective_at")


def _item(command: Document) -> Document:
    """An inbox item: the receipt, the payload, its author and time, and how many commands wait behind it."""
    view = receipt_view(command)
    del view["events"]
    return view | {
        "kind": command["inbox"],
        "payload": masked(command)["payload"],
        "by": {name: command["origin"][name] for name in _BY if name in command["origin"]},
        "waiting": len(command.get("awaited", ())),
    }


def routes(inbox: Inbox) -> list[HTTPRouteHandler]:
    parameters = [parameter(name, "query", filter_.meaning) for name, filter_ in FILTERS.items()]
    parameters.append(parameter("cursor", "query", "the `cursor` of the page before"))
    key = parameter("Idempotency-Key", "header", "for `reapply`, which is a command")

    @get(
        "/api/offline/inbox",
        operation_id="offline.inbox",
        operation_class=operation(parameters=parameters, responses=page_of(RECEIPT)),
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
