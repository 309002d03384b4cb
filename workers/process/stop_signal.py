"""Waiting in the main thread for what a signal's handler sets."""

from __future__ import annotations

import threading
from datetime import timedelta

LOOK_UP_EVERY = timedelta(seconds=1)


def await_set(event: threading.Event) -> None:
    """Until the event is set.

    The kernel may hand a signal to any thread, as it does to a process that has just been continued; its
    handler runs in the main thread alone, and only once that wakes up. So it does, ever again.
    """
    while not event.wait(LOOK_UP_EVERY.total_seconds()):
        pass
