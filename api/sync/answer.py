"""The response to a sync request: whole and with an ETag if it is short, else a stream of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from litestar.enums import MediaType
from litestar.response import Response, Stream
from msgspec.structs import replace
from pymongo.asynchronous.database import AsyncDatabase

from adapters.devices.lineage import Moment
from adapters.devices.lineage import moment as server_moment
from adapters.mongo.client import Document
from api.http.encoding import encode
from api.sync import cursor as cursors
from api.sync.cursor import Cursor, Reason
from api.sync.scope import Scope
from api.sync.traversal import MARGIN, STEP, Step, is_of, steps

DAY_MS = 24 * 3600 * 1000
"""The ETag of an unchanged answer changes once a day, so that no cursor expires while nothing happens."""

HEADERS = {"cache-control": "private, no-cache", "vary": "authorization"}


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer begins. `reason`: why the client's cursor was not used."""

    cursor: Cursor
    moment: Moment
    reason: Reason | None = None


class Sync:
    """`margin`: how long after its own time a change may still become visible."""

    def __init__(
        self, db: AsyncDatabase[Any], *, new_id: Callable[[], str], margin: timedelta = MARGIN
    ) -> None:
        self._db = db
        self._new_id = new_id
        self._margin = margin

    async def moment(self) -> Moment:
        return await server_moment(self._db, self._new_id)

    async def begin(self, scope: Scope, since: str | None) -> Pass:
        """The pass that a cursor continues or starts; a full copy without a usable cursor."""
        moment = await self.moment()
        full_copy = cursors.start(scope, moment, None, margin=self._margin)
        if since is None:
            return Pass(cursor=full_copy, moment=moment)
        cursor = cursors.decode(since)
        reason = cursors.resync_reason(cursor, scope, moment)
        if cursor is None or (reason is None and not is_of(self._db, scope, cursor)):
            reason = "malformed"
        if cursor is None or reason is not None:
            return Pass(cursor=full_copy, moment=moment, reason=reason)
        if not cursor.position.phase:
            return Pass(cursor=cursors.start(scope, moment, cursor.since, margin=self._margin), moment=moment)
        # A new primary may lag behind the majority: what it cannot show yet is in the next pass.
        return Pass(cursor=replace(cursor, next=min(cursor.next, full_copy.next)), moment=moment)

    def steps(self, scope: Scope, sync_pass: Pass, *, limit: int) -> AsyncIterator[Step]:
        return steps(self._db, scope, sync_pass.cursor, limit=limit)

    async def answer(self, scope: Scope, since: str | None, *, limit: int, etags: str) -> Response[Any]:
        sync_pass = await self.begin(scope, since)
        if sync_pass.reason is not None:
            return _resync(sync_pass)
        remaining = self.steps(scope, sync_pass, limit=limit)
        first: list[Step] = []
        try:
            while _is_short(first):
                first.append(await anext(remaining))
        except StopAsyncIteration:
            return _whole(sync_pass, first, etags)
        return Stream(_body(sync_pass, _chain(first, remaining)), media_type=MediaType.JSON, headers=HEADERS)


def _is_short(steps_read: list[Step]) -> bool:
    return sum(len(step.entities) + len(step.tombstones) for step in steps_read) < STEP


async def _chain(first: list[Step], rest: AsyncIterator[Step]) -> AsyncIterator[Step]:
    for step in first:
        yield step
    async for step in rest:
        yield step


def _head(sync_pass: Pass) -> Document:
    return {
        "resync": sync_pass.reason is not None,
        "full": sync_pass.cursor.is_full,
        "at": sync_pass.moment.at,
    }


def _resync(sync_pass: Pass) -> Response[Any]:
    fields: Document = {
        "reason": sync_pass.reason,
        "entities": [],
        "tombstones": [],
        "more": True,
        "cursor": cursors.encode(sync_pass.cursor),
    }
    return _json(encode(_head(sync_pass) | fields), HEADERS)


def _whole(sync_pass: Pass, steps_read: list[Step], etags: str) -> Response[Any]:
    """The answer in one response; 304 if the client has it already, whatever its cursor.

    Never 304 for a full pass or for one of several parts: two parts may be equal, and a client that kept its
    cursor would never reach the second.
    """
    last = steps_read[-1]
    body = {
        "entities": [entity for step in steps_read for entity in step.entities],
        "tombstones": [tombstone for step in steps_read for tombstone in step.tombstones],
        "more": last.more,
    }
    answer = _head(sync_pass) | body | {"cursor": cursors.encode(last.cursor)}
    if sync_pass.cursor.is_full or sync_pass.cursor.position.phase or last.more:
        return _json(encode(answer), HEADERS)
    day = last.cursor.next // DAY_MS
    digest = blake2b(encode([body, day]), digest_size=16).hexdigest()
    headers = HEADERS | {"etag": f'W/"{digest}"'}
    if digest in (tag.strip().removeprefix("W/").strip('"') for tag in etags.split(",")):
        return Response(b"", status_code=304, headers=headers)
    return _json(encode(answer), headers)


def _json(body: bytes, headers: dict[str, str]) -> Response[Any]:
    return Response(body, media_type=MediaType.JSON, headers=headers)


async def _body(sync_pass: Pass, remaining: AsyncIterator[Step]) -> AsyncIterator[bytes]:
    """The answer in chunks. `cursor` comes last: a truncated answer has none, and is not JSON."""
    yield encode(_head(sync_pass))[:-1] + b',"entities":['
    tombstones: list[Document] = []
    last: Step | None = None
    is_first = True
    async for step in remaining:
        if step.entities:
            yield (b"" if is_first else b",") + encode(step.entities)[1:-1]
            is_first = False
        tombstones += step.tombstones
        last = step
    assert last is not None, "a pass has a last step"
    rest = {"tombstones": tombstones, "more": last.more, "cursor": cursors.encode(last.cursor)}
    yield b"]," + encode(rest)[1:]
