"""What an election answers to whoever finds and modifies just then: an outage, and nobody is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from adapters.commands import unit_of_work
from adapters.mongo import client as mongo
from adapters.mongo.client import Unavailable
from adapters.process.clock import SystemClock
from locks.lease import Leases, Unreachable
from tests.support.drains import Drains
from tests.support.failing import CLIENT, FailingMongo
from tests.support.seeds import Seeds, new_id
from tests.support.trial import trial_catalogue
from workers.process import heartbeat as presences
from workers.process.heartbeat import Heartbeat, ServerClock

BRIEF = timedelta(seconds=0.5)
ELECTION: dict[str, Any] = {
    # A real one's code would have the driver look for another primary, of whom nobody tells it here.
    "writeConcernError": {"code": 262, "errmsg": "operation was interrupted"},
    "errorLabels": ["RetryableWriteError"],
}


@pytest.fixture
def client(faulty: FailingMongo) -> Iterator[MongoClient[Any]]:
    with mongo.client(faulty.uri, appname=CLIENT) as made:
        yield made


def test_a_command_that_needs_a_number_in_an_election_has_failed_no_attempt(
    faulty: FailingMongo, faulty_tenant: str, client: MongoClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "TRY_FOR", BRIEF)
    seed = Seeds(faulty.admin["faulty"], trial_catalogue(), faulty_tenant)
    drains = Drains(client, "faulty", trial_catalogue())
    order = seed.accept("work_order.create", title="Leak", type="corrective", priority="low")

    with faulty.failing("findAndModify", **ELECTION):
        drained = drains.drain((seed.tenant_id, order["target"]))

    assert isinstance(drained.failure, Unavailable)
    assert (seed.state(order), seed.found(order)["attempts"]) == ("accepted", 0)
    with faulty.failing("findAndModify", times=1, **ELECTION):
        drains.drain((seed.tenant_id, order["target"]))
    assert seed.state(order) == "applied"


def test_a_command_whose_transaction_somebody_has_ended_has_failed_no_attempt(
    faulty: FailingMongo, faulty_tenant: str, client: MongoClient[Any]
) -> None:
    seed = Seeds(faulty.admin["faulty"], trial_catalogue(), faulty_tenant)
    drains = Drains(client, "faulty", trial_catalogue())
    part_id = seed.part()
    command = seed.accept("part.append", part_id=part_id, text="a")

    with faulty.failing("update", times=1, errorCode=mongo.INTERRUPTED):
        drains.drain(seed.line(part_id))

    stored = seed.found(command)
    assert [entry["state"] for entry in stored["history"]] == ["applied"]
    assert stored["attempts"] == 1


def test_a_candidate_and_a_worker_survive_an_election(
    faulty: FailingMongo, client: MongoClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "ANSWER_WITHIN", BRIEF)
    clock = SystemClock()
    leases = Leases(
        client["faulty"]["leases"], monotonic=clock.monotonic, new_owner=new_id, answer_within=BRIEF
    )
    presence = Heartbeat(
        client["faulty"],
        {"_id": new_id()},
        clock=ServerClock(clock.monotonic),
        oldest_batch_age=lambda: 0,
        pace=lambda: None,
        end_process=lambda _code: None,
    )

    with faulty.failing("findAndModify", **ELECTION):
        with pytest.raises(Unreachable):
            leases.acquire("door", ttl=timedelta(seconds=60))
        with pytest.raises(Unavailable):
            presence.beat()

    assert leases.acquire("window", ttl=timedelta(seconds=60))
    presence.beat()
    assert presence.is_heard()
