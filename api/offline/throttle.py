"""Replays take turns: a hundred devices that come back together must not delay those who are online."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import anyio

from api.commands.hint_sender import HintSender
from api.http.problem import overloaded

AT_ONCE = 1
"""Batches that one process takes in at a time."""

SWITCH_S = 0.001
"""How long a thread keeps the interpreter while a replay is taken in."""

WAITING = 200
"""Batches that may wait for their turn; more are asked to come back."""

TURN_WITHIN = timedelta(seconds=10)
"""After which a batch is asked to come back: devices give an answer up after 20 s."""


class Turns:
    """One for a process."""

    def __init__(self, hints: HintSender) -> None:
        self._hints = hints
        self._free = anyio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises: Problem 429: too many wait here, or this one has waited too long."""
        if self._waiting >= WAITING:
            raise overloaded("more replays wait here than we hold")
        self._waiting += 1
        try:
            await self._acquire()
            try:
                began = anyio.current_time()
                yield
                # As in the workers' pool: while somebody is online, half of the time is theirs.
                if self._hints.is_lately("interactive"):
                    await anyio.sleep(anyio.current_time() - began)
            finally:
                self._free.release()
        finally:
            self._waiting -= 1

    async def _acquire(self) -> None:
        """Raises: Problem 429: who has waited too long may be gone, and comes again."""
        try:
            with anyio.fail_after(TURN_WITHIN.total_seconds()):
                await self._free.acquire()
        except TimeoutError:
            raise overloaded("replays wait too long for their turn here") from None


@contextmanager
def nimble() -> Iterator[None]:
    """A replay's transaction runs in a thread: who is online must not wait 5 ms for the interpreter. Not for
    good, as each change of threads costs; one replay at a time, so none ends it for another."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
