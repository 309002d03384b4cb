"""Sentences 17 and 18, end to end: what nobody hinted, what waits, and how much may be outstanding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from adapters.broker import hints
from adapters.broker.hints import HintBroker
from adapters.commands.document import AT_ONCE
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.mongo.client import Document
from adapters.mongo.server_time import server_time
from tests.support import seeds
from tests.support.failing import CLIENT, FailingMongo
from tests.support.patience import eventually
from tests.support.processes import TRIAL_WORKER, Processes, processes
from tests.support.seeds import Seeds, new_id
from tests.support.trial import trial_catalogue
from workers.duties.relay import Relay

SOON_S = 20.0
_serial = count(1)


@pytest.fixture
def db(mongo_uri: str, database_name: str) -> Iterator[Database[Any]]:
    """A database of its own: a relay serves all that is due."""
    with mongo.client(mongo_uri) as client:
        indexes.create(client[database_name])
        client[database_name].users.insert_many(seeds.user(tenant) for tenant in ("small", "big"))
        yield client[database_name]


@pytest.fixture
def broker(redis_url: str) -> Iterator[HintBroker]:
    made = hints.broker(redis_url)
    yield made
    made.close()


@pytest.fixture
def crew(db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    with processes(db, mongo_uri, redis_url, tmp_path) as made:
        yield made


def relay_of(db: Database[Any], broker: HintBroker, **bounds: Any) -> Relay:
    return Relay(db, broker, has_lost_hints=lambda: False, catalogue=trial_catalogue(), **bounds)


def accepted_long_ago(seed: Seeds, type: str, /, **payload: Any) -> Document:
    """So long that whoever inserted it is no longer trusted to have hinted it."""
    command = seed.document(type, payload)
    command["seq"] = Timestamp(1, next(_serial))
    seed.db.commands.insert_one(command)
    return command


def hinted(db: Database[Any]) -> int:
    return db.commands.count_documents({"hint_at": {"$gt": AT_ONCE}})


def at_once(db: Database[Any]) -> Database[Any]:
    """What the relay has marked is seen by a majority only with the next beat of the journal."""
    return db.with_options(read_concern=ReadConcern("local"))


def test_what_nobody_hinted_is_applied_and_what_waits_is_woken_by_its_predecessor(
    db: Database[Any], broker: HintBroker, crew: Processes, redis_url: str
) -> None:
    seed = Seeds(db, trial_catalogue(), "small")
    absent, part_id = new_id(), seed.part()
    plain = accepted_long_ago(seed, "part.append", part_id=part_id, text="a")
    waiter = accepted_long_ago(seed, "part.append_behind", part_id=part_id, other_id=absent)
    seed.db.commands.update_one({"_id": waiter["_id"]}, {"$set": {"after": ["x"]}, "$unset": {"next_at": ""}})
    parked = accepted_long_ago(seed, "part.append", part_id=seed.part(), text="p")
    seed.db.commands.update_one(
        {"_id": parked["_id"]}, {"$set": {"state": "parked"}, "$unset": {"next_at": ""}}
    )
    create = accepted_long_ago(seed, "part.make", id=absent)
    seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"awaited": [waiter["_id"]]}})
    seed.db.commands.update_one({"_id": waiter["_id"]}, {"$set": {"after": [create["_id"]]}})
    crew.worker(*TRIAL_WORKER)
    with redis.Redis.from_url(redis_url) as valkey:
        valkey.flushdb()

    relay_of(db, broker).tick()

    eventually(lambda: seed.state(plain) == seed.state(create) == "applied", within_s=SOON_S)
    eventually(lambda: seed.state(waiter) == "applied", within_s=SOON_S, what="woken without another tick")
    assert seed.name(part_id) == "ab"
    assert seed.state(parked) == "parked"
    assert seed.found(parked)["hint_at"] == AT_ONCE, "the relay never looked at it"


def test_next_at_decides_who_is_due_and_the_relay_moves_only_its_own_field(
    db: Database[Any], broker: HintBroker
) -> None:
    seed = Seeds(at_once(db), trial_catalogue(), "small")
    due, later = (accepted_long_ago(seed, "part.append", part_id=seed.part(), text="x") for _ in range(2))
    now = server_time(db)
    db.commands.update_one({"_id": later["_id"]}, {"$set": {"next_at": now.replace(year=now.year + 1)}})
    before = [seed.found(command) for command in (due, later)]

    relay_of(db, broker).tick()

    after = [seed.found(command) for command in (due, later)]
    assert after[1] == before[1]
    assert after[0]["hint_at"] > before[0]["hint_at"]
    assert {**after[0], "hint_at": AT_ONCE} == before[0]


def test_outstanding_hints_are_capped_and_a_deep_backlog_starves_nobody(
    db: Database[Any], broker: HintBroker
) -> None:
    seen = at_once(db)
    big, small = (Seeds(seen, trial_catalogue(), tenant) for tenant in ("big", "small"))
    backlog = [big.document("part.append", {"part_id": id, "text": "x"}) for id in big.parts(300)]
    few = [small.document("part.append", {"part_id": id, "text": "x"}) for id in small.parts(3)]
    for command in (*backlog, *few):
        command["seq"] = Timestamp(1, 1)  # accepted long ago
    db.commands.insert_many([*backlog, *few])
    relay = relay_of(db, broker, cap=40, page=10)

    for _ in range(5):
        relay.tick()
        assert hinted(seen) <= 40

    assert hinted(seen) == 40
    assert all(small.found(command)["hint_at"] > AT_ONCE for command in few), "round-robin over tenants"
    # Verdicts make room again.
    db.commands.update_many(
        {"hint_at": {"$gt": AT_ONCE}}, {"$unset": {"active": "", "next_at": "", "hint_at": ""}}
    )
    relay.tick()
    assert hinted(seen) == 40


def test_on_a_busy_machine_a_write_that_takes_long_is_no_failed_tick(
    faulty: FailingMongo, faulty_tenant: str, broker: HintBroker
) -> None:
    seed = Seeds(faulty.admin["faulty"], trial_catalogue(), faulty_tenant)
    seed.db.commands.delete_many({})  # other tests have left some
    accepted_long_ago(seed, "part.receive", part_id=seed.part(), quantity=1)

    with mongo.client(faulty.uri, appname=CLIENT) as client:
        relay = relay_of(client["faulty"], broker)
        with faulty.failing("update", times=2, blockConnection=True, blockTimeMS=700):
            assert relay.tick() == 1
