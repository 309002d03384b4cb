"""Passwords as bcrypt hashes. A check takes tens of milliseconds of CPU on purpose: call it in a thread."""

from __future__ import annotations

import bcrypt

LONGEST = 72
"""Bytes that bcrypt reads; a longer password is refused rather than cut."""

_NOBODY = b"$2b$12$ajkZpPOTGo42cNsd8MLBTOAFeGLxOHYUIRUOaNPCs/tUQXynudx.O"


def hashed(password: str, *, rounds: int = 12) -> str:
    """Raises: ValueError: longer than bcrypt reads."""
    secret = password.encode()
    if len(secret) > LONGEST:
        raise ValueError(f"a password has at most {LONGEST} bytes")
    return bcrypt.hashpw(secret, bcrypt.gensalt(rounds)).decode("ascii")


def matches(password: str, password_hash: str) -> bool:
    """Whether it is the password; a damaged hash matches nothing."""
    secret = password.encode("utf-8", "replace")
    try:
        return len(secret) <= LONGEST and bcrypt.checkpw(secret, password_hash.encode())
    except ValueError:
        return False


class Decoy:
    """Takes as long as a real check, so that an unknown address cannot be told from a wrong password.

    The cost follows the last real hash that was seen: a fixed one would give the answer away by its time.
    """

    def __init__(self) -> None:
        self._hash = _NOBODY

    def learn(self, password_hash: str) -> None:
        """The cost of a real hash; another than before takes one hashing."""
        cost = password_hash.encode()[:7]
        if cost != self._hash[:7] and cost[:2] == b"$2":
            self._hash = bcrypt.hashpw(b"nobody", bcrypt.gensalt(int(cost[4:6])))

    def check(self, password: str) -> None:
        bcrypt.checkpw(password.encode("utf-8", "replace")[:LONGEST], self._hash)
