"""Acceptance: many concurrent commands, one durable write.

`Intake` collects what arrives while the previous write is in flight and sends it as one unordered
`insert_many` (majority, journaled): one insert per request reached a quarter of the bare endpoint's rate.
The unique index on (tenant, scope, key) decides races.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import bson
import msgspec
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, PyMongoError

from adapters.commands.json_limits import MAX_DEPTH
from adapters.mongo.client import DUPLICATE_KEY, Document, Unavailable, Unwritable
from adapters.process.background_task import Supervised

MAX_BYTES = 1024 * 1024
"""Of one command document; a request's body is bounded far below. Beyond 16 MB the server would refuse the
whole write, neighbours and all."""

WRITE_DEADLINE = timedelta(seconds=4)
BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
"""Of one write, which is under a deadline; a document alone is always taken."""

CAPACITY = 4_096


class Overloaded(Exception):
    """More wait for the store than we are willing to hold; nothing was kept of this one."""


class KeyReused(Exception):
    """The key was used before with another body."""

    def __init__(self, first: str) -> None:
        super().__init__(f"this key was used with another body by command {first}")
        self.first = first


class Accepted(msgspec.Struct, frozen=True):
    """The durable command. `replayed`: it was so already, `document` is the first one's."""

    document: Document
    replayed: bool


def encode(document: Document) -> RawBSONDocument:
    """The document's own bytes. Raises: Unwritable: too deep, too large, or not expressible in BSON."""
    if _depth(document) > MAX_DEPTH:
        raise Unwritable(f"nested deeper than {MAX_DEPTH} levels")
    try:
        raw = RawBSONDocument(bson.encode(document))
    except (bson.errors.InvalidDocument, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise Unwritable(str(error)) from error
    if len(raw.raw) > MAX_BYTES:
        raise Unwritable(f"larger than {MAX_BYTES} bytes")
    return raw


def _depth(document: Document) -> int:
    """How deep it nests, level by level: a recursive walk took a tenth of the accepting process's time."""
    depth = 0
    rows: list[Any] = [document]
    while any(rows) and depth <= MAX_DEPTH:
        depth += 1
        rows = [
            inner
            for row in rows
            for inner in (row.values() if isinstance(row, dict) else row)
            if isinstance(inner, dict | list)
        ]
    return depth


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    document: Document
    raw: RawBSONDocument
    answer: asyncio.Future[Accepted]


class Intake:
    """The accept batcher of one process. Use as an async context; `accept` inside it."""

    def __init__(self, commands: AsyncCollection[Any]) -> None:
        self._commands = commands
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self.writer = Supervised("accept batcher", self._write_for_ever)

    async def __aenter__(self) -> Intake:
        self.writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.stop()
        for waiting in self._waiting:
            _fail(waiting, Unavailable("this process is stopping"))

    async def accept(self, document: Document) -> Accepted:
        """Durable when this returns.

        Raises: Unwritable (nothing stored), KeyReused, Overloaded (nothing stored), Unavailable (the outcome
        is unknown: the caller repeats the same body with the same key and gets the first answer).
        """
        raw = encode(document)
        if len(self._waiting) >= CAPACITY:
            raise Overloaded
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(document, raw, answer))
        self._arrived.set()
        return await answer

    async def _write_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            batch = self._take()
            if batch:
                await self._write(batch)

    def _take(self) -> list[_Waiting]:
        """The next batch, without those whose client hung up before anything was sent."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH:
            size += len(self._waiting[0].raw.raw)
            if batch and size > BATCH_BYTES:
                break
            waiting = self._waiting.popleft()
            if waiting.answer.done():
                size -= len(waiting.raw.raw)
            else:
                batch.append(waiting)
        if not self._waiting:
            self._arrived.clear()
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            with pymongo.timeout(WRITE_DEADLINE.total_seconds()):
                refused = await self._insert([waiting.raw for waiting in batch])
                winners = await self._winners(
                    [batch[i].document for i, code in refused.items() if _is_key(code)]
                )
        except (PyMongoError, TimeoutError) as error:
            # The whole write may or may not have happened; everybody repeats.
            for waiting in batch:
                _fail(waiting, Unavailable(str(error)))
            return
        except BaseException:
            for waiting in batch:
                _fail(waiting, Unavailable("the write was interrupted"))
            raise
        for index, waiting in enumerate(batch):
            _settle(waiting, refused.get(index), winners)

    async def _insert(self, raws: Sequence[RawBSONDocument]) -> dict[int, int]:
        """Error code by position; empty when all are durable. Raises: PyMongoError: unknown for all."""
        try:
            await self._commands.insert_many(raws, ordered=False)
        except BulkWriteError as error:
            return refusals(error)
        return {}

    async def _winners(self, losers: list[Document]) -> dict[tuple[str, str, str], Document]:
        if not losers:
            return {}
        found = self._commands.find(keys_filter(losers))
        return {key_of(winner): winner async for winner in found}


def refusals(error: BulkWriteError) -> dict[int, int]:
    """Error code by position in an unordered insert. Raises: the error itself when durability is in doubt."""
    details = error.details or {}
    if details.get("writeConcernErrors"):
        raise error
    return {row["index"]: row["code"] for row in details.get("writeErrors", ())}


def keys_filter(documents: Sequence[Document]) -> Document:
    """Selects whatever holds one of these keys, a scope at a time: a thousand alternatives, each planned by
    itself, took six times as long."""
    scopes: dict[tuple[str, str], list[str]] = {}
    for tenant, scope, key in map(key_of, documents):
        scopes.setdefault((tenant, scope), []).append(key)
    return {
        "$or": [
            {"tenant_id": tenant, "idempotency.scope": scope, "idempotency.key": {"$in": keys}}
            for (tenant, scope), keys in scopes.items()
        ]
    }


def accept_many(commands: Collection[Any], documents: Sequence[Document]) -> list[Accepted]:
    """Acceptance for threads (imports, schedules): one durable write, duplicates answered by their first.

    Raises: Unavailable: the outcome is unknown; repeating is safe. KeyReused: for the first such document.
    """
    try:
        with pymongo.timeout(WRITE_DEADLINE.total_seconds()):
            try:
                commands.insert_many([encode(document) for document in documents], ordered=False)
                refused: dict[int, int] = {}
            except BulkWriteError as error:
                refused = refusals(error)
            lost = [documents[index] for index in refused]
            winners = {key_of(winner): winner for winner in commands.find(keys_filter(lost))} if lost else {}
    except PyMongoError as error:
        raise Unavailable(str(error)) from error
    return [_verdict(document, refused.get(i), winners) for i, document in enumerate(documents)]


def key_of(document: Document) -> tuple[str, str, str]:
    record = document["idempotency"]
    return document["tenant_id"], record["scope"], record["key"]


def _is_key(code: int) -> bool:
    return code == DUPLICATE_KEY


def _verdict(document: Document, code: int | None, winners: dict[tuple[str, str, str], Document]) -> Accepted:
    if code is None:
        return Accepted(document, replayed=False)
    winner = winners.get(key_of(document))
    if not _is_key(code) or winner is None:
        raise Unavailable(f"the store refused the write with code {code}")
    if winner["idempotency"]["fingerprint"] != document["idempotency"]["fingerprint"]:
        raise KeyReused(winner["_id"])
    return Accepted(winner, replayed=True)


def _settle(waiting: _Waiting, code: int | None, winners: dict[tuple[str, str, str], Document]) -> None:
    if waiting.answer.done():  # the client hung up; the command stands all the same
        return
    try:
        waiting.answer.set_result(_verdict(waiting.document, code, winners))
    except (Unavailable, KeyReused) as error:
        waiting.answer.set_exception(error)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
