"""POST /api/offline/replays: what a device did without a signal, in; and what became of it, out.

A batch whose envelope parses is answered 202 with a verdict for each action, even if all are refused: a 4xx
would block the device's queue. docs/offline.md has the protocol.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from msgspec import Meta

from adapters import replays
from adapters.mongo import Document
from adapters.replays import Batch, Entry, Result, Taken, record_id
from api import body
from api.acting import Means
from api.actions import Action, Doorkeeper
from api.encoding import encode
from api.openapi import BEARER, PROBLEM, operation, schema_of
from api.problem import Fault, Problem, not_found, overloaded, request_id_of
from api.receipts import events_of, outcome, told, with_server_docs
from domain.actor import Actor
from domain.fields import Instant, Word
from domain.ids import Id

MOST_ACTIONS = 50
AT_ONCE = 1
"""Batches that one process takes in at a time: a hundred devices that come back together must not delay those
who are online."""

BETWEEN = 5
"""Actions that are judged before others have a turn."""

SWITCH_S = 0.001
"""How long a thread keeps the interpreter while a replay is taken in."""

WAITING = 200
"""Batches that may wait for their turn; more are asked to come back."""

TURN_WITHIN = timedelta(seconds=10)
"""After which a batch is asked to come back: devices give an answer up after 20 s."""

SUBMIT = "offline.submit"
MOST_IN_REVIEW = 2_000
"""Actions that someone who may not work offline (any more) can have waiting for a review."""


DeviceId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)", description="made once by the device, and kept")
]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope. Members that this server does not know are passed over."""

    batch_id: Id
    device_id: DeviceId
    app_version: Word
    sent_at: Instant
    queue_depth: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    oldest_age_s: Annotated[int, Meta(ge=0, le=10**10)] | None = None
    actions: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(Replay)
_TOLD = ("app_version", "sent_at", "queue_depth", "oldest_age_s")


class Offline:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._turn = anyio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def receive(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """The verdicts on one batch. Raises: Problem 401, 413, 415, 422, 429; Unavailable."""
        actor = await self._means.acting.actor(request)
        headers: body.Headers = dict(request.scope["headers"])
        body.check_media_type(headers)
        envelope = _read(await body.read(headers, request.receive))
        await self._must_have_room(actor)
        if self._waiting >= WAITING:
            raise overloaded("more replays wait here than we hold")
        self._waiting += 1
        try:
            await self._take_turn()
            try:
                began = anyio.current_time()
                batch = await self._judged(actor, envelope, request_id_of(request.scope))
                with _nimble():
                    taken = await anyio.to_thread.run_sync(self._take, batch)
                # As in the workers' pool: while somebody is online, half of the time is theirs.
                if self._means.hints.is_lately("interactive"):
                    await anyio.sleep(anyio.current_time() - began)
            finally:
                self._turn.release()
        finally:
            self._waiting -= 1
        self._note(taken)
        return ASGIResponse(body=encode(await self._answer(batch, taken)), status_code=202)

    async def _take_turn(self) -> None:
        """Raises: Problem 429: who has waited too long may be gone, and comes again."""
        try:
            with anyio.fail_after(TURN_WITHIN.total_seconds()):
                await self._turn.acquire()
        except TimeoutError:
            raise overloaded("replays wait too long for their turn here") from None

    async def _judged(self, actor: Actor, envelope: Replay, request_id: str) -> Batch:
        assert actor.user_id is not None, "a bearer is a person"
        now = self._means.acting.now()
        given = {name: value for name in _TOLD if (value := getattr(envelope, name)) is not None}
        batch = Batch(
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            device_id=envelope.device_id,
            batch_id=envelope.batch_id,
            received_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
            told=given,
            actions=(),
        )
        door = Doorkeeper(
            self._means.catalogue,
            batch,
            keys_kept=self._means.keys_kept,
            new_id=self._means.acting.new_id,
            request_id=request_id,
        )
        judged: list[Entry | Result] = []
        for number, raw in enumerate(envelope.actions):
            if number % BETWEEN == 0:
                await anyio.lowlevel.checkpoint()  # who is online has a turn
            judged.append(door.judge(bytes(raw)))
        return msgspec.structs.replace(batch, actions=tuple(judged))

    def _take(self, batch: Batch) -> Taken:
        return replays.take(self._means.acts_db, batch, keys_kept=self._means.keys_kept)

    def _note(self, taken: Taken) -> None:
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
            "results": [_shown(result, events) for result in taken.results],
        }

    async def _must_have_room(self, actor: Actor) -> None:
        """Raises: Problem 429: who may not work offline has as much waiting as we keep for them."""
        if actor.can(SUBMIT):
            return
        waiting = {"tenant_id": actor.tenant_id, "state": "parked", "inbox": "review"}
        query = waiting | {"origin.user_id": actor.user_id}
        if await self._means.db["commands"].count_documents(query, limit=MOST_IN_REVIEW) >= MOST_IN_REVIEW:
            raise overloaded(f"{MOST_IN_REVIEW} of your actions wait for a review already")

    async def receipts(self, request: Request[Any, Any, Any], batch_id: str) -> ASGIResponse:
        """What became of one's own batch so far. Raises: Problem 404."""
        actor = await self._means.acting.actor(request)
        id = record_id(actor.tenant_id, actor.user_id or "", batch_id)
        record = await self._means.db["replays"].find_one({"_id": id, "tenant_id": actor.tenant_id})
        if record is None:
            raise not_found("batch", batch_id[:100])
        ids = [result["command_id"] for result in record["results"] if "command_id" in result]
        query = {"_id": {"$in": ids}, "tenant_id": actor.tenant_id}
        commands = {command["_id"]: command async for command in self._means.db["commands"].find(query)}
        events = await events_of(self._means.db, commands.values())
        receipts = {id: told(command, events.get(id, [])) for id, command in commands.items()}
        await with_server_docs(self._means.db, actor, list(receipts.values()))
        results = [
            result | ({"receipt": receipts[id]} if (id := result.get("command_id")) in receipts else {})
            for result in record["results"]
        ]
        shown = {"batch_id": batch_id, "received_at": record["received_at"], "results": results}
        return ASGIResponse(body=encode(shown))


@contextmanager
def _nimble() -> Iterator[None]:
    """A replay's transaction runs in a thread: who is online must not wait 5 ms for the interpreter. Not for
    good, as each change of threads costs; one replay at a time, so none ends it for another."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _read(raw: bytes) -> Replay:
    """Raises: Problem 413, 422: the device sends another envelope, half as large or mended."""
    try:
        envelope = _envelope.decode(raw)
    except msgspec.ValidationError as error:
        raise _malformed(body.fault_of(str(error), Replay)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(Fault("", "malformed_json", f"the envelope is not JSON: {error}")) from None
    if len(envelope.actions) > MOST_ACTIONS:
        fault = Fault("/actions", "too_many", f"a batch has at most {MOST_ACTIONS} actions")
        raise Problem(413, "too_many_actions", fault.message, faults=[fault])
    return envelope


def _malformed(fault: Fault) -> Problem:
    return Problem(422, "invalid_envelope", fault.message, faults=[fault])


def _shown(result: Result, events: dict[str, list[Document]]) -> Document:
    shown: Document = {"id": result.id, "status": result.status}
    if result.command is not None:
        shown["command_id"] = result.command["_id"]
    if result.status == "duplicate" and result.command is not None:
        shown["outcome"] = outcome(result.command, events.get(result.command["_id"], []))
    if result.expected_lane_seq is not None:
        shown["expected_lane_seq"] = result.expected_lane_seq
    if result.error is not None:
        shown |= {name: result.error[name] for name in ("code", "message", "errors") if name in result.error}
    return shown


ENVELOPE: Document = schema_of(Replay)
ENVELOPE["properties"]["actions"] = {"type": "array", "maxItems": MOST_ACTIONS, "items": schema_of(Action)}

RESULTS: Document = {
    "type": "object",
    "required": ["batch_id", "server_time", "results"],
    "properties": {
        "batch_id": {"type": "string"},
        "server_time": {"type": "string", "format": "date-time"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": {"type": ["string", "null"]},
                    "status": {"enum": ["accepted", "duplicate", "rejected", "out_of_order", "retry_later"]},
                    "command_id": {"type": "string"},
                    "outcome": {"type": "object"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "errors": {"type": "array"},
                    "expected_lane_seq": {"type": "integer"},
                },
            },
        },
    },
}

RECEIPTS: Document = {
    "type": "object",
    "required": ["batch_id", "received_at", "results"],
    "properties": {
        "batch_id": {"type": "string"},
        "received_at": {"type": "string", "format": "date-time"},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {"status": {"type": "string"}, "receipt": {"type": "object"}},
            },
        },
    },
}


def routes(offline: Offline) -> list[HTTPRouteHandler]:
    @post(
        "/api/offline/replays",
        status_code=202,
        operation_id="offline.replays",
        operation_class=operation(
            request=ENVELOPE,
            responses={
                "202": ("A verdict for each action, in their order", RESULTS),
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
        """Take in what a device did offline: up to 50 actions, each with its number in its lane."""
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
