"""A broker that freezes, and one whose answers are lost: hints are hints, whatever becomes of them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dramatiq.worker
import pytest
from pymongo.database import Database

from adapters import hints
from adapters.clock import SystemClock
from adapters.commands import QUEUES
from adapters.hints import Line, Unheard
from adapters.settings import Settings
from api.app import create_app
from cli.embedded import Embedded
from tasks.catalogue import catalogue
from tests.api.asking import running
from tests.api.people import People
from tests.support.drains import Drains
from tests.support.patience import InThread, eventually
from tests.support.processes import SCHEDULER, WORKER, Processes, processes
from tests.support.seeds import Seeds, new_id
from tests.support.wire import Wire
from tests.support.working import a_worker
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers import app
from workers import relay as relaying
from workers.epoch import Epoch
from workers.relay import REHINT, Relay

ROUTE = "/api/commands/work_order.create"
ORDER = {"title": "Replace the bearing", "type": "corrective", "priority": "high"}
TENANT = "north"
SOON_S = 20.0
FROZEN_S = 45.0
LOST = 0.03
"""So many of the broker's answers."""


# -- frozen ------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(relaying, "ACCEPTERS_TURN", timedelta(seconds=-1))
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


# -- answers lost ------------------------------------------------------------------------------------------


def wired(redis_url: str, **how: Any) -> tuple[Wire, str]:
    """A wire to that Valkey, and the URL of its near end."""
    parts = urlsplit(redis_url)
    assert parts.hostname
    assert parts.port
    wire = Wire(parts.hostname, parts.port, **how)
    return wire, parts._replace(netloc=f"127.0.0.1:{wire.port}").geturl()


class Once:
    """True once after each `set`."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self.set = self._set.set

    def __call__(self) -> bool:
        was_set = self._set.is_set()
        self._set.clear()
        return was_set


def test_a_hint_whose_answer_is_lost_is_sent_again_and_has_one_effect(
    db: Database[Any], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "ACCEPTERS_TURN", timedelta(seconds=-1))
    seed, lose = Seeds(db, catalogue(), TENANT), Once()
    parts = seed.parts(3)
    commands = [seed.accept("part.receive", part_id=part, quantity=1) for part in parts]
    wire, url = wired(redis_url, breaks=lose)
    far, near = hints.broker(redis_url), hints.broker(url)
    relay = Relay(db, near, has_lost_hints=lambda: False)
    with wire:
        hints.send(near, "interactive", [seed.line(parts[0])])
        lose.set()
        with pytest.raises(Unheard):
            hints.send(near, "interactive", [seed.line(parts[1])])
        assert far.do_qsize("interactive") == 2, "it was heard all the same"
        near.client.ping()
        lose.set()
        with pytest.raises(Unheard):
            relay.tick()
        assert relay.tick() == 3
        assert far.do_qsize("interactive") == 4

    drains = Drains(db.client, db.name, catalogue())
    for lines in heard(far):
        drains.until_dry(lines)

    assert {seed.state(command) for command in commands} == {"applied"}
    assert {seed.entity(part)["stock"] for part in parts} == {1}
    assert db.events.count_documents({}) == 3


def heard(broker: hints.HintBroker) -> list[list[Line]]:
    """The hints that lie there, each as a worker would take it."""
    consumer = broker.consume("interactive", prefetch=10)
    found = []
    while message := next(consumer):
        found.append([(tenant, target) for tenant, target in message.args[1]])
        consumer.ack(message)
    consumer.close()
    return found


@pytest.mark.torture
def test_a_broker_that_loses_answers_all_the_time_holds_nothing_up_longer_than_the_relay(
    db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path
) -> None:
    orders, chance = Orders(db, 100), random.Random(7)
    is_bad = threading.Event()
    is_bad.set()
    wire, url = wired(redis_url, breaks=lambda: is_bad.is_set() and chance.random() < LOST)
    poster = Poster(mongo_uri, url, lasts_s=40, chance=random.Random(7))
    with wire, processes(db, mongo_uri, url, tmp_path) as crew:
        for _ in range(2):
            crew.start(*SCHEDULER)
            crew.start(*WORKER)
        poster.post(orders.posts)
        is_bad.clear()

        # A last hint may have been taken, and its bearer not have heard of it.
        orders.await_final(within_s=2 * REHINT.total_seconds())
        assert not crew.ended()

    orders.check_unhurt(poster.accepted)
