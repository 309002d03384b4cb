"""Sends hints after acceptance, best effort and in the background. The relay sends those dropped here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from loguru import logger

from adapters.broker.hints import Unheard
from adapters.commands.document import TargetQueue
from adapters.process.background_task import Supervised

CAPACITY = 20_000
"""Target queues that may wait for a send; hints beyond that are dropped."""

SILENCE = timedelta(seconds=1)
"""The pause after a failure, so that a dead Valkey costs one timeout a second."""

LATELY = timedelta(seconds=1)

Send = Callable[[str, Sequence[TargetQueue]], None]


class HintSender:
    """Collects target queues per broker queue while the previous send is in flight. Use as an async context.

    `send(queue, target_queues)` blocks and raises Unheard; it runs in its own thread. `lost(n)` counts hints.
    """

    def __init__(self, send: Send, *, lost: Callable[[int], None], monotonic: Callable[[], float]) -> None:
        self._send = send
        self._lost = lost
        self._monotonic = monotonic
        self._waiting: dict[str, dict[TargetQueue, None]] = {}
        self._count = 0
        self._silent_until = 0.0
        self._last: dict[str, float] = {}
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "hints")
        self.sender = Supervised("hints", self._send_for_ever)

    async def __aenter__(self) -> HintSender:
        self.sender.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sender.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def hint(self, queue: str, line: TargetQueue) -> None:
        """Schedules a hint; returns at once."""
        self._last[queue] = self._monotonic()
        if self._count >= CAPACITY or self._monotonic() < self._silent_until:
            self._lost(1)
            return
        lines = self._waiting.setdefault(queue, {})
        if line not in lines:
            lines[line] = None
            self._count += 1
            self._arrived.set()

    def is_lately(self, queue: str) -> bool:
        """Whether a hint for this broker queue was requested within the last second."""
        last = self._last.get(queue)
        return last is not None and self._monotonic() - last < LATELY.total_seconds()

    async def _send_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            waiting, self._waiting, self._count = self._waiting, {}, 0
            for queue, lines in waiting.items():
                await self._send_one(queue, list(lines))

    async def _send_one(self, queue: str, lines: list[TargetQueue]) -> None:
        if self._monotonic() < self._silent_until:
            self._lost(len(lines))
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._send, queue, lines)
        except Unheard as error:
            self._lost(len(lines))
            self._silent_until = self._monotonic() + SILENCE.total_seconds()
            logger.bind(queue=queue, lines=len(lines)).warning("hints left to the relay: {}", str(error))
