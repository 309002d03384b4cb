"""Refresh tokens: opaque, one per use. A token is an HMAC over its session and number, so that the answer
that a client lost can be made again; the store keeps hashes only, and a nonce without which the key alone
makes no token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from adapters.identity.tokens import Keys

LONGEST = 512
"""Characters of a token; a longer one is not even parsed."""


class BadRefreshToken(Exception):
    """Not a refresh token of ours. `code` is a word for programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class RefreshToken(msgspec.Struct, frozen=True):
    """What a token says of itself; only the session's document proves it."""

    tenant_id: str
    session_id: str
    generation: int
    text: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def make(secret: str, *, tenant_id: str, session_id: str, generation: int, nonce: str) -> RefreshToken:
    """The token of this generation; always the same one."""
    head = f"{tenant_id}.{session_id}.{generation}"
    digest = hmac.new(secret.encode(), f"refresh {head} {nonce}".encode(), hashlib.sha256).digest()
    text = f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    return RefreshToken(tenant_id, session_id, generation, text)


def parse(text: str) -> RefreshToken:
    """Raises: BadRefreshToken: it has not even the form of one."""
    parts = text.rsplit(".", 3)
    if len(text) > LONGEST or not text.isascii() or len(parts) != 4 or not parts[2].isdigit():
        raise BadRefreshToken("refresh_invalid", "this is no refresh token")
    return RefreshToken(parts[0], parts[1], int(parts[2]), text)


def issued(keys: Keys, token: RefreshToken, nonce: str) -> bool:
    """Whether we made this token, under the current secret or the one before it."""
    return any(
        hmac.compare_digest(
            make(
                secret,
                tenant_id=token.tenant_id,
                session_id=token.session_id,
                generation=token.generation,
                nonce=nonce,
            ).text,
            token.text,
        )
        for secret in keys.all()
    )
