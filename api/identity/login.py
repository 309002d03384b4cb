"""POST /api/auth/login and GET /api/auth/me: the first half of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from loguru import logger
from msgspec import Meta
from pymongo.asynchronous.database import AsyncDatabase

from adapters.identity.passwords import Decoy, matches
from adapters.identity.tokens import Tokens
from adapters.mongo.client import Document, document_id
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, answering, operation, schema_of
from api.http.problem import Problem, overloaded
from api.identity.authentication import Identity
from domain.identity.permissions import granted

CHECKS_AT_ONCE = 2
"""Password checks are CPU on purpose; more at once would starve everything else of this process."""

MOST_WAITING = 64
"""Logins that may wait for a check; a further one is told to come back."""

MOST_ADDRESSES = 10_000


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Annotated[str, Meta(min_length=3, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]
    otp: Annotated[str, Meta(max_length=16)] | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """A user as they see themselves."""

    id: str
    tenant_id: str
    email: str
    name: str
    roles: list[str]
    permissions: list[str]


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in`: seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    user: Me


class Failures:
    """Failed logins per client address in a window, kept in this process: a brake, not a lockout."""

    def __init__(self, *, most: int, window: timedelta, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._window = window.total_seconds()
        self._monotonic = monotonic
        self._seen: dict[str, tuple[float, int]] = {}

    def begin(self, address: str) -> None:
        """Counts the attempt as failed until `succeeded` says otherwise, so that attempts at the same time
        cannot pass together. Raises: Problem 429: nothing was counted.
        """
        now = self._monotonic()
        since, count = self._seen.get(address, (now, 0))
        left = since + self._window - now
        if left <= 0:
            since, count = now, 0
        elif count >= self._most:
            wait = {"Retry-After": str(int(left) + 1)}
            raise Problem(429, "too_many_attempts", "too many failed logins from this address", headers=wait)
        if count == 0:
            # In the order of their windows' beginnings: the first is the one that ends first.
            self._seen.pop(address, None)
            if len(self._seen) >= MOST_ADDRESSES:
                del self._seen[next(iter(self._seen))]
        self._seen[address] = (since, count + 1)

    def succeeded(self, address: str) -> None:
        """Takes back what `begin` counted."""
        since, count = self._seen.get(address, (0.0, 0))
        if count > 1:
            self._seen[address] = (since, count - 1)
        else:
            self._seen.pop(address, None)


class Session:
    """Logging in, and who one is."""

    def __init__(
        self,
        db: AsyncDatabase[Any],
        tokens: Tokens,
        identity: Identity,
        failures: Failures,
        *,
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._tokens = tokens
        self._identity = identity
        self._failures = failures
        self._new_id = new_id
        self._decoy = Decoy()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._waiting = 0
        self._decoder = msgspec.json.Decoder(Login)

    async def login(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        headers: body.Headers = dict(request.scope["headers"])
        body.check_media_type(headers)
        wanted, _ = body.decode(await body.read(headers, request.receive), self._decoder)
        address = request.client.host if request.client else "unknown"
        user = await self._checked(wanted, address)
        token = self._tokens.issue(
            tenant_id=user["tenant_id"],
            user_id=user["id"],
            token_version=user["token_version"],
            id=self._new_id(),
        )
        logger.bind(tenant_id=user["tenant_id"], user_id=user["id"]).info("logged in")
        lives = int(self._tokens.lives.total_seconds())
        answer = LoggedIn(access_token=token, expires_in=lives, user=seen(user))
        return ASGIResponse(body=encode(answer), headers={"cache-control": "no-store"})

    async def me(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        person = await self._identity.person(request.headers.get("authorization", ""))
        return ASGIResponse(body=encode(seen(person.document)))

    async def _user(self, email: str) -> Document | None:
        """The active user of that address; an unknown one costs as many questions."""
        known = await self._db["logins"].find_one({"_id": email})
        key = document_id(known["tenant_id"], known["user_id"]) if known else None
        return await self._db["users"].find_one({"_id": key, "active": True})

    async def _checked(self, wanted: Login, address: str) -> Document:
        """The user who logs in. Raises: Problem 401, 429."""
        if self._waiting >= MOST_WAITING:
            raise overloaded("more logins wait for their check than we hold")
        self._waiting += 1
        try:
            async with self._checks:
                # Only now: what came before us in the line may have used up the attempts.
                self._failures.begin(address)
                failed = False
                try:
                    user = await self._user(wanted.email.strip().lower())
                    failed = not await self._is_password(wanted.password, user) or user is None
                finally:
                    if not failed:  # the right password, or no answer from the store: no attempt at all
                        self._failures.succeeded(address)
                if failed or user is None:
                    detail = "this address and password do not belong together"
                    raise Problem(401, "invalid_credentials", detail)
                return user
        finally:
            self._waiting -= 1

    async def _is_password(self, password: str, user: Document | None) -> bool:
        if user is None:
            await asyncio.to_thread(self._decoy.check, password)
            return False
        await asyncio.to_thread(self._decoy.learn, user["password_hash"])
        return await asyncio.to_thread(matches, password, user["password_hash"])


def seen(user: Document) -> Me:
    return Me(
        id=user["id"],
        tenant_id=user["tenant_id"],
        email=user["email"],
        name=user["name"],
        roles=user["roles"],
        permissions=sorted(granted(user["roles"])),
    )


def routes(session: Session) -> list[HTTPRouteHandler]:
    @post(
        "/api/auth/login",
        status_code=200,
        operation_id="auth.login",
        operation_class=operation(
            request=schema_of(Login),
            responses={
                **answering("Logged in", LoggedIn),
                "401": ("`invalid_credentials`", PROBLEM),
                "429": ("Too many failed logins from this address, or too many at once", PROBLEM),
            },
        ),
        tags=["session"],
    )
    async def login(request: Request[Any, Any, Any]) -> ASGIResponse:
        """An access token for an e-mail address and its password."""
        return await session.login(request)

    @get(
        "/api/auth/me",
        operation_id="auth.me",
        operation_class=operation(responses=answering("Who asks", Me)),
        tags=["session"],
        security=BEARER,
    )
    async def me(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Who I am and what I may do, now."""
        return await session.me(request)

    return [login, me]
