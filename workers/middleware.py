"""Dramatiq's hooks that we use: one, to stop fetching at once when the process is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dramatiq.middleware import Middleware


class StopFetching(Middleware):
    """Without it the consumers prefetch until the longest drain ends, and those hints wait with them."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def before_worker_shutdown(self, _broker: Any, _worker: Any) -> None:
        self._stop()
