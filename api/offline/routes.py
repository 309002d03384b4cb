"""POST /api/offline/replays: accepts what a device did offline. GET: its receipts.

A batch whose envelope parses is answered 202 with a result for each action, even if all are refused: a 4xx
would block the device's outbox. docs/offline.md has the protocol.
"""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from adapters.devices import replays
from adapters.devices.batch import Batch, Entry, Result, Taken, record_id
from adapters.mongo.client import Document
from api.commands.means import Means
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, operation
from api.http.problem import not_found, overloaded, request_id_of
from api.offline.action import ActionReader
from api.offline.envelope import ENVELOPE, RECEIPTS, RESULTS, Replay, read_envelope, result_view
from api.offline.throttle import ReplayTurns, short_switch_interval
from api.views.receipts import events_of, receipt_view
from api.views.server_docs import with_server_docs
from domain.identity.actor import Actor

ACTIONS_PER_SLICE = 5
"""Actions read before other requests get a turn on the event loop."""

SUBMIT = "offline.submit"
MOST_IN_REVIEW = 2_000
"""The limit of actions in review for a user without the permission to work offline."""


class Offline:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._turns = ReplayTurns(means.hints)

    async def receive(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """The results of one batch. Raises: Problem 401, 413, 415, 422, 429; Unavailable."""
        actor = await self._means.acting.actor(request)
        headers: body.Headers = dict(request.scope["headers"])
        body.check_media_type(headers)
        envelope = read_envelope(await body.read(headers, request.receive))
        await self._must_have_room(actor)
        async with self._turns.turn():
            batch = await self._read_actions(actor, envelope, request_id_of(request.scope))
            with short_switch_interval():
                taken = await anyio.to_thread.run_sync(self._take, batch)
        self._hint_and_count(taken)
        return ASGIResponse(body=encode(await self._answer(batch, taken)), status_code=202)

    async def _read_actions(self, actor: Actor, envelope: Replay, request_id: str) -> Batch:
        assert actor.user_id is not None, "a bearer is a person"
        now = self._means.acting.now()
        batch = Batch(
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            device_id=envelope.device_id,
            batch_id=envelope.batch_id,
            received_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
            told=envelope.device_report,
            actions=(),
        )
        reader = ActionReader(
            self._means.catalogue,
            batch,
            keys_kept=self._means.keys_kept,
            new_id=self._means.acting.new_id,
            request_id=request_id,
        )
        actions: list[Entry | Result] = []
        for number, raw in enumerate(envelope.actions):
            if number % ACTIONS_PER_SLICE == 0:
                await anyio.lowlevel.checkpoint()  # lets online requests run
            actions.append(reader.read(bytes(raw)))
        return msgspec.structs.replace(batch, actions=tuple(actions))

    def _take(self, batch: Batch) -> Taken:
        return replays.take(self._means.acts_db, batch, keys_kept=self._means.keys_kept)

    def _hint_and_count(self, taken: Taken) -> None:
        for line in taken.lines:
            self._means.hints.hint("offline", line)
        for result in taken.results:
            command = result.command
            if command is not None and result.status in ("accepted", "rejected"):
                self._means.metrics.commands_accepted.labels(command["type"]).inc()
                if not command.get("active"):
                    self._means.metrics.commands_final.labels(command["type"], command["state"]).inc()

    async def _answer(self, batch: Batch, taken: Taken) -> Document:
        repeats = (result.command for result in taken.results if result.status == "duplicate")
        known = [command for command in repeats if command is not None]
        events = await events_of(self._means.db, known)
        return {
            "batch_id": batch.batch_id,
            "server_time": batch.received_at,
            "results": [result_view(result, events) for result in taken.results],
        }

    async def _must_have_room(self, actor: Actor) -> None:
        """Raises: Problem 429: the user may not work offline and has MOST_IN_REVIEW actions in review."""
        if actor.can(SUBMIT):
            return
        waiting = {"tenant_id": actor.tenant_id, "state": "parked", "inbox": "review"}
        query = waiting | {"origin.user_id": actor.user_id}
        if await self._means.db["commands"].count_documents(query, limit=MOST_IN_REVIEW) >= MOST_IN_REVIEW:
            raise overloaded(f"{MOST_IN_REVIEW} of your actions wait for a review already")

    async def receipts(self, request: Request[Any, Any, Any], batch_id: str) -> ASGIResponse:
        """The results of one's own batch so far, with receipts. Raises: Problem 404."""
        actor = await self._means.acting.actor(request)
        id = record_id(actor.tenant_id, actor.user_id or "", batch_id)
        record = await self._means.db["replays"].find_one({"_id": id, "tenant_id": actor.tenant_id})
        if record is None:
            raise not_found("batch", batch_id[:100])
        ids = [result["command_id"] for result in record["results"] if "command_id" in result]
        query = {"_id": {"$in": ids}, "tenant_id": actor.tenant_id}
        commands = {command["_id"]: command async for command in self._means.db["commands"].find(query)}
        events = await events_of(self._means.db, commands.values())
        receipts = {id: receipt_view(command, events.get(id, [])) for id, command in commands.items()}
        await with_server_docs(self._means.db, actor, list(receipts.values()))
        results = [
            result | ({"receipt": receipts[id]} if (id := result.get("command_id")) in receipts else {})
            for result in record["results"]
        ]
        answer = {"batch_id": batch_id, "received_at": record["received_at"], "results": results}
        return ASGIResponse(body=encode(answer))


def routes(offline: Offline) -> list[HTTPRouteHandler]:
    @post(
        "/api/offline/replays",
        status_code=202,
        operation_id="offline.replays",
        operation_class=operation(
            request=ENVELOPE,
            responses={
                "202": ("A result for each action, in their order", RESULTS),
                "401": ("Not signed in: keep the queue", PROBLEM),
                "413": ("More than 256 KiB or 50 actions: send half", PROBLEM),
                "415": ("Not JSON", PROBLEM),
                "422": ("The envelope itself is malformed", PROBLEM),
                "429": ("Too much at once: come back after Retry-After", PROBLEM),
                "503": ("Outcome unknown: send the same again", PROBLEM),
            },
        ),
        tags=["offline"],
        security=BEARER,
    )
    async def replay(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Accept what a device did offline: up to 50 actions, each with its number in its lane."""
        return await offline.receive(request)

    @get(
        "/api/offline/replays/{batch_id:str}",
        operation_id="offline.receipts",
        operation_class=operation(responses={"200": ("Each action with its receipt", RECEIPTS)}),
        tags=["offline"],
        security=BEARER,
    )
    async def receipts(request: Request[Any, Any, Any], batch_id: FromPath[str]) -> ASGIResponse:
        """What became of one's own batch so far."""
        return await offline.receipts(request, batch_id)

    return [replay, receipts]
