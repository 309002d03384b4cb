"""Access tokens: short-lived JWTs, HS256 and nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import jwt
import msgspec
from msgspec import Meta

ALGORITHM = "HS256"
ISSUER = "millwright"
AUDIENCE = "millwright-api"
REMEMBERED = timedelta(seconds=5)
MOST_REMEMBERED = 10_000
LONGEST = 4_096
"""Characters of a token; a longer one is not even hashed."""

Text = Annotated[str, Meta(min_length=1, max_length=128)]
Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class BadToken(Exception):
    """Not a token of ours, or no longer."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who the bearer is. Roles are not in it: they are read, so that taking one away works at once."""

    tenant_id: Text = msgspec.field(name="tid")
    user_id: Text = msgspec.field(name="sub")
    token_version: Annotated[int, Meta(ge=0, le=2**53)] = msgspec.field(name="ver")
    id: Text = msgspec.field(name="jti")
    session_id: Text = msgspec.field(name="sid")
    issued_at: Seconds = msgspec.field(name="iat")
    expires_at: Seconds = msgspec.field(name="exp")
    not_before: Seconds = msgspec.field(name="nbf", default=0)


class Keys:
    """The secret that signs, and the one before it, which still verifies. Each is named in tokens by a `kid`
    that follows from the secret, so that all processes agree on it.
    """

    def __init__(self, secret: str, previous: str = "") -> None:
        self.secret = secret
        self.kid = key_id(secret)
        self._by_kid = {self.kid: secret} | ({key_id(previous): previous} if previous else {})

    def of(self, kid: object) -> str:
        """Raises: BadToken: no key of ours has this id."""
        secret = self._by_kid.get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise BadToken("signed with no key of ours")
        return secret

    def all(self) -> tuple[str, ...]:
        """The current secret first."""
        return tuple(self._by_kid.values())


def key_id(secret: str) -> str:
    """A name for a secret that does not give it away."""
    return hmac.new(secret.encode(), b"millwright kid", hashlib.sha256).hexdigest()[:12]


class Tokens:
    """Issues and verifies. Verified tokens are remembered by their digest for a few seconds."""

    def __init__(
        self, secret: str, *, previous: str = "", lives: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._keys = Keys(secret, previous)
        self._now = now
        self.lives = lives
        self._verified: dict[bytes, tuple[float, Claims]] = {}

    def issue(self, *, tenant_id: str, user_id: str, token_version: int, id: str, session_id: str) -> str:
        issued = self._now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "tid": tenant_id,
            "ver": token_version,
            "jti": id,
            "sid": session_id,
            "iat": int(issued.timestamp()),
            "exp": int((issued + self.lives).timestamp()),
        }
        headers = {"kid": self._keys.kid}
        return jwt.encode(claims, self._keys.secret, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> Claims:
        """Raises: BadToken."""
        if len(token) > LONGEST:
            raise BadToken("longer than any token of ours")
        now = self._now().timestamp()
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._verified.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        claims = self._decode(token, now)
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.clear()
        self._verified[digest] = min(now + REMEMBERED.total_seconds(), claims.expires_at), claims
        return claims

    def _decode(self, token: str, now: float) -> Claims:
        # Signature, issuer and audience are the library's. Times are judged below by our clock, and strictly:
        # the library takes NaN and 1e308 for times.
        options: Any = {
            "require": ["iss", "aud"],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        try:
            secret = self._keys.of(jwt.get_unverified_header(token).get("kid"))
            payload = jwt.decode(
                token, secret, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options=options
            )
            claims = msgspec.convert(payload, Claims)
        except (
            jwt.InvalidTokenError,
            msgspec.ValidationError,
            TypeError,
            ValueError,
            RecursionError,
        ) as error:
            raise BadToken(str(error)) from error
        if not claims.not_before <= now < claims.expires_at:
            raise BadToken("not valid yet, or expired")
        return claims
