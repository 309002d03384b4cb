"""Rival: a plain Dramatiq worker whose actor only reports that it ran. `python -m bench.echo`"""

from __future__ import annotations

import sys
import threading

import dramatiq

from adapters.settings import table as settings
from bench import stock

ACTOR = "echo"
ANSWERS = "bench:answers"


def main() -> None:
    broker = stock.broker(settings.from_environment().redis_url)

    def echo() -> None:
        broker.client.rpush(ANSWERS, b"ran")

    stock.declare(broker, ACTOR, echo)
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
