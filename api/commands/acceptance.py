"""Acceptance of one POST: authenticate, read the body, check the headers, the permission and the payload;
then one durable write. A refusal before the write uses up no idempotency key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive
from pymongo.asynchronous.database import AsyncDatabase

from adapters.commands.acceptance import Accepted, Intake
from adapters.commands.document import Key, Origin, fingerprint, fresh, target_of
from adapters.mongo.client import Document, Unwritable
from adapters.process.metrics import Metrics
from api.commands.hint_sender import HintSender
from api.commands.prefer_wait import FinalStatePoller
from api.http import body
from api.http import headers as request_headers
from api.http.encoding import encode
from api.http.problem import Problem, answer, request_id_of, unavailable
from api.identity.authentication import Identity, need
from api.views.receipts import accepted_view, failure_problem, load_receipt
from tasks.command import Spec

DEADLINE = timedelta(milliseconds=4_500)
"""For reading the user and for the durable write together; after it the answer is 503."""

Decoder = msgspec.json.Decoder[Any]


class CommandAcceptance:
    """Accepts commands; one per process."""

    def __init__(
        self,
        *,
        identity: Identity,
        intake: Intake,
        hints: HintSender,
        waits: FinalStatePoller,
        db: AsyncDatabase[Any],
        metrics: Metrics,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._identity = identity
        self._intake = intake
        self._hints = hints
        self._waits = waits
        self._db = db
        self._metrics = metrics
        self._now = now
        self._new_id = new_id

    async def accept(
        self, spec: Spec, decoder: msgspec.json.Decoder[Any], scope: Any, receive: Receive
    ) -> ASGIResponse:
        """The response to one POST. Raises: any exception that `problem.as_problem` translates."""
        headers: body.Headers = dict(scope["headers"])
        accepted = await self._store(spec, decoder, headers, scope, receive)
        document = accepted.document
        out = announce_accepted(accepted, self._metrics, self._hints)
        wait = request_headers.preferred_wait(headers)
        if wait is not None:
            out["preference-applied"] = f"wait={wait.seconds}"
            final = await self._waits.wait_until_final(document["_id"], wait)
            if final is not None:
                return await self._final_response(final, out, request_id_of(scope))
        return ASGIResponse(body=encode(accepted_view(document)), status_code=202, headers=out)

    async def _store(
        self,
        spec: Spec,
        decoder: msgspec.json.Decoder[Any],
        headers: body.Headers,
        scope: Any,
        receive: Receive,
    ) -> Accepted:
        loop = asyncio.get_running_loop()
        started = loop.time()
        actor = await self._identity.actor(headers.get(b"authorization", b"").decode("latin-1"))
        time_left = DEADLINE.total_seconds() - (loop.time() - started)
        body.check_media_type(headers)
        raw = await body.read(headers, receive)
        key = request_headers.idempotency_key(headers)
        base_version = request_headers.base_version(headers)
        need(actor, spec.permission)
        typed, plain = body.decode(raw, decoder)
        assert actor.user_id is not None, "a bearer is a person"
        document = fresh(
            spec,
            id=self._new_id(),
            tenant_id=actor.tenant_id,
            # A generated id is not in the payload, so a repeat has the same fingerprint.
            target=target_of(spec, spec.target_id(typed, actor.user_id) or self._new_id()),
            payload=plain,
            origin=Origin(
                via="api",
                user_id=actor.user_id,
                request_id=request_id_of(scope),
                traceparent=request_headers.traceparent(headers),
            ),
            key=Key(actor.user_id, key, fingerprint(spec.type, plain, base_version)),
            accepted_at=self._now(),
            base_version=base_version,
        )
        return await self._store_durably(document, time_left)

    async def _store_durably(self, document: Document, time_left: float) -> Accepted:
        try:
            async with asyncio.timeout(time_left):
                return await self._intake.accept(document)
        except TimeoutError:
            raise unavailable() from None
        except Unwritable:
            body.refuse_unstorable(document["payload"])
            raise

    async def _final_response(
        self, document: Document, headers: dict[str, str], request_id: str
    ) -> ASGIResponse:
        view = await load_receipt(self._db, document)
        if document["state"] == "applied":
            return ASGIResponse(body=encode(view), status_code=200, headers=headers)
        problem = failure_problem(view)
        problem.headers |= headers
        return answer(problem, request_id)


def announce_accepted(accepted: Accepted, metrics: Metrics, hints: HintSender) -> dict[str, str]:
    """Counts a new command and hints its target queue. Returns the headers of the response."""
    document = accepted.document
    if not accepted.replayed:
        metrics.commands_accepted.labels(document["type"]).inc()
    if document.get("active"):
        hints.hint(document["queue"], (document["tenant_id"], document["target"]))
    headers = {"location": f"/api/commands/{document['_id']}"}
    return headers | ({"idempotent-replayed": "true"} if accepted.replayed else {})


def unknown_command(name: str) -> Problem:
    return Problem(404, "unknown_command", f"there is no command {name[:100]}")
