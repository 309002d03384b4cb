"""Waits in the main thread for an event that a signal handler sets."""

from __future__ import annotations

import threading
from datetime import timedelta

WAKE_EVERY = timedelta(seconds=1)


def wait_for(event: threading.Event) -> None:
    """Until the event is set.

    The kernel may hand a signal to any thread, as it does to a process that has just been continued; its
    handler runs in the main thread alone, and only once that wakes up. So it does, ever again.
    """
    while not event.wait(WAKE_EVERY.total_seconds()):
        pass
