"""Fresh UUIDv7s for a process that makes many. Randomness is fetched by the page: a system call for each id
costs more than all the rest of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from domain.ids import uuid7

PAGE = 4_000
EACH = 10


class Ids:
    """Call it for an id. For one event loop, or for what one thread does at a time: two at once could be told
    the same noise."""

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
