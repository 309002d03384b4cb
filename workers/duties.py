"""Duties of a leader: ticks that repeat until the term is over. A failing tick is logged and repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec
import pymongo
from loguru import logger
from pymongo.errors import PyMongoError

TICK_LIMIT = timedelta(seconds=5)
"""Bound on everything one tick asks of MongoDB."""

AFTER_FAILURE = timedelta(seconds=1)
LEAVE_WITHIN = timedelta(milliseconds=500)


class Duty(msgspec.Struct, frozen=True):
    """`tick` does one round and says how long after its beginning the next is due."""

    name: str
    tick: Callable[[], timedelta]


@contextmanager
def performed(
    duties: Iterable[Duty], over: threading.Event, *, monotonic: Callable[[], float]
) -> Iterator[None]:
    """Each duty on a thread of its own, so that none waits for another's store, until `over` is set."""
    threads = [
        threading.Thread(target=_repeat, args=(duty, over, monotonic), name=duty.name, daemon=True)
        for duty in duties
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(LEAVE_WITHIN.total_seconds() / len(threads))


def _repeat(duty: Duty, over: threading.Event, monotonic: Callable[[], float]) -> None:
    due = monotonic()
    ailing = False
    while not over.wait(max(due - monotonic(), 0)):
        began = monotonic()
        try:
            with pymongo.timeout(TICK_LIMIT.total_seconds()):
                due = began + duty.tick().total_seconds()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next tick may fare better
            known = isinstance(error, PyMongoError)  # a store that is slow or away needs no traceback
            logger.opt(exception=not (ailing or known)).warning(
                "tick failed", duty=duty.name, reason=str(error)
            )
            ailing, due = True, monotonic() + AFTER_FAILURE.total_seconds()
        else:
            if ailing:
                logger.info("tick recovered", duty=duty.name)
            ailing = False
