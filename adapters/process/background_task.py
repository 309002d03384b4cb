"""Background tasks that are logged and restarted when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

PAUSE = timedelta(milliseconds=100)
"""Pause before a restart, so that a task that always fails does not use all of the process's time."""

RECOVERED = timedelta(seconds=5)
"""A task that has run this long since its last failure is well again."""


class Supervised:
    """Runs `work`, which never returns by itself, until stopped. For one event loop."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._failed_at: float | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_well(self) -> bool:
        """Whether it runs and has not failed within RECOVERED."""
        if self._task is None or self._task.done():
            return False
        now = asyncio.get_running_loop().time()
        return self._failed_at is None or now - self._failed_at >= RECOVERED.total_seconds()

    async def _keep_running(self) -> None:
        while True:
            try:
                await self._work()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._record_failure(error)
            except Exception as error:  # noqa: BLE001 - logged, shown by `is_well`, and restarted
                self._record_failure(error)
            await asyncio.sleep(PAUSE.total_seconds())

    def _record_failure(self, error: BaseException) -> None:
        self._failed_at = asyncio.get_running_loop().time()
        logger.bind(task=self.name).opt(exception=error).error("background task failed; it is restarted")
