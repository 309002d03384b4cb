"""A store that falls silent for longer than any watchdog waits: everybody is there when it speaks again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.process.clock import SystemClock
from cli.embedded import servers as embedded
from tasks.catalogue import catalogue
from tests.support.patience import eventually
from tests.support.processes import SCHEDULER, processes
from tests.support.seeds import Seeds, user
from workers.process.heartbeat import BATCH_LIMIT

COMMANDS = 20_000
BEFORE = 1_000
SILENT_S = BATCH_LIMIT.total_seconds() + 5
CALM_WITHIN_S = 60.0


@pytest.mark.torture
def test_a_silent_store_ends_no_process_and_loses_nothing(tmp_path: Path) -> None:
    with embedded.running(tmp_path / "stores") as stores, mongo.client(stores.mongo_uri) as client:
        db = client["millwright"]
        indexes.create(db)
        db["users"].insert_one(user("t"))
        seed = Seeds(db, catalogue(), "t")
        payload = {"title": "Pump leaks", "type": "corrective", "priority": "low"}
        seed.accept_all([seed.document("work_order.create", payload) for _ in range(COMMANDS)])
        with processes(db, stores.mongo_uri, stores.redis_url, tmp_path) as running:
            crew = [running.worker(), running.start(*SCHEDULER)]
            applied = {"state": "applied"}
            eventually(
                lambda: db["commands"].count_documents(applied) > BEFORE, within_s=30.0, what="a start"
            )

            os.kill(stores.mongo.pid, signal.SIGSTOP)
            SystemClock().sleep(SILENT_S)
            os.kill(stores.mongo.pid, signal.SIGCONT)

            eventually(
                lambda: db["commands"].count_documents(applied) == COMMANDS,
                within_s=CALM_WITHIN_S,
                what="all applied",
            )
            assert all(process.is_running for process in crew), [process.output() for process in crew]
        assert db["work_orders"].count_documents({}) == COMMANDS
        assert db["commands"].count_documents({"suspect": True}) == 0
