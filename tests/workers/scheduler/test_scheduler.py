"""Two real scheduler processes: one leads, the other is ready to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from adapters.settings.table import inherited
from tests.support.patience import eventually
from tests.support.wire import Wire
from tests.workers.lines import command, heard, insert, line, long_ago


class Process:
    """A scheduler and what it logs."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "workers.scheduler"],
            env=inherited() | settings,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.popen.stderr is not None
        for text in self.popen.stderr:
            self.lines.append(text)

    def said(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, "".join(self.lines))

    def get(self, path: str) -> str:
        port = eventually(lambda: self.said(r"metrics_port=(\d+)"), within_s=10)
        assert port is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}{path}") as answer:
            body: bytes = answer.read()
            return body.decode()

    def end(self) -> None:
        self.popen.kill()
        self.popen.wait()
        if self.popen.stderr is not None:
            self.popen.stderr.close()


@pytest.fixture
def start(mongo_uri: str, redis_url: str) -> Iterator[Callable[..., Process]]:
    settings = {
        "MONGO_URI": mongo_uri,
        "REDIS_URL": redis_url,
        "METRICS_PORT": "0",
        "JWT_SECRET": "a secret of a test, long enough to be one",
    }
    with ExitStack() as stack:

        def begin(**changes: str) -> Process:
            process = Process(settings | changes)
            stack.callback(process.end)
            return process

        yield begin


def test_one_of_two_schedulers_leads_and_the_other_takes_over(
    start: Callable[..., Process], db: Database[Any], redis_url: str
) -> None:
    first = start()
    eventually(lambda: first.said("leading.*fence=1"), within_s=10)
    second = start()
    eventually(lambda: second.said("scheduler ready"), within_s=10)
    [due] = insert(db, [command(long_ago(db))])
    assert eventually(lambda: heard(redis_url), within_s=5) == [line(due)]

    first.popen.send_signal(signal.SIGTERM)
    assert first.popen.wait(5) == 0
    eventually(lambda: second.said("leading.*fence=2"), within_s=4)

    third = start()
    eventually(lambda: third.said("scheduler ready"), within_s=10)
    second.popen.kill()
    eventually(lambda: third.said("leading.*fence=3"), within_s=14)
    [due] = insert(db, [command(long_ago(db))])
    assert eventually(lambda: line(due) in heard(redis_url), within_s=5)


def test_a_scheduler_serves_health_and_the_gauges_of_its_queues(
    start: Callable[..., Process], db: Database[Any]
) -> None:
    insert(db, [command(long_ago(db), target="part:p1") for _ in range(3)])
    insert(db, [command(long_ago(db), state="dead", active=None, next_at=None, hint_at=None)])
    process = start()
    eventually(lambda: process.said("leading"), within_s=10)

    metrics = eventually(lambda: _with(process.get("/metrics"), "dead_letters 1.0"), within_s=10)

    age = re.search(r'command_ready_age_seconds{queue="interactive"} (\S+)', metrics)
    assert age is not None
    assert 59 < float(age[1]) < 90
    assert 'command_required_workers{queue="interactive"} 1.0' in metrics
    assert 'command_ready_age_seconds{queue="bulk"} 0.0' in metrics
    assert '"status":"live"' in process.get("/health/live")
    assert '"status":"ready"' in process.get("/health/ready")


def _with(text: str, part: str) -> str:
    return text if part in text else ""


def test_a_leader_without_an_answer_from_the_store_stops_leading_and_leads_again_later(
    start: Callable[..., Process], mongo_uri: str, db: Database[Any], redis_url: str
) -> None:
    told = parse_uri(mongo_uri)
    with Wire(*told["nodelist"][0]) as wire:
        far = f"mongodb://127.0.0.1:{wire.port}/{told['database']}?directConnection=true"
        process = start(MONGO_URI=far)
        eventually(lambda: process.said("leading.*fence=1"), within_s=10)

        wire.silent.set()
        eventually(lambda: process.said("no longer leading.*fence=1.*lost=True"), within_s=10)
        assert process.popen.poll() is None
        wire.silent.clear()

        eventually(lambda: process.said("leading.*fence=2"), within_s=15)
        [due] = insert(db, [command(long_ago(db))])
        assert eventually(lambda: line(due) in heard(redis_url), within_s=10)
    assert "lease_lost_total 1.0" in process.get("/metrics")
