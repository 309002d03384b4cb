"""POST /api/auth/login and GET /api/auth/me."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from loguru import logger
from msgspec import Meta
from pymongo.database import Database

from adapters.identity import credentials
from adapters.identity.passwords import Decoy, cost, hashed, matches
from adapters.identity.sessions import Continued, Device, Sessions
from adapters.mongo.client import Document, document_id, translated
from adapters.operators.audit import Act
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, answering, operation, schema_of
from api.http.problem import Problem, request_id_of
from api.identity.authentication import Identity
from api.identity.brake import Failures
from api.identity.device import device_of
from api.identity.me import Answers, Me, SignedIn, me_view
from api.identity.threads import Threads


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Annotated[str, Meta(min_length=3, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]
    otp: Annotated[str, Meta(max_length=16)] | None = None


class Logins:
    """Signing in by password. `db` is synchronous and used in `checks`, threads of its own."""

    def __init__(
        self,
        db: Database[Any],
        sessions: Sessions,
        identity: Identity,
        failures: Failures,
        answers: Answers,
        checks: Threads,
        *,
        rounds: int,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._identity = identity
        self._failures = failures
        self._answers = answers
        self._checks = checks
        self._rounds = rounds
        self._now = now
        self._new_id = new_id
        self._decoy = Decoy()

    async def login(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        login = await body.read_json(request, Login)
        device, request_id = device_of(request), request_id_of(request.scope)
        session = await self._checks.run(lambda: self._signed_in(login, device, request_id))
        return self._answers.signed_in(session)

    async def me(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        person = (await self._identity.bearer(request.headers.get("authorization", ""))).person
        return ASGIResponse(body=encode(me_view(person.document, person.actor.granted)))

    def _signed_in(self, login: Login, device: Device, request_id: str) -> Continued:
        """A new session of the user who logs in. Raises: Problem 401, 429."""
        user = self._checked(login, device.address)
        act = Act(
            id=self._new_id(),
            tenant_id=user["tenant_id"],
            user_id=user["id"],
            via="api",
            reason="",
            at=self._now(),
            request_id=request_id,
        )
        session = self._sessions.start(user, device, act)
        logger.bind(tenant_id=user["tenant_id"], user_id=user["id"], session_id=act.id).info("logged in")
        return session

    def _checked(self, login: Login, address: str) -> Document:
        """The user who logs in. Raises: Problem 401, 429."""
        # Only now: those who waited before us may have used up the attempts.
        self._failures.begin(address)
        failed = False
        try:
            user = self._user(login.email.strip().lower())
            failed = not self._is_password(login.password, user) or user is None
        finally:
            if not failed:  # the right password, or no answer from the store: no attempt at all
                self._failures.succeeded(address)
        if failed or user is None:
            raise Problem(401, "invalid_credentials", "this address and password do not belong together")
        return user

    def _user(self, email: str) -> Document | None:
        """The active user of that address; an unknown one costs as many reads."""
        with translated():
            known = self._db["logins"].find_one({"_id": email})
            key = document_id(known["tenant_id"], known["user_id"]) if known else None
            return self._db["users"].find_one({"_id": key, "active": True})

    def _is_password(self, password: str, user: Document | None) -> bool:
        known = credentials.credentials_of(self._db, user or {"tenant_id": "", "id": ""})
        password_hash = known.get("password_hash")
        if user is None or password_hash is None:
            self._decoy.check(password)
            return False
        self._decoy.learn(password_hash)
        if not matches(password, password_hash):
            return False
        if (cost(password_hash) or 0) < self._rounds:
            renewed = hashed(password, rounds=self._rounds)
            credentials.rehash(self._db, user, password_hash, renewed)
        return True


def routes(logins: Logins) -> list[HTTPRouteHandler]:
    @post(
        "/api/auth/login",
        status_code=200,
        operation_id="auth.login",
        operation_class=operation(
            request=schema_of(Login),
            responses={
                **answering("Logged in; the refresh token is set as a cookie", SignedIn),
                "401": ("`invalid_credentials`", PROBLEM),
                "429": ("Too many failed logins from this address, or too many at once", PROBLEM),
            },
        ),
        tags=["session"],
    )
    async def login(request: Request[Any, Any, Any]) -> ASGIResponse:
        """An access token for an e-mail address and its password."""
        return await logins.login(request)

    @get(
        "/api/auth/me",
        operation_id="auth.me",
        operation_class=operation(responses=answering("Who asks", Me)),
        tags=["session"],
        security=BEARER,
    )
    async def me(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Who I am and what I may do, now."""
        return await logins.me(request)

    return [login, me]
