"""The scheduler process, `python -m workers.scheduler`. Two may run; who holds the lease does the duties."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from loguru import logger
from pymongo import MongoClient
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.epoch import Epoch
from adapters.mongo import client as mongo
from adapters.mongo import demo_guard
from adapters.mongo.client import Unavailable
from adapters.mongo.demo_guard import DemoInProduction
from adapters.mongo.server_time import server_time
from adapters.process import logs
from adapters.process.clock import Clock, SystemClock
from adapters.process.metrics import Metrics
from adapters.settings import table as settings
from adapters.settings.table import Settings
from locks.keeper import Keeper
from locks.lease import Lease, Leases, Unreachable
from workers.duties import blob_sweep as sweep
from workers.duties import gauges, reaper
from workers.duties import retention as purge
from workers.duties.arrivals import EVERY as EVERY_ARRIVAL
from workers.duties.arrivals import Arrivals
from workers.duties.duty import Duty, Performance
from workers.duties.reaper import Reaper
from workers.duties.relay import Relay
from workers.duties.webhook_feed import WebhookFeed
from workers.process.probes import Probes
from workers.process.stop_signal import await_set
from workers.schedules import runner as schedules
from workers.schedules.runner import Now, Runner

LEASE = "scheduler"
TTL = timedelta(seconds=10)
"""Whatever the jobs' own ttls say: work stands still no longer than this after a leader's death."""

ASK_EVERY = timedelta(seconds=2)
BROKER_TIMEOUT = timedelta(seconds=1)
ANSWER_WITHIN = timedelta(seconds=1)

RELAY_BUSY = timedelta(milliseconds=200)
RELAY_IDLE = timedelta(seconds=1)

Term = Callable[[Lease], Sequence[Duty]]
"""Makes the duties of one term of leadership, with nothing remembered from an earlier one."""


class Scheduler:
    """Stands for leadership again and again until told to stop."""

    def __init__(self, leases: Leases, term: Term, *, clock: Clock, on_lost: Callable[[], None]) -> None:
        self._leases = leases
        self._term = term
        self._clock = clock
        self._stop = threading.Event()
        self._on_lost = on_lost
        self._answered = False
        self._performing: Performance | None = None
        self.leading: Lease | None = None

    def run(self) -> None:
        """Until `stop` is called; the lease is then free for the next one."""
        while not self._stop.is_set():
            lease = self._stand()
            if lease is None:
                self._stop.wait(ASK_EVERY.total_seconds())
            else:
                self._lead(lease)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """From another thread than the one that runs."""
        self._stop.set()
        if performing := self._performing:
            performing.over.set()

    def is_alive(self) -> bool:
        """False asks for a restart: a duty has died or hangs."""
        return (performing := self._performing) is None or performing.is_alive()

    def is_ready(self) -> bool:
        """It leads, or could: the store has answered about the lease."""
        return self._answered and not self.stopping

    def _stand(self) -> Lease | None:
        try:
            lease = self._leases.acquire(LEASE, ttl=TTL)
        except Unreachable as error:
            self._answered = False
            logger.warning("no answer about the lease", lease=LEASE, reason=str(error))
            return None
        self._answered = True
        return lease

    def _lead(self, lease: Lease) -> None:
        logger.info("leading", lease=LEASE, fence=lease.token)
        performance = Performance(self._term(lease), monotonic=self._clock.monotonic)

        def lose() -> None:
            self._on_lost()
            performance.over.set()

        keeper = Keeper(self._leases, lease, monotonic=self._clock.monotonic, on_lost=lose)
        self.leading, self._performing = lease, performance
        if self._stop.is_set():  # told before there was a performance to end
            performance.over.set()
        try:
            with keeper, performance:
                await_set(performance.over)
        except Unreachable as error:
            logger.warning("lease not released, it will expire", lease=LEASE, reason=str(error))
        finally:
            self.leading = self._performing = None
        logger.info("no longer leading", lease=LEASE, fence=lease.token, lost=keeper.lost.is_set())


def relay_duty(relay: Relay) -> Duty:
    def tick() -> timedelta:
        sent = relay.tick()
        if sent:
            logger.debug("hinted", commands=sent)
        return RELAY_BUSY if sent else RELAY_IDLE

    return Duty("relay", tick)


def reaper_duty(judge: Reaper) -> Duty:
    def tick() -> timedelta:
        judge.tick()
        return reaper.EVERY

    return Duty("reaper", tick)


def gauges_duty(client: MongoClient[Any], database: str, metrics: Metrics) -> Duty:
    def tick() -> timedelta:
        gauges.measure(client[database], metrics)
        return gauges.EVERY

    return Duty("gauges", tick)


def purge_duty(db: Database[Any], told: Settings) -> Duty:
    def tick() -> timedelta:
        purged = purge.sweep(db, told, server_time(db))
        if any(purged.values()):
            logger.info("purged", **purged)
        return timedelta() if purge.AT_ONCE in purged.values() else purge.EVERY

    return Duty("purge", tick)


def arrivals_duty(arrivals: Arrivals) -> Duty:
    def tick() -> timedelta:
        arrivals.tick()
        return EVERY_ARRIVAL

    return Duty("arrivals", tick)


def sweep_duty(db: Database[Any], metrics: Metrics) -> Duty:
    def tick() -> timedelta:
        swept = sweep.sweep(db)
        for why, count in swept.deleted.items():
            metrics.blobs_swept.labels(why).inc(count)
            logger.info("swept", blobs=count, why=why)
        return timedelta() if swept.more else sweep.EVERY

    return Duty("sweep", tick)


def schedule_duty(runner: Runner) -> Duty:
    def tick() -> timedelta:
        runner.tick()
        return schedules.LOOK_EVERY

    return Duty(f"schedule {runner.schedule.name}", tick)


def feed_duty(feed: WebhookFeed) -> Duty:
    return Duty("webhook feed", feed.tick)


def terms(client: MongoClient[Any], told: Settings, metrics: Metrics, *, now: Now | None = None) -> Term:
    """What a leader does: the duties by name, and each schedule of the table, by the clock `now`."""
    broker = hints.broker(told.broker, timeout=BROKER_TIMEOUT)

    def duties(lease: Lease) -> Sequence[Duty]:
        runners = schedules.runners(client[told.database], broker, told, metrics, term=lease.token, now=now)
        epoch = Epoch(broker.client, new=lambda: str(uuid4()))
        return (
            relay_duty(Relay(client[told.database], broker, has_lost_hints=epoch.has_changed)),
            reaper_duty(Reaper(client, told.database, broker, metrics)),
            gauges_duty(client, told.database, metrics),
            purge_duty(client[told.database], told),
            arrivals_duty(Arrivals(client[told.database])),
            sweep_duty(client[told.database], metrics),
            feed_duty(WebhookFeed(client[told.database], lease, monotonic=SystemClock().monotonic)),
            *map(schedule_duty, runners),
        )

    return duties


def main() -> int:
    """Runs until SIGTERM or SIGINT. Exit code 2: the settings are wrong; 1: the metrics port is taken, or, in
    production, the store holds the demo or cannot be asked whether it does."""
    try:
        told = settings.from_environment()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(told, "scheduler")
    try:
        demo_guard.refuse_demo(told)
    except (DemoInProduction, Unavailable) as error:
        sys.stderr.write(f"scheduler: {error}\n")
        return 1
    metrics = Metrics()
    scheduler = wired(told, metrics)
    for number in (signal.SIGTERM, signal.SIGINT):
        # On another thread: the interrupted one may hold the very lock that stopping takes.
        signal.signal(number, lambda *_: threading.Thread(target=scheduler.stop).start())
    try:
        probes = Probes(
            told.metrics_port,
            host=told.host,
            live=scheduler.is_alive,
            ready=scheduler.is_ready,
            exposition=metrics.exposition,
        )
    except OSError as error:
        sys.stderr.write(f"METRICS_PORT={told.metrics_port}: {error.strerror}\n")
        return 1
    with probes:
        logger.info("scheduler ready", metrics_port=probes.port)
        scheduler.run()
    return 0


def wired(told: Settings, metrics: Metrics, *, now: Now | None = None) -> Scheduler:
    """The process by hand; opens nothing yet. `now`: as `schedules.runners`."""
    client, clock = mongo.client(told.mongo_uri, **told.mongo_options), SystemClock()
    leases = Leases(
        client[told.database]["leases"],
        monotonic=clock.monotonic,
        new_owner=lambda: str(uuid4()),
        answer_within=ANSWER_WITHIN,
    )
    return Scheduler(
        leases, terms(client, told, metrics, now=now), clock=clock, on_lost=metrics.leases_lost.inc
    )


if __name__ == "__main__":
    sys.exit(main())
