"""A signal ends a process whichever of its threads the kernel hands it to."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support.patience import InThread, eventually
from workers.process.stop_signal import wait_for

GIVE_UP_S = 10.0


@pytest.fixture
def told() -> Iterator[threading.Event]:
    """Set by SIGUSR1, in the main thread alone."""
    event = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    yield event
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_another_thread_was_given_is_heeded_all_the_same(told: threading.Event) -> None:
    main = threading.main_thread()

    def signal_myself() -> None:
        eventually(
            lambda: sys._current_frames()[main.ident or 0].f_code.co_name == "wait", within_s=GIVE_UP_S
        )
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        if not told.wait(GIVE_UP_S):
            signal.pthread_kill(main.ident or 0, signal.SIGUSR1)
            raise AssertionError("nobody heeded it")

    sender = InThread(signal_myself)
    wait_for(told)

    sender.result(within_s=2 * GIVE_UP_S)
