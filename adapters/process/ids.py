"""New UUIDv7s for a process that needs many. Randomness is read in pages, because a system call for each id
would cost more than everything else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from domain.ids import uuid7

PAGE = 4_000
EACH = 10


class Ids:
    """Call it for a new id. Not thread-safe: two concurrent calls could use the same random bytes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._page = b""
        self._at = 0

    def __call__(self) -> str:
        if self._at >= len(self._page):
            self._page = secrets.token_bytes(PAGE)
            self._at = 0
        noise = self._page[self._at : self._at + EACH]
        self._at += EACH
        return uuid7(self._now(), noise)


def random_id(at: datetime) -> str:
    """A fresh UUIDv7, for any thread."""
    return uuid7(at, secrets.token_bytes(EACH))
