"""Waiting for something to become true, never for time to pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from adapters.process.clock import SystemClock

T = TypeVar("T")

LOOK_EVERY_S = 0.02


def eventually(look: Callable[[], T], *, within_s: float, what: str = "") -> T:
    """The first truthy thing that `look` gives. Fails when there is none in time."""
    clock = SystemClock()
    deadline = clock.monotonic() + within_s
    while not (found := look()):
        assert clock.monotonic() < deadline, f"not within {within_s:g} s: {what or look}"
        clock.sleep(LOOK_EVERY_S)
    return found


class InThread(threading.Thread):
    """Runs at once; `result` joins, gives what the call gave, or raises what it raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._error: BaseException | None = None
        self._value: object = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that joins
            self._error = error

    def result(self, *, within_s: float = 20) -> object:
        self.join(within_s)
        assert not self.is_alive(), f"still running after {within_s:g} s"
        if self._error is not None:
            raise self._error
        return self._value
