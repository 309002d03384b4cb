"""PUT, GET and HEAD /api/blobs/{sha256}: files by the hash of their content, uploaded before or after the
action that names them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from litestar import Request, get, put, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from adapters.blobs.store import MAX_BYTES, Blobs, Stored
from adapters.mongo.client import Document, Unavailable
from api.http import body
from api.http.encoding import encode
from api.http.headers import client_has
from api.http.openapi import BEARER, PROBLEM, Json, operation, parameter
from api.http.problem import Fault, Problem, invalid, not_found, overloaded
from api.http.ranges import requested_span
from api.identity.authentication import Identity
from api.uploads.upload import Arrival, unsupported
from domain.identity.actor import Actor
from domain.media import IMAGES, MEDIA_TYPES, TEXT
from tasks.catalogue import Catalogue

READ = "workorders.read"
OFFLINE = "offline.submit"

UPLOAD_DEADLINE = timedelta(minutes=5)
"""For one upload; a slower client gets a 408 and retries with a better signal."""

CONCURRENT_UPLOADS = 32
"""Uploads that one process receives at a time; each holds about 3 MiB."""

_HASH = re.compile(r"[0-9a-f]{64}")


class BlobStore:
    """Stores and serves blobs.

    Uploading needs the permission of any command whose payload names a blob, or that of working offline.
    Reading needs the permission to read work orders; everybody may read what they uploaded.
    """

    def __init__(self, blobs: Blobs, identity: Identity, catalogue: Catalogue) -> None:
        self._blobs = blobs
        self._identity = identity
        self.puts = sorted(
            {OFFLINE}
            | {spec.permission for spec in catalogue.values() if spec.names_blobs and spec.permission}
        )
        self._arriving = 0

    async def put(self, request: Request[Any, Any, Any], sha256: str) -> ASGIResponse:
        """Stores a file: 201, or 200 if it existed.

        Raises: Problem 403, 408, 413, 415, 422, 429: nothing is stored.
        """
        actor = await self._actor(request)
        if not any(map(actor.can, self.puts)):
            needs = " or ".join(self.puts)
            raise Problem(403, "forbidden", f"this needs the permission {needs}", permission=self.puts)
        if not _HASH.fullmatch(sha256):
            raise invalid(
                Fault("/path/sha256", "malformed", "a blob's name is its SHA-256 in lower-case hex")
            )
        if self._arriving >= CONCURRENT_UPLOADS:
            raise overloaded("more uploads arrive than we hold")
        self._arriving += 1
        try:
            async with asyncio.timeout(UPLOAD_DEADLINE.total_seconds()):
                taken = await self._take(request, actor, sha256)
        except TimeoutError:
            raise Problem(
                408, "upload_too_slow", f"an upload may take {UPLOAD_DEADLINE.seconds} s; nothing was kept"
            ) from None
        finally:
            self._arriving -= 1
        view = {"sha256": sha256, "size": taken.record["length"], "media_type": taken.record["media_type"]}
        headers = {"location": f"/api/blobs/{sha256}", "etag": f'"{sha256}"'}
        return ASGIResponse(body=encode(view), status_code=201 if taken.new else 200, headers=headers)

    async def _take(self, request: Request[Any, Any, Any], actor: Actor, sha256: str) -> Stored:
        headers: body.Headers = dict(request.scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise unsupported("the body must not be compressed")
        assert actor.user_id is not None, "a bearer is a person"
        arrival = Arrival(sha256, headers.get(b"content-type", b"").decode("latin-1"))
        pieces = body.pieces(headers, request.receive, most=MAX_BYTES)
        known = await self._blobs.find(actor.tenant_id, sha256)
        if known is not None:
            # The bytes are still read: only a client that has them becomes one of the owners.
            async for piece in pieces:
                arrival.take(piece)
            arrival.end()
            if not await self._blobs.keep(known, by=actor.user_id):
                raise Unavailable("the blob went while it was put")
            return Stored(known, new=False)
        upload = await self._blobs.begin(actor.tenant_id, sha256, by=actor.user_id)
        try:
            async for piece in pieces:
                arrival.take(piece)
                await upload.write(piece)
            return await self._blobs.finish(upload, arrival.end(), by=actor.user_id)
        except BaseException:
            await upload.discard()
            raise

    async def show(self, request: Request[Any, Any, Any], sha256: str) -> ASGIResponse:
        """The bytes, or one `Range` of them; 304 if the client has them. Raises: Problem 404, 416."""
        record = await self._find(request, sha256)
        headers = _headers(record)
        request_headers: body.Headers = dict(request.scope["headers"])
        if client_has(request_headers, headers["etag"]):
            about_bytes = ("content-length", "content-type")
            left = {name: value for name, value in headers.items() if name not in about_bytes}
            return ASGIResponse(status_code=304, headers=left)
        part = requested_span(request_headers, headers["etag"], record["length"])
        if part.is_part:
            headers |= {"content-range": part.content_range, "content-length": str(part.size)}
        return ASGIStreamingResponse(
            iterator=self._blobs.read(record, part.start, part.size),
            status_code=206 if part.is_part else 200,
            headers=headers,
        )

    async def describe(self, request: Request[Any, Any, Any], sha256: str) -> ASGIResponse:
        record = await self._find(request, sha256)
        return ASGIResponse(headers=_headers(record), is_head_response=True)

    async def _find(self, request: Request[Any, Any, Any], sha256: str) -> Document:
        """The blob's record.

        Raises: Problem 404, both if it does not exist and if the actor may not see it.
        """
        actor = await self._actor(request)
        record = await self._blobs.find(actor.tenant_id, sha256) if _HASH.fullmatch(sha256) else None
        may_see = record is not None and (actor.can(READ) or actor.user_id in record["by"])
        if record is None or not may_see:
            raise not_found("blob", sha256[:100])
        if record["state"] == "condemned" and not await self._blobs.keep(record):
            raise not_found("blob", sha256)
        return record

    async def _actor(self, request: Request[Any, Any, Any]) -> Actor:
        return await self._identity.actor(request.headers.get("authorization", ""))


def _headers(record: Document) -> dict[str, str]:
    """Headers for untrusted, immutable content: browsers neither sniff nor run it."""
    media_type = record["media_type"]
    return {
        "content-type": f"{media_type}; charset=utf-8" if media_type == TEXT else media_type,
        "content-length": str(record["length"]),
        "content-disposition": "inline" if media_type in IMAGES else "attachment",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": f"private, immutable, max-age={int(timedelta(days=365).total_seconds())}",
        "etag": f'"{record["sha256"]}"',
        "accept-ranges": "bytes",
    }


BINARY: Json = {"type": "string", "format": "binary", "maxLength": MAX_BYTES}
BLOB_VIEW: Json = {
    "type": "object",
    "required": ["sha256", "size", "media_type"],
    "properties": {
        "sha256": {"type": "string"},
        "size": {"type": "integer"},
        "media_type": {"type": "string", "enum": list(MEDIA_TYPES)},
    },
}
_ONES_OWN = f"Needs `{READ}`, except for what one put oneself."


def routes(store: BlobStore) -> Iterator[HTTPRouteHandler]:
    reading = (
        parameter("If-None-Match", "header", "the ETag the client has"),
        parameter("Range", "header", "one range of bytes"),
    )
    refused = {
        "413": (f"more than {MAX_BYTES} bytes", PROBLEM),
        "415": ("none of the kinds that are kept, or not what Content-Type says", PROBLEM),
        "408": ("the bytes came too slowly", PROBLEM),
        "422": ("the bytes have another hash", PROBLEM),
        "429": ("too many files at once; nothing was kept", PROBLEM),
    }

    @put(
        "/api/blobs/{sha256:str}",
        operation_id="blobs.put",
        operation_class=operation(
            bodies=dict.fromkeys(MEDIA_TYPES, BINARY),
            responses={"200": ("It was there", BLOB_VIEW), "201": ("It is kept", BLOB_VIEW), **refused},
        ),
        summary="Put a file under its SHA-256, before or after the action that names it",
        description=f"Needs one of {', '.join(f'`{name}`' for name in store.puts)}.",
        tags=["blobs"],
        security=BEARER,
    )
    async def put_blob(request: Request[Any, Any, Any], sha256: FromPath[str]) -> ASGIResponse:
        return await store.put(request, sha256)

    @get(
        "/api/blobs/{sha256:str}",
        operation_id="blobs.get",
        operation_class=operation(
            parameters=reading,
            responses={
                "200": ("The bytes", BINARY),
                "206": ("A range of them", BINARY),
                "304": ("The client has it already", None),
                "416": ("No byte of it is in this range", PROBLEM),
            },
            response_types=MEDIA_TYPES,
        ),
        summary="The bytes of a file",
        description=_ONES_OWN,
        tags=["blobs"],
        security=BEARER,
    )
    async def get_blob(request: Request[Any, Any, Any], sha256: FromPath[str]) -> ASGIResponse:
        return await store.show(request, sha256)

    # Not `@head`, whose answers may have no headers of their own.
    @route(
        "/api/blobs/{sha256:str}",
        http_method="HEAD",
        status_code=200,
        operation_id="blobs.head",
        operation_class=operation(responses={"200": ("It is there; its type, length and ETag", None)}),
        summary="Whether a file is there; if so it will be for a day at least",
        description=_ONES_OWN,
        tags=["blobs"],
        security=BEARER,
    )
    async def head_blob(request: Request[Any, Any, Any], sha256: FromPath[str]) -> ASGIResponse:
        return await store.describe(request, sha256)

    yield from (put_blob, get_blob, head_blob)
