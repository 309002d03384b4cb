"""How a pass is answered: at once and with an ETag where it is short, else as a stream of JSON."""

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
from api.sync.scope import Sight
from api.sync.traversal import MARGIN, STEP, Step, is_of, steps

DAY_MS = 24 * 3600 * 1000
"""An unchanged answer gets another ETag once a day: so nobody's cursor grows old while nothing happens."""

HEADERS = {"cache-control": "private, no-cache", "vary": "authorization"}


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer begins, and why it does not begin where it was asked to."""

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

    async def begin(self, sight: Sight, since: str | None) -> Pass:
        """The pass that a cursor is in or begins; a whole copy without one, or with one of no use."""
        moment = await self.moment()
        anew = cursors.begun(sight, moment, None, margin=self._margin)
        if since is None:
            return Pass(cursor=anew, moment=moment)
        given = cursors.read(since)
        reason = cursors.fault(given, sight, moment)
        if given is None or (reason is None and not is_of(self._db, sight, given)):
            reason = "malformed"
        if given is None or reason is not None:
            return Pass(cursor=anew, moment=moment, reason=reason)
        if not given.position.phase:
            return Pass(cursor=cursors.begun(sight, moment, given.since, margin=self._margin), moment=moment)
        # A new primary may not yet know how far the majority is: the next pass tells what it cannot show.
        return Pass(cursor=replace(given, next=min(given.next, anew.next)), moment=moment)

    def steps(self, sight: Sight, begun: Pass, *, limit: int) -> AsyncIterator[Step]:
        return steps(self._db, sight, begun.cursor, limit=limit)

    async def answer(self, sight: Sight, since: str | None, *, limit: int, known: str) -> Response[Any]:
        begun = await self.begin(sight, since)
        if begun.reason is not None:
            return _resync(begun)
        told = self.steps(sight, begun, limit=limit)
        first: list[Step] = []
        try:
            while _is_short(first):
                first.append(await anext(told))
        except StopAsyncIteration:
            return _whole(begun, first, known)
        return Stream(_body(begun, _chain(first, told)), media_type=MediaType.JSON, headers=HEADERS)


def _is_short(told: list[Step]) -> bool:
    return sum(len(step.entities) + len(step.tombstones) for step in told) < STEP


async def _chain(first: list[Step], rest: AsyncIterator[Step]) -> AsyncIterator[Step]:
    for step in first:
        yield step
    async for step in rest:
        yield step


def _head(begun: Pass) -> Document:
    return {"resync": begun.reason is not None, "full": begun.cursor.is_full, "at": begun.moment.at}


def _resync(begun: Pass) -> Response[Any]:
    told: Document = {
        "reason": begun.reason,
        "entities": [],
        "tombstones": [],
        "more": True,
        "cursor": cursors.written(begun.cursor),
    }
    return _json(encode(_head(begun) | told), HEADERS)


def _whole(begun: Pass, told: list[Step], known: str) -> Response[Any]:
    """304 for who has this very answer, whatever cursor it came with; never for a full pass.

    Nor for a part of one: two parts may tell the same, and who keeps the cursor never comes to the next.
    """
    last = told[-1]
    body = {
        "entities": [entity for step in told for entity in step.entities],
        "tombstones": [tombstone for step in told for tombstone in step.tombstones],
        "more": last.more,
    }
    told_all = _head(begun) | body | {"cursor": cursors.written(last.cursor)}
    if begun.cursor.is_full or begun.cursor.position.phase or last.more:
        return _json(encode(told_all), HEADERS)
    day = last.cursor.next // DAY_MS
    digest = blake2b(encode([body, day]), digest_size=16).hexdigest()
    headers = HEADERS | {"etag": f'W/"{digest}"'}
    if digest in (tag.strip().removeprefix("W/").strip('"') for tag in known.split(",")):
        return Response(b"", status_code=304, headers=headers)
    return _json(encode(told_all), headers)


def _json(body: bytes, headers: dict[str, str]) -> Response[Any]:
    return Response(body, media_type=MediaType.JSON, headers=headers)


async def _body(begun: Pass, told: AsyncIterator[Step]) -> AsyncIterator[bytes]:
    """The answer in pieces. `cursor` comes last: an answer that was cut off has none, and is no JSON."""
    yield encode(_head(begun))[:-1] + b',"entities":['
    tombstones: list[Document] = []
    last: Step | None = None
    is_first = True
    async for step in told:
        if step.entities:
            yield (b"" if is_first else b",") + encode(step.entities)[1:-1]
            is_first = False
        tombstones += step.tombstones
        last = step
    assert last is not None, "a pass tells at least where it ends"
    rest = {"tombstones": tombstones, "more": last.more, "cursor": cursors.written(last.cursor)}
    yield b"]," + encode(rest)[1:]
