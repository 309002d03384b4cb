"""Sentences 14 to 16: killed workers, poison, bugs and stuck batches, with real processes where need be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import HintBroker
from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from tests.support import seeds
from tests.support.drains import Drains
from tests.support.patience import eventually
from tests.support.processes import TRIAL_WORKER, Processes, processes
from tests.support.seeds import Seeds
from tests.support.trial import trial_catalogue
from workers.drain.fate import BUG_ATTEMPTS, BUG_DELAYS
from workers.duties.reaper import Reaper
from workers.process.heartbeat import BATCH_LIMIT

SOON_S = 15.0
GONE = timedelta(seconds=3)


@pytest.fixture
def client(mongo_uri: str) -> Iterator[MongoClient[Any]]:
    with mongo.client(mongo_uri) as made:
        yield made


@pytest.fixture
def db(client: MongoClient[Any], database_name: str) -> Iterator[Database[Any]]:
    """A database of its own: a reaper judges every worker it finds."""
    made = client[database_name]
    indexes.create(made)
    made.users.insert_one(seeds.user("t"))
    yield made
    # What killed workers left open, be it for reading, would hold up the end of the database.
    client.admin.command("killAllSessions", [])


@pytest.fixture
def own(db: Database[Any]) -> Seeds:
    return Seeds(db, trial_catalogue(), "t")


@pytest.fixture
def broker(redis_url: str) -> Iterator[HintBroker]:
    made = hints.broker(redis_url)
    yield made
    made.close()


@pytest.fixture
def crew(db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    with processes(db, mongo_uri, redis_url, tmp_path) as made:
        yield made


def attentive(client: MongoClient[Any], db: Database[Any], broker: HintBroker, *, gone: timedelta) -> Reaper:
    """A reaper that has looked long enough, and takes whoever is silent for so long for dead."""
    made = Reaper(client, db.name, broker, Metrics(), gone=gone, grace=timedelta())
    made.tick()
    return made


@pytest.fixture
def judge(client: MongoClient[Any], db: Database[Any], broker: HintBroker) -> Reaper:
    return attentive(client, db, broker, gone=GONE)


def find_dead(judge: Reaper) -> list[str]:
    return eventually(judge.tick, within_s=SOON_S, what="a worker is found dead")


# -- 14: the transaction a killed worker leaves behind ------------------------------------------------------


def test_a_killed_workers_transaction_is_ended_by_the_reaper_not_by_its_age(
    own: Seeds, crew: Processes, judge: Reaper, broker: HintBroker, client: MongoClient[Any], tmp_path: Path
) -> None:
    part_id = own.part()
    command = own.accept("part.append", part_id=part_id, text="x")
    doomed = crew.worker(*TRIAL_WORKER, f"hold-commits={tmp_path}")
    hints.send(broker, "interactive", [own.line(part_id)])
    eventually((tmp_path / "wrote").exists, within_s=SOON_S)
    doomed.kill()
    killed_at = SystemClock().monotonic()
    drains = Drains(client, own.db.name, trial_catalogue())
    assert drains.drain(own.line(part_id)).verdicts == [], "its open transaction blocks the line"

    find_dead(judge)
    drains.drain(own.line(part_id))

    assert SystemClock().monotonic() - killed_at < 9, "the server's own limit is ten seconds"
    assert own.state(command) == "applied"
    assert own.name(part_id) == "x"


# -- 15: what counts as a loss ------------------------------------------------------------------------------


def test_a_worker_that_beats_has_lost_nothing_however_long_its_batch(
    own: Seeds, crew: Processes, judge: Reaper, broker: HintBroker, tmp_path: Path
) -> None:
    part_id = own.part()
    command = own.accept("part.gate", part_id=part_id, path=str(tmp_path))
    crew.worker(*TRIAL_WORKER)
    hints.send(broker, "interactive", [own.line(part_id)])
    eventually((tmp_path / f"entered-{command['_id']}").exists, within_s=SOON_S)
    [entered] = own.db.workers.find()

    def has_beaten() -> bool:
        assert judge.tick() == []
        [worker] = own.db.workers.find()
        return bool(worker["heartbeat_at"] - entered["heartbeat_at"] > GONE)

    eventually(has_beaten, within_s=SOON_S)
    assert "suspect" not in own.found(command)
    (tmp_path / "open").touch()
    eventually(lambda: own.state(command) == "applied", within_s=SOON_S)


def test_poison_dies_alone_and_63_innocents_are_applied(
    own: Seeds, crew: Processes, client: MongoClient[Any], broker: HintBroker
) -> None:
    judge = attentive(client, own.db, broker, gone=timedelta(milliseconds=500))  # none lives when it judges
    parts = sorted(own.parts(64))
    poison = own.accept("part.poison", part_id=parts[40])
    innocents = [
        own.accept("part.append", part_id=part_id, text="x") for part_id in parts if part_id != parts[40]
    ]
    lines = [own.line(part_id) for part_id in parts]
    losses: list[int] = []

    while own.state(poison) != "dead":
        assert len(losses) < 5
        worker = crew.start(*TRIAL_WORKER)
        hints.send(broker, "interactive", lines)
        worker.child.wait(SOON_S)
        find_dead(judge)
        losses.append(own.found(poison).get("losses", 0))
    crew.worker(*TRIAL_WORKER)
    hints.send(broker, "interactive", lines)
    eventually(lambda: all(own.state(command) == "applied" for command in innocents), within_s=SOON_S)

    assert losses == [0, 1, 2, 3], "the first death was in company and counts for nobody"
    assert own.found(poison)["error"]["code"] == "worker_lost"
    assert {own.name(command["target"].removeprefix("part:")) for command in innocents} == {"x"}
    assert not [command for command in innocents if own.found(command).get("losses")]


def test_a_suspect_that_is_to_be_tried_again_is_not_blamed_for_the_next_ones_death(
    own: Seeds, judge: Reaper, client: MongoClient[Any]
) -> None:
    part_id = own.part()
    suspect = own.accept("part.fail", part_id=part_id, how="bug")
    own.db.commands.update_one({"_id": suspect["_id"]}, {"$set": {"suspect": True}})
    drains = Drains(client, own.db.name, trial_catalogue())
    uow = UnitOfWork(client, own.db.name, trial_catalogue(), worker="doomed", slot=0)

    drains.executor(uow=uow).drain([own.line(part_id)])
    # Now another slot's suspect runs, and ends the process.
    own.db.workers.insert_one({"_id": "doomed", "heartbeat_at": drains.clock.now() - 2 * GONE})

    assert judge.tick() == ["doomed"]
    assert own.state(suspect) == "retrying"
    assert "losses" not in own.found(suspect)


# -- 16: attempts, and batches that are stuck ---------------------------------------------------------------


def test_a_bug_has_three_attempts_within_15_seconds_and_then_its_line_moves_on(
    seed: Seeds, drains: Drains
) -> None:
    assert BUG_ATTEMPTS == 3
    assert sum(BUG_DELAYS, timedelta()) < timedelta(seconds=15)
    part_id = seed.part()
    bug = seed.accept("part.fail", part_id=part_id, how="bug")
    behind = seed.accept("part.append", part_id=part_id, text="x")
    seen = []

    for _ in range(BUG_ATTEMPTS):
        drains.until_dry([seed.line(part_id)])
        seen.append((seed.state(bug), seed.found(bug)["attempts"], seed.state(behind)))
        drains.until_dry([seed.line(part_id)])  # not due yet: nothing happens
        drains.clock.push(max(BUG_DELAYS))

    assert seen == [("retrying", 1, "accepted"), ("retrying", 2, "accepted"), ("dead", 3, "applied")]
    assert seed.name(part_id) == "x"


def test_a_stuck_batch_ends_its_process_and_its_heartbeat(
    own: Seeds, crew: Processes, broker: HintBroker, tmp_path: Path
) -> None:
    assert timedelta(seconds=20) == BATCH_LIMIT
    part_id = own.part()
    own.accept("part.gate", part_id=part_id, path=str(tmp_path))
    worker = crew.worker(*TRIAL_WORKER, "batch-limit=0.5")

    hints.send(broker, "interactive", [own.line(part_id)])

    assert worker.child.wait(SOON_S) == 70
    assert own.db.workers.count_documents({}) == 1, "it did not sign off: its losses are looked for"
