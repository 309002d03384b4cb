"""Reapplying: a new command replaces a conflict, based on the version that the person has seen."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Request
from litestar.response.base import ASGIResponse

from adapters.commands.acceptance import Accepted, Intake, KeyReused, keys_filter
from adapters.commands.document import Key, Origin, fingerprint, fresh
from adapters.mongo.client import Document
from adapters.operators import resolutions
from adapters.operators.audit import Act
from adapters.operators.edits import revalidated
from adapters.operators.resolutions import CONFLICT, NothingToDecide
from api.commands.acceptance import announce_accepted
from api.commands.edits import faults_of_edit
from api.commands.means import Means
from api.http import body
from api.http import headers as request_headers
from api.http.encoding import encode
from api.http.problem import Fault, invalid, request_id_of
from api.identity.authentication import need
from api.offline.decision import Decision, nothing_to_decide
from api.views.receipts import accepted_view
from domain.identity.actor import Actor


class Reapplying:
    """One for a process."""

    def __init__(self, means: Means, intake: Intake) -> None:
        self._means = means
        self._intake = intake

    async def reapply(
        self, request: Request[Any, Any, Any], actor: Actor, command: Document, decision: Decision, act: Act
    ) -> ASGIResponse:
        """The 202 of the new command. Raises: Problem 400, 403, 409, 422; KeyReused."""
        document = self._new_command(request, actor, command, decision)
        if command.get("inbox") != CONFLICT:
            accepted = await self._first_answer(document, command)
        else:
            if command["origin"].get("user_id") != actor.user_id:
                arguments = (self._means.acts_db, command, act, document["payload"])
                await anyio.to_thread.run_sync(resolutions.vouch_for_reapplying, *arguments)
            accepted = await self._intake.accept(document)
        headers = announce_accepted(accepted, self._means.metrics, self._means.hints)
        return ASGIResponse(body=encode(accepted_view(accepted.document)), status_code=202, headers=headers)

    def _new_command(
        self, request: Request[Any, Any, Any], actor: Actor, command: Document, decision: Decision
    ) -> Document:
        """The document of the command that replaces the conflict. Raises: Problem 400, 403, 409, 422."""
        headers: body.Headers = dict(request.scope["headers"])
        key = request_headers.idempotency_key(headers)
        if decision.base_version is None:
            raise invalid(
                Fault(
                    "/base_version",
                    "missing_field",
                    "base_version is the version on which the decision is based",
                )
            )
        spec = self._means.catalogue.get(command["type"])
        if spec is None:
            raise nothing_to_decide(command["_id"], NothingToDecide(command["state"]))
        need(actor, spec.permission)
        payload = command["payload"] if decision.payload is None else decision.payload
        with faults_of_edit(spec.payload):
            revalidated(spec, payload, command["target"], user_id=actor.user_id)
        assert actor.user_id is not None, "a bearer is a person"
        return fresh(
            spec,
            id=self._means.acting.new_id(),
            tenant_id=actor.tenant_id,
            target=command["target"],
            payload=payload,
            origin=Origin(via="api", user_id=actor.user_id, request_id=request_id_of(request.scope)),
            key=Key(actor.user_id, key, fingerprint(spec.type, payload, decision.base_version)),
            accepted_at=self._means.acting.now(),
            base_version=decision.base_version,
            resolves=command["_id"],
        )

    async def _first_answer(self, document: Document, command: Document) -> Accepted:
        """The accepted command, for a repeat of the request that resolved the conflict.

        Raises: Problem 409; KeyReused.
        """
        first = await self._means.db["commands"].find_one(keys_filter([document]))
        if first is None or first.get("resolves") != command["_id"]:
            raise nothing_to_decide(command["_id"], NothingToDecide(command["state"]))
        if first["idempotency"]["fingerprint"] != document["idempotency"]["fingerprint"]:
            raise KeyReused(first["_id"])
        return Accepted(first, replayed=True)
