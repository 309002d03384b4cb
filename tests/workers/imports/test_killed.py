"""An importer that is killed between two writes: whoever comes next finishes, and nothing is doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pymongo.database import Database

from adapters.settings.table import ROOT, inherited
from tests.support.patience import eventually
from tests.workers.imports.conftest import Imports

HEAD = "No,Text,Machine,Day,Cost\n"
ROWS = 1_200


@contextmanager
def process(module: str, mongo_uri: str, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    env = inherited() | {
        "MONGO_URI": mongo_uri,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "s" * 40,
        "METRICS_PORT": "0",
        "LOG_LEVEL": "WARNING",
        "APP_ENV": "test",
    }
    started = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=env)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_an_import_whose_worker_is_killed_midway_is_finished_by_the_next_without_doubles(
    files: Imports, store: Database[Any], mongo_uri: str, redis_url: str
) -> None:
    text = HEAD + "".join(f"{n},row {n},{'AB'[n % 2]},2004-07-01,1.25\n" for n in range(ROWS))
    id = files.make(text)
    with process("workers.scheduler", mongo_uri, redis_url):
        with process("workers", mongo_uri, redis_url) as doomed:
            eventually(lambda: files.found(id)["cursor"] >= 200, within_s=30, what="a start")
            os.kill(doomed.pid, signal.SIGKILL)
            doomed.wait()
        assert 0 < files.found(id)["cursor"] < ROWS

        with process("workers", mongo_uri, redis_url):
            ended = files.ended(id, within_s=90)

    assert ended.state == "done"
    assert ended.counts.new == ROWS
    assert ended.counts.commands == {"applied": ROWS * 5 + 2}
    (total,) = store.work_orders.aggregate(
        [{"$group": {"_id": "$status", "orders": {"$sum": 1}, "cost": {"$sum": "$cost_total"}}}]
    )
    assert total == {"_id": "closed", "orders": ROWS, "cost": ROWS * Decimal("1.25")}
    assert store.entries.count_documents({}) == ROWS
