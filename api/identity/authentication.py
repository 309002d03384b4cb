"""Who is asking: the bearer's token, then the user as they are now. Never a header, path or body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pymongo.asynchronous.database import AsyncDatabase

from adapters.identity import roles
from adapters.identity.tokens import BadToken, Claims, Tokens
from adapters.mongo.client import Document, document_id, translated
from api.http.problem import Problem
from domain.identity.actor import Actor

FRESH = timedelta(seconds=5)
"""How long a process may go on believing what it read of a user: roles, and whether they are active."""

MOST_USERS = 10_000


class Person:
    """A signed-in user of this moment: the actor, and the document without its secrets."""

    __slots__ = ("actor", "document", "ended_sessions", "until")

    def __init__(
        self, document: Document, own_roles: roles.Table, ended_sessions: frozenset[str], until: float
    ) -> None:
        self.document = document
        self.ended_sessions = ended_sessions
        self.until = until
        self.actor = Actor(
            tenant_id=document["tenant_id"],
            user_id=document["id"],
            roles=tuple(document["roles"]),
            granted=roles.grants(document, own_roles),
        )


class Bearer(NamedTuple):
    """A person, and what their token says."""

    person: Person
    claims: Claims


class Identity:
    """Turns an Authorization header into an actor. Users are read at most once per FRESH and process."""

    def __init__(
        self,
        tokens: Tokens,
        db: AsyncDatabase[Any],
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._db = db
        self._now = now
        self._monotonic = monotonic
        self._known: dict[str, Person] = {}
        self._reading: dict[str, asyncio.Task[Person | None]] = {}

    async def bearer(self, authorization: str) -> Bearer:
        """Raises: Problem 401; Unavailable: the user cannot be read."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated("token_missing", "this needs an access token: Authorization: Bearer …")
        try:
            claims = self._tokens.verify(token.strip())
        except BadToken:
            raise unauthenticated("token_invalid", "this access token is not valid, or no longer") from None
        key = document_id(claims.tenant_id, claims.user_id)
        person = self._known.get(key)
        if person is None or self._monotonic() >= person.until:
            person = await self._read_once(key)
        if person is None or not person.document["active"]:
            raise unauthenticated("user_inactive", "this user does not work here any more")
        revoked = person.document["token_version"] != claims.token_version
        if revoked or claims.session_id in person.ended_sessions:
            raise unauthenticated("token_revoked", "this access token was revoked: log in again")
        return Bearer(person, claims)

    async def actor(self, authorization: str) -> Actor:
        """Raises: Problem 401; 403: a new password is due first."""
        person = (await self.bearer(authorization)).person
        if person.document.get("must_change_password"):
            detail = "choose a password of your own first: POST /api/auth/password"
            raise Problem(403, "password_change_required", detail)
        return person.actor

    def forget(self, user: Document) -> None:
        """The user has changed here: they are read anew at their next request."""
        self._known.pop(document_id(user["tenant_id"], user["id"]), None)

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
            document = await self._db["users"].find_one({"_id": key})
        if document is None:
            self._known.pop(key, None)
            return None
        own_roles = await self._own_roles(document)
        ended = await self._ended_sessions(document)
        if len(self._known) >= MOST_USERS:
            self._known.clear()
        person = self._known[key] = Person(document, own_roles, ended, until)
        return person

    async def _own_roles(self, user: Document) -> roles.Table:
        if not roles.has_own(user):
            return {}
        with translated():
            return roles.table_of(await self._db["roles"].find_one(roles.key_of(user["tenant_id"])))

    async def _ended_sessions(self, user: Document) -> frozenset[str]:
        """Sessions that ended so lately that a token of theirs may not have expired."""
        lately = {"$gt": self._now() - self._tokens.lives}
        query = {"tenant_id": user["tenant_id"], "user_id": user["id"], "revoked_at": lately}
        with translated():
            return frozenset([found["id"] async for found in self._db["sessions"].find(query, ["id"])])


def need(actor: Actor, permission: str | None) -> None:
    """Raises: Problem 403."""
    if permission is not None and not actor.can(permission):
        raise Problem(403, "forbidden", f"this needs the permission {permission}", permission=permission)


def unauthenticated(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
