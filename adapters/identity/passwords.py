"""Passwords as bcrypt hashes. A check takes tens of milliseconds of CPU on purpose: call it in a thread."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bcrypt

from domain.identity.password_policy import LONGEST_BYTES

ROUNDS = 12
"""The cost of a new hash, unless the settings say otherwise."""

_COST = re.compile(r"\$2[aby]\$(\d\d)\$")
_NOBODY = "$2b$12$ajkZpPOTGo42cNsd8MLBTOAFeGLxOHYUIRUOaNPCs/tUQXynudx.O"
"""The hash of a password that nobody has."""


def hashed(password: str, *, rounds: int = ROUNDS) -> str:
    """Raises: ValueError: longer than bcrypt reads."""
    secret = password.encode()
    if len(secret) > LONGEST_BYTES:
        raise ValueError(f"a password has at most {LONGEST_BYTES} bytes")
    return bcrypt.hashpw(secret, bcrypt.gensalt(rounds)).decode("ascii")


def matches(password: str, password_hash: str) -> bool:
    """Whether it is the password. A password that is too long takes as long as any; a damaged hash matches
    nothing.
    """
    secret = password.encode("utf-8", "replace")
    try:
        is_right = bcrypt.checkpw(secret[:LONGEST_BYTES], password_hash.encode())
    except ValueError:
        return False
    return is_right and len(secret) <= LONGEST_BYTES


def was_used(password: str, hashes: Sequence[str]) -> bool:
    """Whether it is one of these; each takes a check."""
    return any(matches(password, known) for known in hashes)


def cost(password_hash: str) -> int | None:
    """Of a bcrypt hash; None: it is none."""
    match = _COST.match(password_hash)
    return int(match[1]) if match else None


class Decoy:
    """Takes as long as a real check, so that an unknown address cannot be told from a wrong password.

    The cost follows the last real hash that was seen: a fixed one would give the answer away by its time.
    """

    def __init__(self) -> None:
        self._hash = _NOBODY

    def learn(self, password_hash: str) -> None:
        """The cost of a real hash; another than before takes one hashing."""
        rounds = cost(password_hash)
        if rounds is not None and rounds != cost(self._hash):
            self._hash = hashed("nobody", rounds=rounds)

    def check(self, password: str) -> None:
        """Takes as long as `matches`."""
        matches(password, self._hash)
