"""Executors wired by hand, and a clock that a test may push on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient

from adapters.commands.document import TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.process.clock import SystemClock
from adapters.process.sources import Sources
from locks.idempotency import KEYS_KEPT
from schedules.table import table
from tasks.catalogue import Catalogue
from tests.support.seeds import new_id
from workers.drain.executor import Drained, Executor


class PushedClock(SystemClock):
    """The machine's time, plus what a test adds to it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def push(self, by: timedelta) -> None:
        self._ahead += by

    def now(self) -> datetime:
        return super().now() + self._ahead


class SleptTime:
    """A monotonic clock that only sleeping moves on: what depends on time then does not on the machine."""

    def __init__(self) -> None:
        self._slept_s = 0.0

    def monotonic(self) -> float:
        return self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds


class Drains:
    """Makes executors on one database."""

    def __init__(self, mongo: MongoClient[Any], database: str, catalogue: Catalogue) -> None:
        self.mongo = mongo
        self.database = database
        self.catalogue = catalogue
        self.clock = PushedClock()

    def uow(self) -> UnitOfWork:
        return UnitOfWork(self.mongo, self.database, self.catalogue, worker=new_id(), slot=0)

    def executor(
        self,
        *handlers: object,
        uow: UnitOfWork | None = None,
        chance: int = 1,
        time: SystemClock | SleptTime | None = None,
        solo: threading.Lock | None = None,
    ) -> Executor:
        """An executor like a worker's slot; `handlers` join or replace those of the catalogue."""
        own = {handler.__dict__["spec"].type: handler.__dict__["spec"] for handler in handlers}
        time = time or SystemClock()
        sources = Sources(
            now=self.clock.now,
            monotonic=time.monotonic,
            sleep=time.sleep,
            new_id=new_id,
            chance=random.Random(chance),
        )
        return Executor(
            uow or self.uow(),
            {**self.catalogue, **own},
            sources,
            keys_kept=KEYS_KEPT,
            schedules=table().values(),
            solo=solo,
        )

    def drain(self, *lines: TargetQueue) -> Drained:
        """One drain by a worker of its own."""
        return self.executor().drain(lines)

    def until_dry(self, lines: Iterable[TargetQueue], *, rounds: int = 50) -> None:
        """Drain these lines, and what they begin or wake, until nothing asks to be hinted again."""
        executor = self.executor()
        left = list(dict.fromkeys(lines))
        while left:
            assert rounds > 0, f"{len(left)} lines never run dry"
            rounds -= 1
            left = list(dict.fromkeys(executor.drain(left[:64]).again + left[64:]))
