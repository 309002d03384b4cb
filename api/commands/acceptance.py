"""One POST to a command's route, step by step: who, what, under which key, may they, is it well formed; then
one durable write. A refusal in any step before the write uses nothing up."""

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
from api.commands.prefer_wait import Waits
from api.http import body
from api.http import headers as conditions
from api.http.encoding import encode
from api.http.problem import Problem, answer, request_id_of, unavailable
from api.identity.authentication import Identity, need
from api.views.receipts import acceptance, ended_badly, receipt
from tasks.command import Spec

DEADLINE = timedelta(milliseconds=4_500)
"""For reading the user and for the verdict of the store together; then the answer is 503."""

Decoder = msgspec.json.Decoder[Any]


class Door:
    """What it takes to accept a command; one per process."""

    def __init__(
        self,
        *,
        identity: Identity,
        intake: Intake,
        hints: HintSender,
        waits: Waits,
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
        """The answer to one POST. Raises: whatever `problem.as_problem` knows."""
        headers: body.Headers = dict(scope["headers"])
        accepted = await self._store(spec, decoder, headers, scope, receive)
        document = accepted.document
        out = received(accepted, self._metrics, self._hints)
        wait = conditions.wait(headers)
        if wait is not None:
            out["preference-applied"] = f"wait={wait.seconds}"
            final = await self._waits.final(document["_id"], wait)
            if final is not None:
                return await self._ending(final, out, request_id_of(scope))
        return ASGIResponse(body=encode(acceptance(document)), status_code=202, headers=out)

    async def _store(
        self,
        spec: Spec,
        decoder: msgspec.json.Decoder[Any],
        headers: body.Headers,
        scope: Any,
        receive: Receive,
    ) -> Accepted:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        actor = await self._identity.actor(headers.get(b"authorization", b"").decode("latin-1"))
        patience = DEADLINE.total_seconds() - (loop.time() - asked)
        body.check_media_type(headers)
        raw = await body.read(headers, receive)
        key = conditions.idempotency_key(headers)
        base_version = conditions.base_version(headers)
        need(actor, spec.permission)
        typed, plain = body.decode(raw, decoder)
        assert actor.user_id is not None, "a bearer is a person"
        document = fresh(
            spec,
            id=self._new_id(),
            tenant_id=actor.tenant_id,
            # An id made here is no part of what was received, so a repeat has the same fingerprint.
            target=target_of(spec, spec.target_id(typed, actor.user_id) or self._new_id()),
            payload=plain,
            origin=Origin(
                via="api",
                user_id=actor.user_id,
                request_id=request_id_of(scope),
                traceparent=conditions.traceparent(headers),
            ),
            key=Key(actor.user_id, key, fingerprint(spec.type, plain, base_version)),
            accepted_at=self._now(),
            base_version=base_version,
        )
        return await self._durable(document, patience)

    async def _durable(self, document: Document, patience: float) -> Accepted:
        try:
            async with asyncio.timeout(patience):
                return await self._intake.accept(document)
        except TimeoutError:
            raise unavailable() from None
        except Unwritable:
            body.refuse_unstorable(document["payload"])
            raise

    async def _ending(self, document: Document, headers: dict[str, str], request_id: str) -> ASGIResponse:
        shown = await receipt(self._db, document)
        if document["state"] == "applied":
            return ASGIResponse(body=encode(shown), status_code=200, headers=headers)
        problem = ended_badly(shown)
        problem.headers |= headers
        return answer(problem, request_id)


def received(accepted: Accepted, metrics: Metrics, hints: HintSender) -> dict[str, str]:
    """Count what is new, hint what is to be done; returns the headers of the answer."""
    document = accepted.document
    if not accepted.replayed:
        metrics.commands_accepted.labels(document["type"]).inc()
    if document.get("active"):
        hints.hint(document["queue"], (document["tenant_id"], document["target"]))
    headers = {"location": f"/api/commands/{document['_id']}"}
    return headers | ({"idempotent-replayed": "true"} if accepted.replayed else {})


def unknown_command(name: str) -> Problem:
    return Problem(404, "unknown_command", f"there is no command {name[:100]}")
