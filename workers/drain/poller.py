"""Without a broker work goes on: a worker that hears no hints polls its share of the due target queues.

Shares are by live worker: of those that poll a class of work, each takes the target queues whose name falls
to it, so that they do not contend. Two that divide differently for a moment contend, and no more. Once hints
are heard again, nothing is polled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from loguru import logger
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from adapters.commands.document import TargetQueue
from adapters.commands.line_heads import PER_BATCH
from adapters.mongo.client import CODEC, Unavailable
from tasks.catalogue import Catalogue
from tasks.queues import Queue
from workers.duties.due_commands import DueCommands
from workers.process.heartbeat import HEARD_WITHIN, HEARTBEAT

UNHEARD = timedelta(seconds=2)
"""Hints that could not be asked for so long are not to be waited for. A consumer asks every second."""

EVERY = timedelta(milliseconds=500)
PAGE = 256
"""A tenant's turn."""

MOST_PAGES = 32
"""Of one round."""

STUCK_FOR = 5 * HEARTBEAT
"""So long a target queue whose head cannot run is passed over."""

MOST_STUCK = 2_000


class Poller:
    """`start` and `stop` its threads: as many for each class as the process has slots."""

    def __init__(
        self,
        db: Database[Any],
        drain: Callable[[str, Sequence[TargetQueue]], None],
        *,
        worker: str,
        queues: Sequence[Queue],
        catalogue: Catalogue,
        unheard_for: Callable[[str], timedelta],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        threads: int,
    ) -> None:
        """`unheard_for(queue)`: how long ago hints were last asked for successfully. `drain` returns when
        each of the target queues has had a turn."""
        local = db.with_options(codec_options=CODEC, read_concern=ReadConcern("local"))
        self._workers = local["workers"]
        self._due = DueCommands(local["commands"], catalogue)
        self._drain = drain
        self._worker = worker
        self._queues = queues
        self._unheard_for = unheard_for
        self._now = now
        self._monotonic = monotonic
        self._shares = threads
        self._stopped = threading.Event()
        self._is_polling = False
        self._threads = [
            threading.Thread(target=self._work, args=(queue, n), name=f"poller {queue} {n}", daemon=True)
            for queue in queues
            for n in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def is_polling(self) -> bool:
        """Whether hints of some class are not heard."""
        polls = any(self._unheard_for(queue) > UNHEARD for queue in self._queues)
        if polls != self._is_polling:
            self._is_polling = polls
            if polls:
                logger.warning("no hints are heard: due work is polled from the store")
            else:
                logger.info("recovered: hints are heard again")
        return polls

    def _work(self, queue: Queue, n: int) -> None:
        share = Share(self._due, queue)
        pause = EVERY
        while not self._stopped.wait(pause.total_seconds()):
            pause = EVERY
            if self._unheard_for(queue) <= UNHEARD:
                continue
            try:
                lines = share.due(self._now(), self._mine(queue, n), self._monotonic())
            except (Unavailable, PyMongoError):  # the heartbeat tells of it
                continue
            if lines:
                self._drain(queue, lines)
                pause = timedelta()

    def _mine(self, queue: Queue, n: int) -> Callable[[TargetQueue], bool]:
        """Whether a target queue falls to this thread of this worker."""
        lives = {"heartbeat_at": {"$gt": self._now() - HEARD_WITHIN}, "polls": True, "queues": queue}
        ids = sorted({self._worker, *(row["_id"] for row in self._workers.find(lives, ["_id"]))})
        share, shares = ids.index(self._worker) * self._shares + n, len(ids) * self._shares
        return lambda line: crc32("/".join(line).encode()) % shares == share


class Share:
    """What is due of one class, tenant by tenant, beginning where the last round stopped."""

    def __init__(self, due: DueCommands, queue: Queue) -> None:
        self._due = due
        self._queue = queue
        self._after = ""
        self._stuck: dict[TargetQueue, float] = {}

    def due(
        self, now: datetime, is_mine: Callable[[TargetQueue], bool], monotonic: float
    ) -> list[TargetQueue]:
        """As many as one batch takes. Raises: PyMongoError."""
        self._stuck = {line: until for line, until in self._stuck.items() if until > monotonic}
        found: dict[TargetQueue, None] = {}
        for _ in range(MOST_PAGES):
            after = self._after
            page = self._due.all_due(
                self._queue, now, after=after, limit=PAGE, without=[target for _, target in self._stuck]
            )
            self._after = page[-1]["tenant_id"] if len(page) == PAGE else ""
            runnable, stuck = self._due.can_run(page, now)
            if len(self._stuck) < MOST_STUCK:
                until = monotonic + STUCK_FOR.total_seconds()
                self._stuck |= {(row["tenant_id"], row["target"]): until for row in stuck}
            found |= {line: None for row in runnable if is_mine(line := (row["tenant_id"], row["target"]))}
            if len(found) >= PER_BATCH or not self._after:
                break
        return list(found)[:PER_BATCH]
