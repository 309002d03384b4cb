"""A whole worker process's machinery, in this process."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.broker import hints
from adapters.process.clock import Clock, SystemClock
from locks.idempotency import KEYS_KEPT
from workers.imports import importer as imports
from workers.worker import WorkerProcess

IDLE = timedelta(milliseconds=150)
"""How long its idle threads sleep: a test that is done waits for the end of each."""


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
        keys_kept=KEYS_KEPT,
    )


@contextmanager
def a_worker(store: Database[Any], redis_url: str) -> Iterator[WorkerProcess]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (hints, imports):
            patch.setattr(module, "IDLE", IDLE)
        process = made(store, redis_url)
        process._dramatiq.worker_timeout = IDLE // timedelta(milliseconds=1)
        process.start()
        try:
            yield process
        finally:
            process.stop()
