"""`python -m workers`: one worker process."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
from datetime import timedelta
from typing import Any

from loguru import logger

from adapters.mongo import client as mongo
from adapters.mongo import demo_guard
from adapters.mongo.client import TRANSACTION_LIFETIME, Unavailable
from adapters.mongo.demo_guard import DemoInProduction
from adapters.process import logs
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from adapters.settings import table as settings
from adapters.settings.table import MILLISECOND, Settings
from workers.delivery.channels import senders
from workers.process.heartbeat import ServerClock
from workers.process.probes import Probes
from workers.worker import WorkerProcess, run

SWITCH_S = 0.001
COLLECT_AFTER = 50_000
"""Objects made between two looks for cycles: nearly all that a batch makes lives until its commit; looking
through it every 700 took an eighth of the CPU."""

FIND_PRIMARY = timedelta(seconds=5)


def main() -> int:
    """Runs until SIGTERM or SIGINT.

    Exit code 2: the settings are wrong; 1: the metrics port is taken, or, in production, the store
    holds the demo or cannot be asked whether it does.
    """
    try:
        told = settings.from_environment()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(told, "worker")
    try:
        demo_guard.refuse_demo(told)
    except (DemoInProduction, Unavailable) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 1
    # One slot folds a backlog while another answers somebody who waits: not 5 ms for each turn.
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    metrics, stop = Metrics(), threading.Event()
    process = wired(told, metrics)
    for number in (signal.SIGTERM, signal.SIGINT):
        # On another thread: the interrupted one may hold the very lock that setting takes.
        signal.signal(number, lambda *_: threading.Thread(target=stop.set).start())
    try:
        probes = Probes(
            told.metrics_port,
            host=told.host,
            live=process.is_alive,
            ready=lambda: process.is_ready() and not stop.is_set(),
            exposition=metrics.exposition,
        )
    except OSError as error:
        sys.stderr.write(f"METRICS_PORT={told.metrics_port}: {error.strerror}\n")
        return 1
    with probes:
        logger.info("probes ready", metrics_port=probes.port)
        run(process, stop)
    return 0


def wired(told: Settings, metrics: Metrics, *, server_clock: ServerClock | None = None) -> WorkerProcess:
    """The process by hand; opens nothing yet."""
    clock, chance = SystemClock(), random.SystemRandom()
    client = mongo.client(told.mongo_uri, **(told.mongo_options | patience(told)))
    return WorkerProcess(
        client,
        told.database,
        told.broker,
        clock=clock,
        server_clock=server_clock,
        chance=chance,
        end_process=os._exit,
        threads=told.worker_threads,
        queues=told.worker_queues,
        keys_kept=told.idempotency_ttl,
        metrics=metrics,
        senders=senders(told, client[told.database], clock, chance),
        mail_configured=bool(told.smtp_host),
    )


def patience(told: Settings) -> dict[str, Any]:
    """No transaction outlives ten seconds at the server: to wait longer for an answer would only bring the
    watchdog."""
    answer = min(told.mongo_socket_timeout, TRANSACTION_LIFETIME)
    selection = min(told.mongo_server_selection_timeout, FIND_PRIMARY)
    return {
        "socketTimeoutMS": int(answer / MILLISECOND),
        "serverSelectionTimeoutMS": int(selection / MILLISECOND),
    }


if __name__ == "__main__":
    sys.exit(main())
