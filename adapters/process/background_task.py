"""Background tasks that must not die in silence: what kills one is logged, and it starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

PAUSE = timedelta(milliseconds=100)
"""Before the next start, so that a task that cannot live does not take the whole process's time."""

RECOVERED = timedelta(seconds=5)
"""A task that has lived this long since its last fall is well again."""


class Supervised:
    """Runs `work`, which is to run for ever, until stopped. For one event loop."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._fell_at: float | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_well(self) -> bool:
        """Whether it runs, and has not fallen within RECOVERED."""
        if self._task is None or self._task.done():
            return False
        now = asyncio.get_running_loop().time()
        return self._fell_at is None or now - self._fell_at >= RECOVERED.total_seconds()

    async def _keep_running(self) -> None:
        while True:
            try:
                await self._work()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._fell(error)
            except Exception as error:  # noqa: BLE001 - it is logged, told by `is_well`, and tried again
                self._fell(error)
            await asyncio.sleep(PAUSE.total_seconds())

    def _fell(self, error: BaseException) -> None:
        self._fell_at = asyncio.get_running_loop().time()
        logger.bind(task=self.name).opt(exception=error).error("background task fell; it starts anew")
