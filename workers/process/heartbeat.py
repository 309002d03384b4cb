"""A worker's heartbeat, its clock, and the watchdog over its batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pymongo
from loguru import logger
from pymongo import ReturnDocument
from pymongo.database import Database

from adapters.mongo.client import PLAIN, Document, Unavailable, translated
from adapters.process.clock import to_milliseconds

HEARTBEAT = timedelta(seconds=2)
ANSWER_WITHIN = timedelta(seconds=5)
HEARD_WITHIN = 5 * HEARTBEAT
BATCH_LIMIT = timedelta(seconds=20)
"""A batch older than this is stuck: its process stops its heartbeat and ends itself."""


class ServerClock:
    """The server's time, advanced between heartbeats by the monotonic clock: no wall clock decides."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard: tuple[datetime, float] | None = None

    def set(self, server_time: datetime) -> None:
        self._heard = (server_time, self._monotonic())

    @property
    def age(self) -> timedelta:
        """How long ago the server last answered."""
        return timedelta.max if self._heard is None else timedelta(seconds=self._monotonic() - self._heard[1])

    def now(self) -> datetime:
        """The server's time. Raises: Unavailable: it has not answered yet."""
        if self._heard is None:
            raise Unavailable("the server's time is not known yet")
        server_time, heard_at = self._heard
        return to_milliseconds(server_time + timedelta(seconds=self._monotonic() - heard_at))


class Heartbeat:
    """Writes every HEARTBEAT that this worker lives, until a batch of its is stuck."""

    def __init__(
        self,
        db: Database[Any],
        identity: Document,
        *,
        clock: ServerClock,
        oldest_batch_age: Callable[[], float],
        pace: Callable[[], float | None],
        polls: Callable[[], bool] = lambda: False,
        end_process: Callable[[int], None],
    ) -> None:
        self._workers = db.get_collection("workers", codec_options=PLAIN)
        self._batches = db["batches"]
        self._identity = identity
        self._oldest_batch_age = oldest_batch_age
        self._pace = pace
        self._polls = polls
        self._end_process = end_process
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.clock = clock

    def start(self) -> None:
        """Beats once before it returns. Raises: Unavailable."""
        self.beat()
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def is_heard(self) -> bool:
        """Whether the store has taken a heartbeat of ours within HEARD_WITHIN."""
        return self.clock.age < HEARD_WITHIN

    def stop(self, *, finished: bool) -> None:
        """Stop, and delete what this worker wrote about itself, so that nobody looks for losses. Not while a
        batch still runs (`finished` is false): the reaper must find it."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        if not finished:
            return
        with translated():
            self._batches.delete_many({"worker": self._identity["_id"]})
            self._workers.delete_one({"_id": self._identity["_id"]})

    def beat(self) -> None:
        """One heartbeat, which also sets the clock to the server's time. Raises: Unavailable."""
        fields = {name: value for name, value in self._identity.items() if name != "_id"}
        if (seconds := self._pace()) is not None:
            fields["seconds_per_command"] = seconds
        fields["polls"] = self._polls()
        with translated(), pymongo.timeout(ANSWER_WITHIN.total_seconds()):
            heard = self._workers.find_one_and_update(
                {"_id": self._identity["_id"]},
                [{"$set": {**fields, "heartbeat_at": "$$NOW"}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        if heard is not None:  # never: it is an upsert
            self.clock.set(heard["heartbeat_at"])

    def _run(self) -> None:
        while not self._stopped.wait(HEARTBEAT.total_seconds()):
            if self._oldest_batch_age() > BATCH_LIMIT.total_seconds():
                logger.critical("a batch is stuck, ending this process", limit_s=BATCH_LIMIT.total_seconds())
                self._end_process(70)
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001 - whatever it is, a silent worker would be buried alive
                logger.warning("heartbeat not heard", reason=str(error))
