"""Duties of a leader: ticks that repeat while it leads. A failing tick is logged and repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec
import pymongo
from loguru import logger
from pymongo.errors import PyMongoError

TICK_LIMIT = timedelta(seconds=5)
"""Deadline for all of one tick's requests to MongoDB."""

AFTER_FAILURE = timedelta(seconds=1)
STUCK = timedelta(seconds=60)
"""A tick that takes longer will never end."""

LEAVE_WITHIN = timedelta(milliseconds=500)


class Duty(msgspec.Struct, frozen=True):
    """`tick` does one round, and returns how long after its beginning the next one is due."""

    name: str
    tick: Callable[[], timedelta]


class Leadership:
    """Performs the duties of one leadership inside `with`, until `over` is set: each on a thread of its own,
    so that none waits for another's answer from the store.

    `over` belongs to this leadership alone: a tick that is still blocked in the store when it ends is the
    last of its thread.
    """

    def __init__(self, duties: Iterable[Duty], *, monotonic: Callable[[], float]) -> None:
        self.over = threading.Event()
        self._monotonic = monotonic
        self._began: dict[str, float] = {}
        self._threads = [
            threading.Thread(target=self._repeat, args=(duty,), name=duty.name, daemon=True)
            for duty in duties
        ]

    def __enter__(self) -> Leadership:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(LEAVE_WITHIN.total_seconds() / len(self._threads))

    def is_alive(self) -> bool:
        """Whether no duty's thread has died or is STUCK in a tick; True once the leadership is over."""
        if self.over.is_set():
            return True
        stuck_since = self._monotonic() - STUCK.total_seconds()
        is_stuck = any(began < stuck_since for began in list(self._began.values()))
        return not is_stuck and not any(map(_has_died, self._threads))

    def _repeat(self, duty: Duty) -> None:
        due = self._monotonic()
        failing = False
        while not self.over.wait(max(due - self._monotonic(), 0)):
            began = self._began[duty.name] = self._monotonic()
            try:
                with pymongo.timeout(TICK_LIMIT.total_seconds()):
                    due = began + duty.tick().total_seconds()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next tick may fare better
                known = isinstance(error, PyMongoError)  # a store that is slow or away needs no traceback
                logger.opt(exception=not (failing or known)).warning(
                    "tick failed", duty=duty.name, reason=str(error)
                )
                failing, due = True, self._monotonic() + AFTER_FAILURE.total_seconds()
            else:
                if failing:
                    logger.info("tick recovered", duty=duty.name)
                failing = False
            finally:
                del self._began[duty.name]


def _has_died(thread: threading.Thread) -> bool:
    return thread.ident is not None and not thread.is_alive()
