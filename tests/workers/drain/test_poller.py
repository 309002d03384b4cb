"""Without a broker, or with one that is full, work goes on: workers poll what is due, each its share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from adapters.broker import hints
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from cli.embedded import servers as embedded
from tasks.catalogue import catalogue
from tests.servers import Servers
from tests.support.patience import eventually
from tests.support.seeds import Seeds, user
from tests.support.working import a_worker, made
from workers.worker import WorkerProcess

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def store(mongo_uri: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        db = client.get_default_database()
        indexes.create(db)
        db.users.insert_many([user("north"), user("south")])
        yield db


@pytest.fixture
def seed(store: Database[Any]) -> Seeds:
    return Seeds(store, catalogue(), "north")


def are_applied(seed: Seeds, commands: list[dict[str, Any]]) -> bool:
    return all(seed.state(command) == "applied" for command in commands)


def test_without_a_broker_a_worker_applies_what_is_due_and_is_alive(
    store: Database[Any], seed: Seeds
) -> None:
    parts = [seed.part() for _ in range(5)]
    commands = [seed.accept("part.receive", part_id=part, quantity=1) for part in parts for _ in range(3)]

    with a_worker(store, NOWHERE) as process:
        eventually(lambda: are_applied(seed, commands), within_s=30)
        eventually(lambda: store.workers.count_documents({"polls": True}), within_s=20)
        assert process.is_ready()


def test_with_a_full_valkey_nothing_stops_and_hints_are_heard_again_when_there_is_room(
    store: Database[Any], seed: Seeds, servers: Servers, tmp_path: Path
) -> None:
    with (
        embedded.running(tmp_path, mongo_uri=servers.mongo_uri) as own,
        redis.Redis.from_url(own.redis_url) as valkey,
        a_worker(store, own.redis_url) as process,
    ):
        valkey.set("not:ours", "x" * 2_000_000)
        valkey.config_set("maxmemory", 1_000_000)
        command = seed.accept("part.receive", part_id=seed.part(), quantity=1)
        eventually(lambda: seed.state(command) == "applied", within_s=30)
        assert process.poller.is_polling()
        assert process.is_alive()

        valkey.config_set("maxmemory", 0)

        eventually(lambda: not process.poller.is_polling(), within_s=20)
        part = seed.part()
        later = seed.accept("part.receive", part_id=part, quantity=1)
        broker = hints.broker(own.redis_url)
        hints.send(broker, "interactive", [seed.line(part)])
        broker.close()
        eventually(lambda: seed.state(later) == "applied", within_s=20)


def test_what_cannot_run_hides_nothing_from_who_polls(store: Database[Any], seed: Seeds) -> None:
    stuck = seed.part()
    first, *_ = [seed.accept("part.receive", part_id=stuck, quantity=1) for _ in range(400)]
    store.commands.update_one({"_id": first}, {"$set": {"state": "retrying", "next_at": in_an_hour(seed)}})
    store.commands.insert_many(
        seed.document("part.receive", {"part_id": seed.part(), "quantity": 1}) | {"type": "part.of_tomorrow"}
        for _ in range(300)
    )
    command = seed.accept("part.receive", part_id=seed.part(), quantity=1)

    with a_worker(store, NOWHERE):
        eventually(lambda: seed.state(command) == "applied", within_s=30)


def in_an_hour(seed: Seeds) -> Any:
    return mongo_now(seed.db) + timedelta(hours=1)


def mongo_now(db: Database[Any]) -> Any:
    return db.command("hello")["localTime"]


def test_workers_that_poll_divide_what_is_due(store: Database[Any]) -> None:
    first, second = (made(store, NOWHERE) for _ in range(2))
    for process in (first, second):
        process._started = True
        eventually(process._polls, within_s=20)
        process.heartbeat.beat()
    lines = [("north", f"part:{n}") for n in range(100)]

    shares = [[line for line in lines if mine(line)] for mine in of_all_threads(first, second)]

    assert sorted(line for share in shares for line in share) == sorted(lines)
    assert all(shares)


def test_workers_of_other_classes_take_no_share(store: Database[Any]) -> None:
    process = made(store, NOWHERE)
    process._started = True
    eventually(process._polls, within_s=20)
    process.heartbeat.beat()
    beating = store.workers.find_one({"_id": process.id}) or {}
    store.workers.insert_one(beating | {"_id": "another", "queues": ["bulk"]})
    lines = [("north", f"part:{n}") for n in range(100)]

    shares = [[line for line in lines if mine(line)] for mine in of_all_threads(process)]

    assert sorted(line for share in shares for line in share) == sorted(lines)


def of_all_threads(*processes: WorkerProcess) -> list[Any]:
    return [process.poller._mine("interactive", n) for process in processes for n in range(2)]
