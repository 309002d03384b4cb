"""`./millwright workers`: who is heard, and what runs."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from cli.__main__ import build
from cli.commands import workers

Document = dict[str, Any]


@pytest.fixture
def run(
    mongo_uri: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[CliRunner, Any]:
    told = Settings.load({"MONGO_URI": mongo_uri, "REDIS_URL": redis_url, "JWT_SECRET": "s" * 40}, tmp_path)
    monkeypatch.setattr(workers, "from_environment", lambda: told)
    return CliRunner(), build()


def add(database: Database[Document], id: str, *, host: str, pid: int) -> None:
    worker = {"_id": id, "host": host, "pid": pid, "slots": 2, "heartbeat_at": SystemClock().now()}
    database.workers.insert_one(worker)


def test_without_workers_it_says_so(run: tuple[CliRunner, Any]) -> None:
    runner, app = run

    assert "No worker has been heard" in runner.invoke(app, ["workers"]).output


def test_each_worker_is_shown_with_what_it_runs(
    run: tuple[CliRunner, Any], database: Database[Document]
) -> None:
    runner, app = run
    add(database, "w1", host="here", pid=11)
    database.batches.insert_many(
        [{"_id": "w1:0", "worker": "w1", "ids": ["a", "b"]}, {"_id": "w1:1", "worker": "w1", "ids": ["c"]}]
    )

    shown = runner.invoke(app, ["workers"]).output.splitlines()[-1].split()
    (row,) = json.loads(runner.invoke(app, ["workers", "--json"]).output)

    assert (shown[:4], shown[-1]) == (["w1", "here", "11", "2"], "3")
    assert (row["worker"], row["running"]) == ("w1", 3)


def test_process_ids_are_those_of_this_machine(
    run: tuple[CliRunner, Any], database: Database[Document]
) -> None:
    runner, app = run
    add(database, "w1", host=socket.gethostname(), pid=11)
    add(database, "w2", host="elsewhere", pid=12)

    assert runner.invoke(app, ["workers", "--pids"]).output == "11\n"
