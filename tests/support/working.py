"""A whole worker process's machinery, in this process."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from adapters.clock import SystemClock
from workers.app import WorkerProcess


@contextmanager
def a_worker(store: Database[Any], redis_url: str) -> Iterator[WorkerProcess]:
    client: MongoClient[Any] = store.client
    process = WorkerProcess(
        client,
        store.name,
        redis_url,
        clock=SystemClock(),
        chance=random.Random(1),
        end_process=os._exit,
    )
    process.start()
    try:
        yield process
    finally:
        process.stop()
