"""A worker process as a whole: what its probe says of its threads, and what a failing Valkey does to them."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from adapters.broker import hints
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from cli.embedded import servers as embedded
from cli.processes.child import ROOT
from tasks.catalogue import catalogue
from tests.servers import Servers
from tests.support.patience import eventually
from tests.support.seeds import Seeds, user
from tests.support.working import a_worker
from workers.worker import WorkerProcess

TENANT = "north"


@pytest.fixture
def store(mongo_uri: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        db = client.get_default_database()
        indexes.create(db)
        db.users.insert_one(user(TENANT))
        yield db


def consumer(process: WorkerProcess) -> Any:
    found = process._dramatiq.consumers["interactive"]
    eventually(lambda: found.consumer, within_s=20)
    return found


def runner(process: WorkerProcess) -> Any:
    return process._dramatiq.workers[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("thread", [consumer, runner], ids=["consumer", "worker thread"])
def test_a_worker_with_a_dead_thread_asks_to_be_started_again(
    store: Database[Any], redis_url: str, thread: Any
) -> None:
    with a_worker(store, redis_url) as process:
        assert process.is_alive()

        doomed = thread(process)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(doomed.ident), ctypes.py_object(SystemExit))

        eventually(lambda: not process.is_alive(), within_s=30)

        if hasattr(doomed, "consumer"):
            doomed.consumer.close()
    # What it held open is collected here, where it is expected, and not in another test.
    del doomed
    gc.collect()


def test_a_consumer_connects_anew_half_a_second_after_an_error() -> None:
    ask = "import workers.__main__, dramatiq.worker; print(dramatiq.worker.CONSUMER_RESTART_DELAY_SECS)"

    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, env={}, capture_output=True, check=True)

    assert float(told.stdout) == 0.5


def test_consumers_outlive_a_valkey_that_turns_into_a_replica_and_back(
    store: Database[Any], servers: Servers, tmp_path: Path
) -> None:
    seed = Seeds(store, catalogue(), TENANT)
    part = seed.part()
    with (
        embedded.running(tmp_path, mongo_uri=servers.mongo_uri) as own,
        redis.Redis.from_url(own.redis_url) as valkey,
        a_worker(store, own.redis_url) as process,
    ):
        valkey.replicaof("127.0.0.1", "1")
        eventually(lambda: valkey.info("errorstats").get("errorstat_READONLY"), within_s=20)
        valkey.replicaof("no", "one")

        command = seed.accept("part.receive", part_id=part, quantity=1)
        broker = hints.broker(own.redis_url)
        hints.send(broker, "interactive", [seed.line(part)])
        broker.close()

        eventually(lambda: seed.state(command) == "applied", within_s=20)
        assert process.is_alive()
