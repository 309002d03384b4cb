"""Machines whose clocks are five minutes off: the server's time decides what is due and who holds a lease."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.commands.document import Origin, TargetQueue
from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from cli.embedded.servers import Embedded
from tasks.catalogue import catalogue
from tests.support import working
from tests.support.drains import PushedClock
from tests.support.patience import InThread, eventually
from tests.support.processes import Process, Processes
from tests.support.seeds import Seeds
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers.scheduler.leader import LEASE, TTL

OFF = timedelta(minutes=5)
TENANT = "north"
SOON_S = 20.0
STARTED_WITHIN_S = 60.0


class Appointments:
    """Commands that are due a while from now, by the server's clock."""

    def __init__(self, db: Database[Any], count: int, *, within: timedelta) -> None:
        self.db = db
        self.seed = Seeds(db, catalogue(), TENANT)
        self.parts = self.seed.parts(count)
        now = server_time(db)
        self.commands = [
            self.seed.document(
                "part.receive", {"part_id": part, "quantity": 1}, origin=Origin(via="schedule")
            )
            | {"next_at": now + within * number / count}
            for number, part in enumerate(self.parts, start=1)
        ]
        self.seed.accept_all(self.commands)

    @property
    def lines(self) -> list[TargetQueue]:
        return [self.seed.line(part) for part in self.parts]

    def are_kept(self) -> bool:
        """Whether all have run; that none ran early is asserted at each look."""
        ids = [command["_id"] for command in self.commands]
        done = list(self.db.commands.find({"_id": {"$in": ids}, "active": {"$ne": True}}))
        now = server_time(self.db)
        due = {command["_id"]: command["next_at"] for command in self.commands}
        assert [row["_id"] for row in done if due[row["_id"]] > now] == [], "it ran early"
        return len(done) == len(ids)


@pytest.mark.parametrize("off", [OFF, -OFF], ids=["fast", "slow"])
def test_a_worker_with_a_wrong_clock_runs_nothing_early_and_everything_in_time(
    db: Database[Any], redis_url: str, off: timedelta
) -> None:
    clock = PushedClock()
    clock.push(off)
    worker = working.made(db, redis_url, clock)
    worker.heartbeat.start()
    appointments = Appointments(db, 3, within=timedelta(seconds=0.6))

    def all_kept() -> bool:
        worker.pool.drain("interactive", appointments.lines)
        return appointments.are_kept()

    eventually(all_kept, within_s=SOON_S, what="what is due has run")
    worker.heartbeat.stop(finished=True)

    assert {seed["stock"] for seed in map(appointments.seed.entity, appointments.parts)} == {1}


@pytest.mark.torture
def test_with_wrong_clocks_everywhere_nothing_is_taken_early_run_early_or_run_twice(
    db: Database[Any], crew: Processes, mongo_uri: str, own_valkey: Embedded
) -> None:
    slow = started(crew, -OFF, "scheduler")
    eventually(lambda: leads(slow, 1), within_s=STARTED_WITHIN_S, what="the slow one leads")
    fast = started(crew, OFF, "scheduler")
    workers = [started(crew, off, "worker") for off in (-OFF, OFF)]
    for worker in workers:
        crew.await_ready(worker)
    orders = Orders(db, 100)
    poster = Poster(mongo_uri, own_valkey.redis_url, lasts_s=30, chance=random.Random(7))
    appointments = Appointments(db, 40, within=timedelta(seconds=40))
    posting = InThread(lambda: poster.post(orders.posts))
    watching = InThread(lambda: eventually(appointments.are_kept, within_s=90, what="what is due has run"))

    first = succession(db, slow, fast, term=1)
    slow = started(crew, -OFF, "scheduler")
    second = succession(db, fast, slow, term=2)

    watching.result(within_s=120)
    posting.result(within_s=120)
    orders.await_final()
    orders.check_unhurt(poster.accepted)
    assert [next["acquired_at"] >= left["expires_at"] for left, next in (first, second)] == [True, True]
    assert {row["stock"] for row in map(appointments.seed.entity, appointments.parts)} == {1}
    assert all(worker.is_running for worker in workers)
    assert not [process for process in crew.started if "worker lost" in process.output()]


def started(crew: Processes, off: timedelta, kind: str) -> Process:
    return crew.start("-m", "tests.torture.skewed_process", str(off / timedelta(minutes=1)), kind)


def succession(db: Database[Any], leader: Process, other: Process, *, term: int) -> tuple[Document, Document]:
    """Kill the leader when the other has asked for the lease in vain. Returns the lease as it left it, and as
    the other took it."""

    def lease() -> Document:
        return db.leases.find_one({"_id": LEASE}) or {}

    eventually(lambda: has_asked(other), within_s=STARTED_WITHIN_S, what="the other one asks")
    assert lease()["token"] == term
    assert not leads(other, term + 1)
    leader.kill()
    left = lease()
    eventually(lambda: leads(other, term + 1), within_s=2 * TTL.total_seconds(), what="it leads")
    return left, lease()


def leads(one: Process, term: int) -> bool:
    return re.search(rf" leading .*fence={term}\b", one.output()) is not None


def has_asked(one: Process) -> bool:
    """Ready is who has got an answer about the lease."""
    port = re.search(r" scheduler ready .*metrics_port=(\d+)", one.output())
    return port is not None and httpx.get(f"http://127.0.0.1:{port[1]}/health/ready").is_success
