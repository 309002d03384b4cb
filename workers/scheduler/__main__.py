"""The scheduler process, `python -m workers.scheduler`. Two may run; who holds the lease does the duties."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from loguru import logger
from pymongo import MongoClient

from adapters.broker import hints
from adapters.broker.epoch import Epoch
from adapters.mongo import client as mongo
from adapters.mongo import demo_guard
from adapters.mongo.client import Unavailable
from adapters.mongo.demo_guard import DemoInProduction
from adapters.process import logs
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from adapters.settings.table import Settings, SettingsError, from_environment
from locks.lease import Lease, Leases
from workers.duties.arrivals import Arrivals, arrivals_duty
from workers.duties.blob_sweep import blob_sweep_duty
from workers.duties.duty import Duty
from workers.duties.gauges import gauges_duty
from workers.duties.reaper import Reaper, reaper_duty
from workers.duties.relay import Relay, relay_duty
from workers.duties.retention import retention_duty
from workers.duties.webhook_feed import WebhookFeed, webhook_feed_duty
from workers.process.probes import Probes
from workers.scheduler.leader import MakeDuties, Scheduler
from workers.schedules.runner import Now, runners, schedule_duty

BROKER_TIMEOUT = timedelta(seconds=1)
ANSWER_WITHIN = timedelta(seconds=1)


def duties(
    client: MongoClient[Any], settings: Settings, metrics: Metrics, *, now: Now | None = None
) -> MakeDuties:
    """What a leader does: the duties by name, and each schedule of the table, by the clock `now`."""
    broker, db = hints.broker(settings.broker, timeout=BROKER_TIMEOUT), client[settings.database]

    def make(lease: Lease) -> Sequence[Duty]:
        schedules = runners(db, broker, settings, metrics, term=lease.token, now=now)
        epoch = Epoch(broker.client, new=lambda: str(uuid4()))
        return (
            relay_duty(Relay(db, broker, has_lost_hints=epoch.has_changed)),
            reaper_duty(Reaper(client, settings.database, broker, metrics)),
            gauges_duty(db, metrics),
            retention_duty(db, settings),
            arrivals_duty(Arrivals(db)),
            blob_sweep_duty(db, metrics),
            webhook_feed_duty(WebhookFeed(db, lease, monotonic=SystemClock().monotonic)),
            *map(schedule_duty, schedules),
        )

    return make


def main() -> int:
    """Runs until SIGTERM or SIGINT. Exit code 2: the settings are wrong; 1: the metrics port is taken, or, in
    production, the store holds the demo or cannot be asked whether it does."""
    try:
        settings = from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings, "scheduler")
    try:
        demo_guard.refuse_demo(settings)
    except (DemoInProduction, Unavailable) as error:
        sys.stderr.write(f"scheduler: {error}\n")
        return 1
    metrics = Metrics()
    scheduler = wired(settings, metrics)
    for number in (signal.SIGTERM, signal.SIGINT):
        # On another thread: the interrupted one may hold the very lock that stopping takes.
        signal.signal(number, lambda *_: threading.Thread(target=scheduler.stop).start())
    try:
        probes = Probes(
            settings.metrics_port,
            host=settings.host,
            live=scheduler.is_alive,
            ready=scheduler.is_ready,
            exposition=metrics.exposition,
        )
    except OSError as error:
        sys.stderr.write(f"METRICS_PORT={settings.metrics_port}: {error.strerror}\n")
        return 1
    with probes:
        logger.info("scheduler ready", metrics_port=probes.port)
        scheduler.run()
    return 0


def wired(settings: Settings, metrics: Metrics, *, now: Now | None = None) -> Scheduler:
    """The process by hand; opens nothing yet. `now`: as in `runners`."""
    client, clock = mongo.client(settings.mongo_uri, **settings.mongo_options), SystemClock()
    leases = Leases(
        client[settings.database]["leases"],
        monotonic=clock.monotonic,
        new_owner=lambda: str(uuid4()),
        answer_within=ANSWER_WITHIN,
    )
    make_duties = duties(client, settings, metrics, now=now)
    return Scheduler(leases, make_duties, clock=clock, on_lost=metrics.leases_lost.inc)


if __name__ == "__main__":
    sys.exit(main())
