"""A whole worker process's machinery, in this process."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from adapters.clock import Clock, SystemClock
from workers.app import WorkerProcess


def made(store: Database[Any], redis_url: str, clock: Clock | None = None) -> WorkerProcess:
    """Not started."""
    client: MongoClient[Any] = store.client
    return WorkerProcess(
        client,
        store.name,
        redis_url,
        clock=clock or SystemClock(),
        chance=random.Random(1),
        end_process=os._exit,
    )


@contextmanager
def a_worker(store: Database[Any], redis_url: str) -> Iterator[WorkerProcess]:
    process = made(store, redis_url)
    process.start()
    try:
        yield process
    finally:
        process.stop()
