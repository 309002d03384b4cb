"""Photos for tests: bytes that look like a JPEG, named by their hash."""

from __future__ import annotations

import hashlib
import random

import httpx

from tests.api.people import Person


def photo(size: int = 1_000, *, seed: int = 1) -> bytes:
    return (b"\xff\xd8\xff\xe0" + random.Random(seed).randbytes(size))[:size]


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def send(
    web: httpx.AsyncClient, person: Person, content: bytes, *, name: str | None = None, **headers: str
) -> httpx.Response:
    """PUT under its own name, or under that one."""
    path = f"/api/blobs/{name or name_of(content)}"
    return await web.put(path, content=content, headers=person.auth | headers)


async def fetch(web: httpx.AsyncClient, person: Person, name: str, **headers: str) -> httpx.Response:
    return await web.get(f"/api/blobs/{name}", headers=person.auth | headers)
