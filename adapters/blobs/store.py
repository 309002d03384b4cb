"""Files named by their content, in GridFS. Its file document is the record of a blob too:

    blobs.files   {_id: "<tenant>/<sha256>/<upload>", length, chunkSize, uploadDate, tenant_id, sha256,
                   media_type, by [user ids], state, look_at, why?}
    blobs.chunks  {files_id, n, data}

    arriving ──▶ kept ⇄ condemned ──▶ going        going: also what arrived by half

Each upload has an id of its own, so two of the same bytes do not meddle; the unique index on (tenant, hash)
of what can be read lets one of them become the blob. `look_at` says when the sweep looks again. Only `going`
is final: nobody reads it any more, and it is deleted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec
import pymongo
from loguru import logger
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document, Unavailable, Unwritable, document_id, translated

State = Literal["arriving", "kept", "condemned", "going"]
READABLE: tuple[State, ...] = ("kept", "condemned")

BUCKET = "blobs"
FILES, CHUNKS = f"{BUCKET}.files", f"{BUCKET}.chunks"
CHUNK_BYTES = 255 * 1024
CHUNKS_AT_ONCE = 4
"""Of one write or read: nobody holds more of a blob than these. (The driver's GridFS gathers up to 32 MiB of
an upload before it writes any, and reads up to 16 MiB in one go.)"""

MAX_BYTES = 10 * 1024 * 1024
"""Of one blob. Phones scale their photos down before they send them."""

GRACE = timedelta(days=30)
"""How long a blob stays after it came, or was last found named or wanted, though nothing names it."""

LAST_CALL = timedelta(days=1)
"""How long a condemned one can still be rescued: by being named, put again or read."""

ARRIVES_WITHIN = timedelta(hours=1)
"""What has not arrived by then never will: far longer than an upload may take."""

MOST_UPLOADERS = 1_000
"""Remembered per blob as those whose own it is."""

STEP = timedelta(seconds=4)
"""Bound on each question to the store."""


def in_(span: timedelta) -> Document:
    """As an expression of an update's pipeline: the server's time, and so long after it."""
    return {"$add": ["$$NOW", int(span / timedelta(milliseconds=1))]}


class Taken(msgspec.Struct, frozen=True):
    """What an upload came to. `new`: it was not there before."""

    record: Document
    new: bool


class Damaged(Exception):
    """Bytes of a blob are not there, though its record is."""


class Blobs:
    """The blobs of all tenants; every question names one."""

    def __init__(self, db: AsyncDatabase[Any], *, new_id: Callable[[], str]) -> None:
        self._db = db
        self._new_id = new_id

    async def find(self, tenant_id: str, sha256: str) -> Document | None:
        """The record of a blob that can be read. Raises: Unavailable."""
        wanted = {"tenant_id": tenant_id, "sha256": sha256, "state": {"$in": READABLE}}
        with translated(), pymongo.timeout(STEP.total_seconds()):
            found: Document | None = await self._db[FILES].find_one(wanted)
        return found

    async def keep(self, record: Document, *, by: str | None = None) -> bool:
        """Begin its grace anew, and note whose it is too. False: it has gone meanwhile.

        Raises: Unavailable.
        """
        change: Document = {"state": "kept", "look_at": in_(GRACE)}
        if by is not None:
            has_room = {"$lt": [{"$size": "$by"}, MOST_UPLOADERS]}
            change["by"] = {"$cond": [has_room, {"$setUnion": ["$by", [by]]}, "$by"]}
        return await self._change(record, READABLE, change)

    async def begin(self, tenant_id: str, sha256: str, *, by: str) -> Upload:
        """Raises: Unavailable."""
        id = document_id(tenant_id, f"{sha256}/{self._new_id()}")
        record = {"_id": id, "tenant_id": tenant_id, "sha256": sha256, "by": [by], "chunkSize": CHUNK_BYTES}
        times = {"uploadDate": "$$NOW", "look_at": in_(ARRIVES_WITHIN)}
        with translated(), pymongo.timeout(STEP.total_seconds()):
            # By an update, because only that can ask for the server's time.
            await self._db[FILES].update_one(
                {"_id": id, "tenant_id": tenant_id},
                [{"$set": record | times | {"state": "arriving"}}],
                upsert=True,
            )
        return Upload(self._db, record)

    async def finish(self, upload: Upload, media_type: str, *, by: str) -> Taken:
        """Durable and readable when this returns, as one step. Raises: Unavailable: put it again."""
        await upload.flush()
        whole = {"media_type": media_type, "length": upload.size}
        change = whole | {"state": "kept", "look_at": in_(GRACE)}
        try:
            arrived = await self._change(upload.record, ("arriving",), change)
        except Unwritable as error:
            if not error.is_duplicate:
                raise
            return await self._second(upload, by)
        if not arrived:
            raise Unavailable("this upload was given up before it ended")
        return Taken(upload.record | whole, new=True)

    async def _second(self, upload: Upload, by: str) -> Taken:
        """Somebody else's upload of the same bytes was first: theirs is the blob."""
        await upload.discard()
        first = await self.find(upload.record["tenant_id"], upload.record["sha256"])
        if first is None or not await self.keep(first, by=by):
            raise Unavailable("the blob went while it was put")
        return Taken(first, new=False)

    async def _change(self, record: Document, states: Sequence[State], change: Document) -> bool:
        which = {"_id": record["_id"], "tenant_id": record["tenant_id"], "state": {"$in": states}}
        with translated(), pymongo.timeout(STEP.total_seconds()):
            done = await self._db[FILES].update_one(which, [{"$set": change}])
        return done.matched_count == 1

    async def read(self, record: Document, start: int, size: int) -> AsyncIterator[bytes]:
        """`size` bytes from `start` on, a chunk at a time.

        Raises: Damaged; PyMongoError: in the middle, so that the reader sees too few bytes, never wrong ones.
        """
        if not size:
            return
        width, end = record["chunkSize"], start + size
        wanted = range(start // width, (end - 1) // width + 1)
        query = {"files_id": record["_id"], "n": {"$gte": wanted.start, "$lt": wanted.stop}}
        found = self._db[CHUNKS].find(query, {"n": 1, "data": 1}).sort("n", 1).batch_size(CHUNKS_AT_ONCE)
        for number in wanted:
            chunk = await anext(found, None)
            if chunk is None or chunk["n"] != number:
                raise Damaged(f"chunk {number} of {record['_id']} is missing")
            at = number * width
            yield chunk["data"][max(start - at, 0) : end - at]


class Upload:
    """Bytes on their way in. Nothing reads them before `Blobs.finish`; a crash leaves them to the sweep."""

    def __init__(self, db: AsyncDatabase[Any], record: Document) -> None:
        self._db = db
        self.record = record
        self.size = 0
        self._next = 0
        self._waiting = bytearray()

    async def write(self, piece: bytes) -> None:
        """Raises: Unavailable."""
        self.size += len(piece)
        self._waiting += piece
        while len(self._waiting) >= CHUNKS_AT_ONCE * CHUNK_BYTES:
            await self._store(CHUNKS_AT_ONCE * CHUNK_BYTES)

    async def flush(self) -> None:
        """Raises: Unavailable."""
        if self._waiting:
            await self._store(len(self._waiting))

    async def _store(self, size: int) -> None:
        with memoryview(self._waiting) as view:
            chunks = [
                {
                    "files_id": self.record["_id"],
                    "n": self._next + number,
                    "data": bytes(view[at : min(at + CHUNK_BYTES, size)]),
                }
                for number, at in enumerate(range(0, size, CHUNK_BYTES))
            ]
        del self._waiting[:size]
        self._next += len(chunks)
        with translated(), pymongo.timeout(STEP.total_seconds()):
            await self._db[CHUNKS].insert_many(chunks)

    async def discard(self) -> None:
        """Delete what came, unless it has arrived all the same: whoever gives up may have missed the answer.
        Where the store does not answer, that is left to the sweep."""
        self._waiting.clear()
        mine = {"_id": self.record["_id"], "tenant_id": self.record["tenant_id"]}
        gone: Document = {"state": "going", "why": "incomplete", "look_at": "$$NOW"}
        try:
            with translated(), pymongo.timeout(STEP.total_seconds()):
                given_up = await self._db[FILES].update_one(mine | {"state": "arriving"}, [{"$set": gone}])
                if given_up.matched_count:
                    await self._db[CHUNKS].delete_many({"files_id": mine["_id"]})
                    await self._db[FILES].delete_one(mine | {"state": "going"})
        except Unavailable as error:
            logger.info("upload left to the sweep", blob=mine["_id"], reason=str(error))


async def present(db: AsyncDatabase[Any], tenant_id: str, hashes: Iterable[str]) -> set[str]:
    """Which of these blobs can be read now: one question."""
    if not (wanted := list(set(hashes))):
        return set()
    query = {"tenant_id": tenant_id, "sha256": {"$in": wanted}, "state": {"$in": READABLE}}
    return {row["sha256"] async for row in db[FILES].find(query, {"_id": 0, "sha256": 1})}
