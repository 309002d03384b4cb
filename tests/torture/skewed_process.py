"""A real worker or scheduler on a machine whose clock is wrong, for all that asks it, Dramatiq too.

python -m tests.torture.skewed_process <minutes> worker|scheduler
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta


def skew(by: timedelta) -> None:
    """Before anybody has kept a `time` of their own."""
    honest = time.time
    setattr(time, "time", lambda: honest() + by.total_seconds())  # noqa: B010 - mypy forbids assigning

    from adapters.process.clock import SystemClock

    exact = SystemClock.now

    def now(clock: SystemClock) -> datetime:
        return exact(clock) + by

    setattr(SystemClock, "now", now)  # noqa: B010


def main(minutes: str, kind: str) -> int:
    skew(timedelta(minutes=float(minutes)))

    from adapters.broker.hints import HintBroker
    from workers import __main__ as worker
    from workers.scheduler import __main__ as scheduler

    # At each command, not at one in a thousand: heartbeats in Valkey are by the workers' clocks, and whoever
    # seems long gone has the hints that it holds handed to others.
    setattr(HintBroker, "_should_do_maintenance", lambda *_: 1)  # noqa: B010
    return worker.main() if kind == "worker" else scheduler.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
