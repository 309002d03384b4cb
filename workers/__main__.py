"""`python -m workers`: one worker process."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading

from adapters import logs, mongo, settings
from adapters.clock import SystemClock
from adapters.mongo import Unavailable
from adapters.settings import Settings
from adapters.telemetry import Metrics
from workers.app import WorkerProcess, run
from workers.probes import Probes


def main() -> int:
    """Runs until SIGTERM or SIGINT.

    Exit code 2: the settings are wrong; 1: the metrics port is taken, or the store cannot be reached.
    """
    try:
        told = settings.from_environment()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(told, "worker")
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
            ready=lambda: not stop.is_set(),
            exposition=metrics.exposition,
        )
    except OSError as error:
        sys.stderr.write(f"METRICS_PORT={told.metrics_port}: {error.strerror}\n")
        return 1
    try:
        with probes:
            run(process, stop)
    except Unavailable as error:
        sys.stderr.write(f"MONGO_URI: {error}\n")
        return 1
    return 0


def wired(told: Settings, metrics: Metrics) -> WorkerProcess:
    """The process by hand; opens nothing yet."""
    return WorkerProcess(
        mongo.client(told.mongo_uri, **told.mongo_options),
        told.database,
        told.broker,
        clock=SystemClock(),
        chance=random.SystemRandom(),
        end_process=os._exit,
        threads=told.worker_threads,
        keys_kept=told.idempotency_ttl,
        metrics=metrics,
    )


if __name__ == "__main__":
    sys.exit(main())
