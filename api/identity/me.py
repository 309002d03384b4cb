"""A user as they see themselves, and the answer that gives them an access token."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Literal

import msgspec
from litestar.response.base import ASGIResponse

from adapters.identity.sessions import Continued
from adapters.identity.tokens import Tokens
from adapters.mongo.client import Document
from api.http.encoding import encode
from api.identity.device import RefreshCookie


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """A user as they see themselves. `must_change_password`: nothing but that is allowed before."""

    id: str
    tenant_id: str
    email: str
    name: str
    roles: list[str]
    permissions: list[str]
    must_change_password: bool


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in`: seconds. The refresh token is in the cookie beside it."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    user: Me


def me_view(user: Document, granted: Collection[str]) -> Me:
    return Me(
        id=user["id"],
        tenant_id=user["tenant_id"],
        email=user["email"],
        name=user["name"],
        roles=user["roles"],
        permissions=sorted(granted),
        must_change_password=bool(user.get("must_change_password")),
    )


class Answers:
    """Makes the answer to whoever is signed in: an access token, and the next refresh token as a cookie."""

    def __init__(
        self,
        tokens: Tokens,
        cookie: RefreshCookie,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._now = now
        self._new_id = new_id

    def signed_in(self, session: Continued) -> ASGIResponse:
        user = session.user
        token = self._tokens.issue(
            tenant_id=user["tenant_id"],
            user_id=user["id"],
            token_version=user["token_version"],
            id=self._new_id(),
            session_id=session.session_id,
        )
        lives = int(self._tokens.lives.total_seconds())
        return ASGIResponse(
            body=encode(SignedIn(access_token=token, expires_in=lives, user=me_view(user, session.granted))),
            headers={"cache-control": "no-store"},
            cookies=[self._cookie.set(session.token.text, session.expires_at, self._now())],
        )

    def signed_out(self) -> ASGIResponse:
        return ASGIResponse(
            status_code=204, headers={"cache-control": "no-store"}, cookies=[self._cookie.cleared()]
        )
