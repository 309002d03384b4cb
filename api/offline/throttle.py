"""Replays take turns: many devices that reconnect together must not delay online users."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import anyio

from api.commands.hint_sender import HintSender
from api.http.problem import overloaded

CONCURRENT_REPLAYS = 1
"""Batches that one process accepts at a time."""

SWITCH_S = 0.001
"""The interpreter's switch interval while a replay is stored, in seconds."""

MOST_WAITING = 200
"""Batches that may wait for their turn; further ones get a 429."""

TURN_DEADLINE = timedelta(seconds=10)
"""After this a waiting batch gets a 429: devices time out after 20 s."""


class ReplayTurns:
    """One for a process."""

    def __init__(self, hints: HintSender) -> None:
        self._hints = hints
        self._free = anyio.Semaphore(CONCURRENT_REPLAYS)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Holds the turn for the block.

        Raises: Problem 429: too many wait, or this one has waited too long.
        """
        if self._waiting >= MOST_WAITING:
            raise overloaded("more replays wait here than we hold")
        self._waiting += 1
        try:
            await self._acquire()
            try:
                began = anyio.current_time()
                yield
                # As in the workers' pool: while somebody is online, they get half of the time.
                if self._hints.is_lately("interactive"):
                    await anyio.sleep(anyio.current_time() - began)
            finally:
                self._free.release()
        finally:
            self._waiting -= 1

    async def _acquire(self) -> None:
        """Raises: Problem 429 after TURN_DEADLINE: the device may have given up, and retries."""
        try:
            with anyio.fail_after(TURN_DEADLINE.total_seconds()):
                await self._free.acquire()
        except TimeoutError:
            raise overloaded("replays wait too long for their turn here") from None


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Shortens the interpreter's switch interval for the block, in which a replay's transaction runs in a
    thread: online requests must not wait 5 ms for the interpreter. Only for the block, as each switch costs;
    there is one replay at a time, so none resets it for another."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
