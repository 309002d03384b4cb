"""Who is asking: the bearer's token, then the user as they are now. Never a header, path or body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from adapters.identity.tokens import BadToken, Tokens
from adapters.mongo.client import Document, document_id, translated
from api.http.problem import Problem
from domain.identity.actor import Actor
from domain.identity.permissions import granted

FRESH = timedelta(seconds=5)
"""How long a process may go on believing what it read of a user: roles, and whether they are active."""

MOST_USERS = 10_000


class Person:
    """A signed-in user of this moment: the actor, and the document without its secrets."""

    __slots__ = ("actor", "document", "until")

    def __init__(self, document: Document, until: float) -> None:
        self.document = document
        self.until = until
        roles = tuple(document["roles"])
        self.actor = Actor(
            tenant_id=document["tenant_id"], user_id=document["id"], roles=roles, granted=granted(roles)
        )


class Identity:
    """Turns an Authorization header into an actor. Users are read at most once per FRESH and process."""

    def __init__(
        self, tokens: Tokens, users: AsyncCollection[Any], *, monotonic: Callable[[], float]
    ) -> None:
        self._tokens = tokens
        self._users = users
        self._monotonic = monotonic
        self._known: dict[str, Person] = {}
        self._reading: dict[str, asyncio.Task[Person | None]] = {}

    async def person(self, authorization: str) -> Person:
        """Raises: Problem 401; Unavailable: the user cannot be read."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated("token_missing", "this needs an access token: Authorization: Bearer …")
        try:
            claims = self._tokens.verify(token.strip())
        except BadToken:
            raise _unauthenticated("token_invalid", "this access token is not valid, or no longer") from None
        key = document_id(claims.tenant_id, claims.user_id)
        found = self._known.get(key)
        if found is None or self._monotonic() >= found.until:
            found = await self._read_once(key)
        if found is None or not found.document["active"]:
            raise _unauthenticated("user_inactive", "this user does not work here any more")
        if found.document["token_version"] != claims.token_version:
            raise _unauthenticated("token_revoked", "this access token was revoked: log in again")
        return found

    async def actor(self, authorization: str) -> Actor:
        return (await self.person(authorization)).actor

    async def _read_once(self, key: str) -> Person | None:
        """One read for however many ask at once; a caller that gives up does not take it from the others."""
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key))
            reading.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(reading)

    def _forget(self, key: str, done: asyncio.Task[Person | None]) -> None:
        self._reading.pop(key, None)
        if not done.cancelled():
            done.exception()  # every caller may be gone: nobody else would retrieve it

    async def _read(self, key: str) -> Person | None:
        # The trust runs from when we asked: the answer may have been slow.
        until = self._monotonic() + FRESH.total_seconds()
        with translated():
            document = await self._users.find_one({"_id": key}, {"password_hash": 0})
        if document is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= MOST_USERS:
            self._known.clear()
        person = self._known[key] = Person(document, until)
        return person


def need(actor: Actor, permission: str | None) -> None:
    """Raises: Problem 403."""
    if permission is not None and not actor.can(permission):
        raise Problem(403, "forbidden", f"this needs the permission {permission}", permission=permission)


def _unauthenticated(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
