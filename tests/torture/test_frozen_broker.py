"""A broker that freezes: it holds nobody up who accepts, ends nobody, and all runs when it thaws."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dramatiq.worker
import pytest
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.epoch import Epoch
from adapters.broker.hints import Unheard
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from api.app import create_app
from cli.embedded.servers import Embedded
from tasks.queues import QUEUES
from tests.api.asking import running
from tests.api.people import People
from tests.support.patience import InThread, eventually
from tests.support.processes import SCHEDULER, Processes
from tests.support.seeds import new_id
from tests.support.working import a_worker
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers import worker as app
from workers.duties import due_commands
from workers.duties.relay import Relay

ROUTE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}
SOON_S = 20.0
FROZEN_S = 45.0


@pytest.fixture
def freezable(own_valkey: Embedded) -> Iterator[Embedded]:
    yield own_valkey
    os.kill(own_valkey.valkey.pid, signal.SIGCONT)


async def test_a_frozen_broker_holds_up_no_202_and_restarts_nobody_and_all_runs_when_it_thaws(
    db: Database[Any],
    mongo_uri: str,
    freezable: Embedded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(app, "SOCKET_TIMEOUT", timedelta(seconds=0.2))
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 0.1)
    given = {"MONGO_URI": mongo_uri, "REDIS_URL": freezable.redis_url, "JWT_SECRET": "s" * 40}
    told = Settings.load(given, tmp_path)
    planner = People(db, told).add("planner")
    monkeypatch.setattr(due_commands, "ACCEPTERS_TURN", timedelta(seconds=-1))
    broker = hints.broker(freezable.redis_url)
    relay = Relay(db, broker, has_lost_hints=Epoch(broker.client, new=new_id).has_changed)
    with a_worker(db, freezable.redis_url) as worker:
        async with running(create_app(told)) as web:
            os.kill(freezable.valkey.pid, signal.SIGSTOP)
            answers = await asyncio.gather(
                *(web.post(ROUTE, json=ORDER, headers=planner.sends()) for _ in range(20))
            )
            frozen = (await web.get("/api/health/ready")).json()["queue"]
            await felt(lambda: len(thrown_out(caplog)) == len(QUEUES))
            with pytest.raises(Unheard):
                relay.tick()
            assert worker.is_alive()
            os.kill(freezable.valkey.pid, signal.SIGCONT)
            await felt(relay.tick)
            await felt(lambda: db.work_orders.count_documents({}) == 20)
            thawed = (await web.get("/api/health/ready")).json()["queue"]
            assert worker.is_alive()

    assert [answer.status_code for answer in answers] == [202] * 20
    assert (frozen, thawed) == ("degraded", "up")
    assert db.commands.count_documents({"active": True}) == 0


def thrown_out(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Which consumers have met an error."""
    return {one.name for one in list(caplog.records) if "connection error" in one.getMessage()}


async def felt(look: Any) -> None:
    await asyncio.to_thread(lambda: eventually(look, within_s=SOON_S))


@pytest.mark.torture
def test_a_broker_frozen_for_longer_than_anybody_waits_for_it_costs_time_and_nothing_else(
    db: Database[Any], crew: Processes, mongo_uri: str, freezable: Embedded
) -> None:
    orders = Orders(db, 100)
    poster = Poster(mongo_uri, freezable.redis_url, lasts_s=FROZEN_S, chance=random.Random(7))
    for _ in range(2):
        crew.start(*SCHEDULER)
        crew.worker()
    posting = InThread(lambda: poster.post(orders.posts))
    eventually(lambda: db.commands.find_one({"state": "applied"}), within_s=SOON_S)
    accepted = len(poster.accepted)

    os.kill(freezable.valkey.pid, signal.SIGSTOP)
    SystemClock().sleep(FROZEN_S)
    assert len(poster.accepted) > accepted + 100
    assert poster.refused == 0
    os.kill(freezable.valkey.pid, signal.SIGCONT)

    posting.result(within_s=60)
    orders.await_final()
    orders.check_unhurt(poster.accepted)
    assert not crew.ended()
