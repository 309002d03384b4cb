"""A time that a test sets for many processes at once, and a step by which one of them sees it wrong.

It is kept in a file that every reading looks up. Between two settings it passes as fast as real time does, by
the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from adapters.process.clock import SystemClock, to_milliseconds
from workers.process.heartbeat import ServerClock


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """`at` was the time when the monotonic clock showed `since`; `steps` are in seconds, by name."""

    at: datetime
    since: float
    steps: dict[str, float] = {}


class StagedTime:
    """The time as the process of that name sees it."""

    def __init__(self, path: Path, name: str = "") -> None:
        self._path = path
        self._name = name
        self._monotonic = SystemClock().monotonic

    def now(self) -> datetime:
        stage = self._read()
        passed = self._monotonic() - stage.since + stage.steps.get(self._name, 0)
        return to_milliseconds(stage.at + timedelta(seconds=passed))

    def set(self, at: datetime, steps: dict[str, float]) -> None:
        """For everybody, at once."""
        written = self._path.with_suffix(".new")
        written.write_bytes(msgspec.json.encode(Stage(at=at, since=self._monotonic(), steps=steps)))
        written.replace(self._path)

    def leap(self, by: timedelta, *, steps: dict[str, float] | None = None) -> datetime:
        """Later by so much, with other steps if any are given. Returns what it then is."""
        stage = self._read()
        at = stage.at + timedelta(seconds=self._monotonic() - stage.since) + by
        self.set(at, stage.steps if steps is None else steps)
        return at

    def _read(self) -> Stage:
        return msgspec.json.decode(self._path.read_bytes(), type=Stage)


class StagedClock(ServerClock):
    """A worker's idea of the server's time: it must have heard the server, and then believes the stage."""

    def __init__(self, monotonic: Callable[[], float], staged: StagedTime) -> None:
        super().__init__(monotonic)
        self._staged = staged

    def now(self) -> datetime:
        super().now()
        return self._staged.now()
