"""The only module that reads the machine's clocks."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The source of time of a process, so that tests can replace it."""

    def now(self) -> datetime:
        """UTC, aware, cut to whole milliseconds: all that MongoDB stores."""

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines inside this process."""

    def sleep(self, seconds: float) -> None:
        """Block this thread; zero or less returns at once."""


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
    """The instant truncated to milliseconds, which a BSON date can hold."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
