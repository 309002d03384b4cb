"""Blobs: files identified by the hash of their content, in GridFS. The GridFS file document is the blob's
record:

    blobs.files   {_id: "<tenant>/<sha256>/<upload>", length, chunkSize, uploadDate, tenant_id, sha256,
                   media_type, by [user ids], state, look_at, why?}
    blobs.chunks  {files_id, n, data}

    arriving ──▶ kept ⇄ condemned ──▶ going        incomplete uploads go to `going` too

Each upload has its own id, so two uploads of the same bytes do not interfere; the unique index on (tenant,
hash) of readable files lets one of them become the blob. `look_at` is when the sweep checks the file next.
Only `going` is final: the file is no longer readable, and is deleted.
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
"""Most chunks of one write or read, to bound memory. (The driver's GridFS buffers up to 32 MiB of an upload
before it writes, and reads up to 16 MiB at once.)"""

MAX_BYTES = 10 * 1024 * 1024
"""Largest blob. Phones scale photos down before they send them."""

GRACE = timedelta(days=30)
"""How long an unreferenced blob is kept after it was uploaded, or last seen referenced or requested."""

LAST_CALL = timedelta(days=1)
"""How long a condemned blob can still be rescued, by being referenced, uploaded again or read."""

ARRIVES_WITHIN = timedelta(hours=1)
"""After this long an upload counts as abandoned: far longer than one may take."""

MOST_UPLOADERS = 1_000
"""Most uploaders stored for one blob."""

QUERY_TIMEOUT = timedelta(seconds=4)
"""Bound on each call to the store."""


def server_time_in(span: timedelta) -> Document:
    """An aggregation expression: the server's time plus `span`."""
    return {"$add": ["$$NOW", int(span / timedelta(milliseconds=1))]}


class Stored(msgspec.Struct, frozen=True):
    """The blob of a finished upload. `new`: it did not exist before."""

    record: Document
    new: bool


class Damaged(Exception):
    """The record of a blob exists, but some of its bytes are missing."""


class Blobs:
    """The blobs of all tenants; every call names the tenant."""

    def __init__(self, db: AsyncDatabase[Any], *, new_id: Callable[[], str]) -> None:
        self._db = db
        self._new_id = new_id

    async def find(self, tenant_id: str, sha256: str) -> Document | None:
        """The record of a readable blob, or None. Raises: Unavailable."""
        query = {"tenant_id": tenant_id, "sha256": sha256, "state": {"$in": READABLE}}
        with translated(), pymongo.timeout(QUERY_TIMEOUT.total_seconds()):
            record: Document | None = await self._db[FILES].find_one(query)
        return record

    async def keep(self, record: Document, *, by: str | None = None) -> bool:
        """Restart the blob's grace period, and add an uploader. False: it has been deleted meanwhile.

        Raises: Unavailable.
        """
        change: Document = {"state": "kept", "look_at": server_time_in(GRACE)}
        if by is not None:
            has_room = {"$lt": [{"$size": "$by"}, MOST_UPLOADERS]}
            change["by"] = {"$cond": [has_room, {"$setUnion": ["$by", [by]]}, "$by"]}
        return await self._change(record, READABLE, change)

    async def begin(self, tenant_id: str, sha256: str, *, by: str) -> Upload:
        """Start an upload. Raises: Unavailable."""
        id = document_id(tenant_id, f"{sha256}/{self._new_id()}")
        record = {"_id": id, "tenant_id": tenant_id, "sha256": sha256, "by": [by], "chunkSize": CHUNK_BYTES}
        times = {"uploadDate": "$$NOW", "look_at": server_time_in(ARRIVES_WITHIN)}
        with translated(), pymongo.timeout(QUERY_TIMEOUT.total_seconds()):
            # An update, because only that can use the server's time.
            await self._db[FILES].update_one(
                {"_id": id, "tenant_id": tenant_id},
                [{"$set": record | times | {"state": "arriving"}}],
                upsert=True,
            )
        return Upload(self._db, record)

    async def finish(self, upload: Upload, media_type: str, *, by: str) -> Stored:
        """Make the upload durable and readable, atomically. Raises: Unavailable: upload it again."""
        await upload.flush()
        properties = {"media_type": media_type, "length": upload.size}
        change = properties | {"state": "kept", "look_at": server_time_in(GRACE)}
        try:
            is_changed = await self._change(upload.record, ("arriving",), change)
        except Unwritable as error:
            if not error.is_duplicate:
                raise
            return await self._use_existing(upload, by)
        if not is_changed:
            raise Unavailable("this upload was abandoned before it finished")
        return Stored(upload.record | properties, new=True)

    async def _use_existing(self, upload: Upload, by: str) -> Stored:
        """The existing blob, because another upload of the same bytes finished first."""
        await upload.discard()
        first = await self.find(upload.record["tenant_id"], upload.record["sha256"])
        if first is None or not await self.keep(first, by=by):
            raise Unavailable("the blob was deleted during the upload")
        return Stored(first, new=False)

    async def _change(self, record: Document, states: Sequence[State], change: Document) -> bool:
        query = {"_id": record["_id"], "tenant_id": record["tenant_id"], "state": {"$in": states}}
        with translated(), pymongo.timeout(QUERY_TIMEOUT.total_seconds()):
            result = await self._db[FILES].update_one(query, [{"$set": change}])
        return result.matched_count == 1

    async def read(self, record: Document, start: int, size: int) -> AsyncIterator[bytes]:
        """Yield `size` bytes from `start` on, chunk by chunk.

        Raises: Damaged; PyMongoError: possibly midway, so that the reader gets too few bytes, never wrong
        ones.
        """
        if not size:
            return
        width, end = record["chunkSize"], start + size
        numbers = range(start // width, (end - 1) // width + 1)
        query = {"files_id": record["_id"], "n": {"$gte": numbers.start, "$lt": numbers.stop}}
        chunks = self._db[CHUNKS].find(query, {"n": 1, "data": 1}).sort("n", 1).batch_size(CHUNKS_AT_ONCE)
        for number in numbers:
            chunk = await anext(chunks, None)
            if chunk is None or chunk["n"] != number:
                raise Damaged(f"chunk {number} of {record['_id']} is missing")
            at = number * width
            yield chunk["data"][max(start - at, 0) : end - at]


class Upload:
    """An upload in progress. It is not readable before `Blobs.finish`; after a crash the sweep deletes it."""

    def __init__(self, db: AsyncDatabase[Any], record: Document) -> None:
        self._db = db
        self.record = record
        self.size = 0
        self._next = 0
        self._waiting = bytearray()

    async def write(self, piece: bytes) -> None:
        """Add bytes; stores full chunks. Raises: Unavailable."""
        self.size += len(piece)
        self._waiting += piece
        while len(self._waiting) >= CHUNKS_AT_ONCE * CHUNK_BYTES:
            await self._store(CHUNKS_AT_ONCE * CHUNK_BYTES)

    async def flush(self) -> None:
        """Store what is buffered. Raises: Unavailable."""
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
        with translated(), pymongo.timeout(QUERY_TIMEOUT.total_seconds()):
            await self._db[CHUNKS].insert_many(chunks)

    async def discard(self) -> None:
        """Delete the upload, unless it has finished: the caller may have missed the reply. If the store is
        unavailable, the sweep deletes it later."""
        self._waiting.clear()
        mine = {"_id": self.record["_id"], "tenant_id": self.record["tenant_id"]}
        going: Document = {"state": "going", "why": "incomplete", "look_at": "$$NOW"}
        try:
            with translated(), pymongo.timeout(QUERY_TIMEOUT.total_seconds()):
                discarded = await self._db[FILES].update_one(mine | {"state": "arriving"}, [{"$set": going}])
                if discarded.matched_count:
                    await self._db[CHUNKS].delete_many({"files_id": mine["_id"]})
                    await self._db[FILES].delete_one(mine | {"state": "going"})
        except Unavailable as error:
            logger.info("upload left to the sweep", blob=mine["_id"], reason=str(error))


async def existing_hashes(db: AsyncDatabase[Any], tenant_id: str, hashes: Iterable[str]) -> set[str]:
    """The hashes, of those given, whose blobs are readable; one query."""
    if not (unique := list(set(hashes))):
        return set()
    query = {"tenant_id": tenant_id, "sha256": {"$in": unique}, "state": {"$in": READABLE}}
    return {row["sha256"] async for row in db[FILES].find(query, {"_id": 0, "sha256": 1})}
