"""`python -m workers`: one worker process."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading

from adapters import logs, mongo, settings
from adapters.clock import SystemClock
from workers.app import WorkerProcess, run
from workers.probes import Probes


def main() -> int:
    """Runs until SIGTERM or SIGINT. Exit code 2: the settings are wrong."""
    try:
        told = settings.from_environment()
    except settings.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(told, "worker")
    clock = SystemClock()
    process = WorkerProcess(
        mongo.client(told.mongo_uri, **told.mongo_options),
        told.database,
        told.broker,
        clock=clock,
        chance=random.SystemRandom(),
        end_process=os._exit,
        threads=told.worker_threads,
        keys_kept=told.idempotency_ttl,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    probes = Probes(told.metrics_port, live=process.is_alive, ready=lambda: not stop.is_set())
    with probes:
        run(process, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
