"""Threads of their own for passwords and sessions: nothing else of the process waits for a check of a
password, and no login waits for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.http.problem import overloaded

T = TypeVar("T")

CHECKS_AT_ONCE = 2
"""Password checks are CPU on purpose; more at once would starve everything else of this process."""

READS_AT_ONCE = 4


class Threads:
    """A pool with a bounded queue. For one event loop."""

    def __init__(self, name: str, *, at_once: int, most_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._name = name
        self._most = at_once + most_waiting
        self._in_hand = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Raises: Problem 429: too much waits already."""
        if self._in_hand >= self._most:
            raise overloaded(f"more {self._name} wait than we hold")
        self._in_hand += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._in_hand -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
