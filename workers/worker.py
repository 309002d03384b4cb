"""The worker process, wired by hand: settings → clients → slots → pool → one Dramatiq actor."""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import dramatiq
from loguru import logger
from pymongo import MongoClient

from adapters.broker import hints
from adapters.broker.hints import HintBroker, Unheard
from adapters.commands.document import TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.delivery.outcomes import Sender
from adapters.mongo.client import TRANSACTION_LIFETIME, Unavailable, transaction_lifetime
from adapters.process.clock import Clock
from adapters.process.ids import Ids
from adapters.process.metrics import Metrics
from adapters.process.sources import Sources
from domain.ids import uuid7
from schedules.table import table
from tasks.catalogue import catalogue
from tasks.queues import QUEUES, Queue
from workers.delivery.courier import Courier
from workers.drain.executor import Executor
from workers.drain.poller import Poller
from workers.drain.pool import Pool
from workers.drain.report import Report
from workers.imports.importer import Importer
from workers.middleware import StopFetching
from workers.process.heartbeat import Heartbeat, ServerClock
from workers.process.stop_signal import wait_for

SLOTS = 2
"""Drains of one process at once: one folds while the other commits."""

START_AGAIN = timedelta(seconds=1)
SOCKET_TIMEOUT = timedelta(seconds=5)
SHUTDOWN = timedelta(seconds=25)
"""How long running drains may take to end after SIGTERM: more than the watchdog's limit."""


class WorkerProcess:
    """Everything one worker process owns, started and stopped in order."""

    def __init__(
        self,
        mongo: MongoClient[Any],
        database: str,
        broker_url: str,
        *,
        clock: Clock,
        server_clock: ServerClock | None = None,
        chance: random.Random,
        end_process: Callable[[int], None],
        threads: int = 8,
        queues: Sequence[Queue] = QUEUES,
        keys_kept: timedelta,
        metrics: Metrics | None = None,
        senders: Sequence[Sender] = (),
        mail_configured: bool = False,
    ) -> None:
        self._mongo = mongo
        metrics = metrics or Metrics()
        self._started = False
        self.id = uuid7(clock.now(), secrets.token_bytes(10))
        self.heartbeat = Heartbeat(
            mongo[database],
            {
                "_id": self.id,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "queues": list(queues),
                "slots": SLOTS,
            },
            clock=server_clock or ServerClock(clock.monotonic),
            oldest_batch_age=self._oldest_batch_age,
            pace=self._pace,
            polls=self._polls,
            end_process=end_process,
        )
        now = self.heartbeat.clock.now
        solo = threading.Lock()
        executors = [
            Executor(
                UnitOfWork(mongo, database, catalogue(), worker=self.id, slot=slot),
                catalogue(),
                Sources(
                    now=now,
                    monotonic=clock.monotonic,
                    sleep=clock.sleep,
                    new_id=Ids(now),
                    chance=chance,
                ),
                keys_kept=keys_kept,
                schedules=table().values(),
                solo=solo,
            )
            for slot in range(SLOTS)
        ]
        self.pool = Pool(executors, report=Report(metrics), monotonic=clock.monotonic)
        stop_fetching = StopFetching(self._stop_fetching)
        self.broker: HintBroker = hints.broker(broker_url, [stop_fetching], timeout=SOCKET_TIMEOUT)
        dramatiq.actor(actor_name=hints.ACTOR, queue_name=QUEUES[0], broker=self.broker)(self._drain)
        # A thread waits for the lines of its hint: so many for each class, or a backlog of one would leave
        # none to another.
        self._dramatiq = dramatiq.Worker(
            self.broker, queues=set(queues), worker_threads=threads * len(queues)
        )
        # What one process holds back, another cannot start: no more of a class than its threads can run.
        self._dramatiq.queue_prefetch = threads
        self.poller = Poller(
            mongo[database],
            self.pool.drain,
            worker=self.id,
            queues=queues,
            catalogue=catalogue(),
            unheard_for=self.broker.unheard_for,
            now=now,
            monotonic=clock.monotonic,
            threads=SLOTS,
        )
        self.importer = Importer(
            mongo[database],
            catalogue(),
            send=partial(hints.send, self.broker),
            now=now,
            new_id=Ids(now),
            monotonic=clock.monotonic,
            metrics=metrics,
            worker=self.id,
        )
        self.courier = Courier(
            mongo[database],
            senders,
            mail_configured=mail_configured,
            now=now,
            new_token=self._new_token,
            monotonic=clock.monotonic,
            chance=chance,
            metrics=metrics,
        )

    def start(self) -> None:
        """Ready for hints when this returns. Raises: Unavailable."""
        self.heartbeat.start()
        self._check_server()
        self._dramatiq.start()
        self.poller.start()
        self.importer.start()
        self.courier.start()
        self._started = True
        logger.info("worker ready", worker=self.id)

    def stop(self) -> None:
        """Finish what runs, hand back what waits, sign off."""
        self.pool.close()
        self.poller.stop()
        self._dramatiq.stop(timeout=int(SHUTDOWN / timedelta(milliseconds=1)))
        self.importer.stop()
        self.courier.stop()
        for queue, lines in self.pool.left().items():
            self._pass_on(queue, lines)
        self.heartbeat.stop(finished=not self.pool.oldest_batch_age())
        logger.info("worker stopped", worker=self.id)

    def is_alive(self) -> bool:
        """Every thread still runs: a dead one looks like health from outside. True too while the store is
        awaited: a restart would not bring it back."""
        worker = self._dramatiq
        threads = [*worker.consumers.values(), *worker.workers]
        ours: tuple[Any, ...] = (self.poller, self.importer, self.courier, self.heartbeat)
        return not self._started or all(one.is_alive() for one in (*ours, *threads))

    def is_ready(self) -> bool:
        """Started, and the store has answered our heartbeat lately."""
        return self._started and self.heartbeat.is_heard()

    def _drain(self, queue: str, lines: list[list[str]]) -> None:
        self.pool.drain(queue, [(tenant, target) for tenant, target in lines])

    def _new_token(self) -> str:
        """For the courier's threads: each asks once a round, and none could share a page with another."""
        return uuid7(self.heartbeat.clock.now(), secrets.token_bytes(10))

    def _check_server(self) -> None:
        lifetime = transaction_lifetime(self._mongo)
        if lifetime != TRANSACTION_LIFETIME:
            logger.warning(
                "set transactionLifetimeLimitSeconds on the MongoDB server: until the reaper comes, a dead "
                "worker's transaction blocks its documents that long",
                is_s=lifetime.total_seconds() if lifetime else "unknown",
                should_be_s=TRANSACTION_LIFETIME.total_seconds(),
            )

    def _oldest_batch_age(self) -> float:
        return self.pool.oldest_batch_age()

    def _pace(self) -> float | None:
        return self.pool.pace()

    def _polls(self) -> bool:
        return self._started and self.poller.is_polling()

    def _stop_fetching(self) -> None:
        self.broker.closing.set()

    def _pass_on(self, queue: str, lines: list[TargetQueue]) -> None:
        try:
            hints.send(self.broker, queue, lines)
        except Unheard as error:
            logger.info("hints left to the relay", lines=len(lines), reason=str(error))


def run(process: WorkerProcess, stop: threading.Event) -> None:
    """Until told to stop. A store that is away at the start is waited for."""
    while not stop.is_set():
        try:
            process.start()
        except Unavailable as error:
            logger.warning("waiting for the store", reason=str(error))
            stop.wait(START_AGAIN.total_seconds())
        else:
            wait_for(stop)
            process.stop()
