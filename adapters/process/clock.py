"""The only place that asks the machine what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a process gets its time from, so that a test can give it another."""

    def now(self) -> datetime:
        """UTC, aware, cut to whole milliseconds: what MongoDB would hand back."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for deadlines inside this process."""

    def sleep(self, seconds: float) -> None:
        """Blocks this thread; nothing or less returns at once."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return to_milliseconds(datetime.now(UTC))

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


def to_milliseconds(moment: datetime) -> datetime:
    """The moment cut (not rounded) to what a BSON date can hold."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
