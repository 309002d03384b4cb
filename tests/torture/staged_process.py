"""A real worker or scheduler that believes the time of a stage; its leases and heartbeats are in real time.

python -m tests.torture.staged_process worker|scheduler <file of the stage> <name> <scheduler's lease, s>
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from loguru import logger

from adapters.process import logs
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from adapters.settings import table as settings
from tests.support.staged import StagedClock, StagedTime
from workers import __main__ as worker
from workers import worker as app
from workers.scheduler import __main__ as scheduler
from workers.schedules import requests as asking

ASK_AGAIN = timedelta(seconds=2)


def main(kind: str, stage: str, name: str, lease_s: str) -> None:
    told = settings.from_environment()
    logs.configure(told, kind)
    logger.info("began", name=name, pid=os.getpid())
    staged = StagedTime(Path(stage), name)
    if kind == "worker":
        clock = StagedClock(SystemClock().monotonic, staged)
        process = worker.wired(told, Metrics(), server_clock=clock)
        stop = threading.Event()
        _on_term(stop.set)
        app.run(process, stop)
    else:
        # A short lease, and little patience with a worker whose clock is behind: short tests.
        setattr(scheduler, "TTL", timedelta(seconds=float(lease_s)))  # noqa: B010
        setattr(asking, "ASK_AGAIN", ASK_AGAIN)  # noqa: B010
        standing = scheduler.wired(told, Metrics(), now=staged.now)
        _on_term(standing.stop)
        standing.run()


def _on_term(stop: object) -> None:
    assert callable(stop)
    # On another thread: the interrupted one may hold the very lock that stopping takes.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())


if __name__ == "__main__":
    main(*sys.argv[1:])
