"""Access tokens: short-lived JWTs, HS256 and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

ALGORITHM = "HS256"
ISSUER = "millwright"
AUDIENCE = "millwright-api"
REMEMBERED = timedelta(seconds=5)
MOST_REMEMBERED = 10_000


class BadToken(Exception):
    """Not a token of ours, or no longer."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who the bearer is. Roles are not in it: they are looked up, so that taking one away works at once."""

    tenant_id: str
    user_id: str
    token_version: int
    id: str
    expires_at: float
    """Seconds since the epoch."""


class Tokens:
    """Issues and verifies. Verified tokens are remembered by their digest for a few seconds."""

    def __init__(self, secret: str, *, lives: timedelta, now: Callable[[], datetime]) -> None:
        self._secret = secret
        self._now = now
        self.lives = lives
        self._seen: dict[bytes, tuple[float, Claims]] = {}

    def issue(self, *, tenant_id: str, user_id: str, token_version: int, id: str) -> str:
        issued = self._now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "tid": tenant_id,
            "ver": token_version,
            "jti": id,
            "iat": int(issued.timestamp()),
            "exp": int((issued + self.lives).timestamp()),
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def verify(self, token: str) -> Claims:
        """Raises: BadToken."""
        now = self._now().timestamp()
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._seen.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        claims = self._decode(token, now)
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen[digest] = min(now + REMEMBERED.total_seconds(), claims.expires_at), claims
        return claims

    def _decode(self, token: str, now: float) -> Claims:
        # Times are judged by our clock below, not by the library's.
        options: Any = {
            "require": ["iss", "aud", "sub", "tid", "ver", "jti", "iat", "exp"],
            "verify_exp": False,
            "verify_iat": False,
        }
        try:
            found = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options=options
            )
            claims = Claims(
                tenant_id=found["tid"],
                user_id=found["sub"],
                token_version=found["ver"],
                id=found["jti"],
                expires_at=float(found["exp"]),
            )
        except (jwt.InvalidTokenError, TypeError, ValueError) as error:
            raise BadToken(str(error)) from error
        if now >= claims.expires_at:
            raise BadToken("expired")
        return claims
