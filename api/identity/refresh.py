"""Sessions after the login: refresh, logout, list, end, and a new password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from loguru import logger
from msgspec import Meta
from pymongo.database import Database

from adapters.identity import credentials, passwords
from adapters.identity.credentials import WeakPassword
from adapters.identity.refresh_tokens import BadRefreshToken
from adapters.identity.sessions import Continued, Device, Sessions, SessionView
from adapters.mongo.client import Document
from adapters.operators.audit import Act
from api.http import body
from api.http.encoding import encode
from api.http.openapi import BEARER, PROBLEM, Items, answering, operation, schema_of
from api.http.problem import Fault, Problem, invalid, not_found, request_id_of
from api.identity.authentication import Bearer, Identity, unauthenticated
from api.identity.device import RefreshCookie, device_of
from api.identity.me import Answers, SignedIn
from api.identity.threads import Threads
from domain.identity.password_policy import PasswordPolicy


class NewPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current_password: Annotated[str, Meta(min_length=1, max_length=256)]
    new_password: Annotated[str, Meta(min_length=1, max_length=256)]


class SessionRoutes:
    """`db` is synchronous: used in `checks` where passwords are checked, else in `reads`."""

    def __init__(
        self,
        db: Database[Any],
        sessions: Sessions,
        identity: Identity,
        answers: Answers,
        cookie: RefreshCookie,
        checks: Threads,
        reads: Threads,
        *,
        policy: PasswordPolicy,
        rounds: int,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._identity = identity
        self._answers = answers
        self._cookie = cookie
        self._checks = checks
        self._reads = reads
        self._policy = policy
        self._rounds = rounds
        self._now = now
        self._new_id = new_id

    async def refresh(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        text = self._cookie.read(request)
        if not text:
            raise unauthenticated("refresh_missing", "there is no refresh token: log in")
        device, request_id = device_of(request), request_id_of(request.scope)
        try:
            session = await self._reads.run(
                lambda: self._sessions.refresh(text, device, lambda found: self._act_on(found, request_id))
            )
        except BadRefreshToken as error:
            logger.bind(code=error.code, address=device.address).info("refresh refused")
            problem = unauthenticated(error.code, str(error))
            problem.headers["Set-Cookie"] = self._cookie.cleared().to_header(header="")
            raise problem from None
        return self._answers.signed_in(session)

    async def logout(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """Ends the session of the cookie, or of the access token; none is no error."""
        text, request_id = self._cookie.read(request), request_id_of(request.scope)
        session = await self._reads.run(lambda: self._sessions.of_token(text)) if text else None
        if session is None and (authorization := request.headers.get("authorization")):
            claims = (await self._identity.bearer(authorization)).claims
            session = {"tenant_id": claims.tenant_id, "user_id": claims.user_id, "id": claims.session_id}
        if session is not None:
            act = self._act_on(session, request_id)
            await self._reads.run(
                lambda: self._sessions.end(session["user_id"], session["id"], act, why="logout")
            )
            self._identity.forget({"tenant_id": session["tenant_id"], "id": session["user_id"]})
        return self._answers.signed_out()

    async def listing(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        person, claims = await self._bearer(request)
        now = self._now()
        found = await self._reads.run(
            lambda: self._sessions.list(person.document, current=claims.session_id, now=now)
        )
        return ASGIResponse(body=encode(Items(found)), headers={"cache-control": "no-store"})

    async def end(self, request: Request[Any, Any, Any], session_id: str) -> ASGIResponse:
        person, _ = await self._bearer(request)
        user = person.document
        owner = {"tenant_id": user["tenant_id"], "user_id": user["id"]}
        act = self._act_on(owner, request_id_of(request.scope))
        if not await self._reads.run(lambda: self._sessions.end(user["id"], session_id, act, why="by_owner")):
            raise not_found("session", session_id[:100])
        self._identity.forget(user)
        return ASGIResponse(status_code=204)

    async def change_password(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        person, claims = await self._bearer(request)
        new = await body.read_json(request, NewPassword)
        device, request_id = device_of(request), request_id_of(request.scope)
        session = await self._checks.run(lambda: self._changed(person.document, new, device, request_id))
        self._identity.forget(person.document)
        logger.bind(user_id=claims.user_id, tenant_id=claims.tenant_id).info("password changed")
        return self._answers.signed_in(session)

    def _changed(self, user: Document, new: NewPassword, device: Device, request_id: str) -> Continued:
        """A new session under the new password; all others have ended. Raises: Problem 401, 422."""
        known = credentials.credentials_of(self._db, user)
        if not passwords.matches(new.current_password, known.get("password_hash", "")):
            raise Problem(403, "wrong_password", "the current password is another one")
        try:
            password_hash = credentials.new_hash(
                new.new_password, user, known, self._policy, rounds=self._rounds
            )
        except WeakPassword as error:
            raise weak(error, "/new_password") from None
        session = {"tenant_id": user["tenant_id"], "user_id": user["id"]}
        act = self._act_on(session, request_id)
        after = credentials.set_password(self._db, user, password_hash, act, by="change")
        return self._sessions.start(after, device, self._act_on(session, request_id))

    async def _bearer(self, request: Request[Any, Any, Any]) -> Bearer:
        return await self._identity.bearer(request.headers.get("authorization", ""))

    def _act_on(self, session: Document, request_id: str) -> Act:
        """What its user does to a session, at this moment."""
        return Act(
            id=self._new_id(),
            tenant_id=session["tenant_id"],
            user_id=session["user_id"],
            via="api",
            reason="",
            at=self._now(),
            request_id=request_id,
        )


def weak(error: WeakPassword, path: str) -> Problem:
    """422 with a fault for each rule that the password breaks."""
    return invalid(*(Fault(path, code, sentence) for code, sentence in error.reasons), code="weak_password")


_NO_CONTENT = {"204": ("Done", None)}


def routes(sessions: SessionRoutes) -> list[HTTPRouteHandler]:
    @post(
        "/api/auth/refresh",
        status_code=200,
        operation_id="auth.refresh",
        operation_class=operation(
            responses={
                **answering("The session goes on; the next refresh token is set as a cookie", SignedIn),
                "401": ("`refresh_missing`, `refresh_invalid`, `refresh_reused`, `session_ended`", PROBLEM),
                "403": ("`foreign_origin`", PROBLEM),
                "429": ("Too many at once", PROBLEM),
            },
        ),
        tags=["session"],
    )
    async def refresh(request: Request[Any, Any, Any]) -> ASGIResponse:
        """A new access token for the refresh token in the cookie, which is replaced by its successor.

        A refresh token is good once: the same again within seconds gives the same answer (two tabs, a lost
        answer), later it ends the session.
        """
        return await sessions.refresh(request)

    @post(
        "/api/auth/logout",
        status_code=200,
        operation_id="auth.logout",
        operation_class=operation(
            responses={
                **_NO_CONTENT,
                "401": ("The access token is not valid, and there is no cookie", PROBLEM),
                "403": ("`foreign_origin`", PROBLEM),
                "429": ("Too many at once", PROBLEM),
            }
        ),
        tags=["session"],
    )
    async def logout(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Ends the session of the cookie, or else of the access token."""
        return await sessions.logout(request)

    @get(
        "/api/auth/sessions",
        operation_id="auth.sessions",
        operation_class=operation(
            responses={
                **answering("Live sessions, the one used last first", Items[SessionView]),
                "429": ("Too many at once", PROBLEM),
            }
        ),
        tags=["session"],
        security=BEARER,
    )
    async def listing(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Where I am signed in."""
        return await sessions.listing(request)

    @delete(
        "/api/auth/sessions/{session_id:str}",
        status_code=200,
        operation_id="auth.session_end",
        operation_class=operation(responses={**_NO_CONTENT, "429": ("Too many at once", PROBLEM)}),
        tags=["session"],
        security=BEARER,
    )
    async def end(request: Request[Any, Any, Any], session_id: FromPath[str]) -> ASGIResponse:
        """Ends one of my sessions: its tokens are refused from now on."""
        return await sessions.end(request, session_id)

    @post(
        "/api/auth/password",
        status_code=200,
        operation_id="auth.password",
        operation_class=operation(
            request=schema_of(NewPassword),
            responses={
                **answering("Changed: a new session, all others have ended", SignedIn),
                "403": ("`wrong_password`", PROBLEM),
                "422": ("`weak_password`; `errors` names the rules it breaks", PROBLEM),
                "429": ("Too many at once", PROBLEM),
            },
        ),
        tags=["session"],
        security=BEARER,
    )
    async def change_password(request: Request[Any, Any, Any]) -> ASGIResponse:
        """Sets a new password. It ends all my sessions but the one that is answered."""
        return await sessions.change_password(request)

    return [refresh, logout, listing, end, change_password]
