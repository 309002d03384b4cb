"""A dead worker's commands are freed, and only what kills alone is given up."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson.binary import Binary
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters.broker.hints import HintBroker
from adapters.commands.unit_of_work import TRY_FOR
from adapters.mongo.client import Document
from adapters.mongo.server_time import Primary
from adapters.process.metrics import Metrics
from tests.workers.lines import command, heard, insert, line, long_ago, server_now, stored
from workers.duties.reaper import GONE, GRACE, Hearing, Reaper

NO_TIME = timedelta()


@pytest.fixture
def reaper(mongo_client: MongoClient[Any], db: Database[Any], broker: HintBroker) -> Reaper:
    """One that has paid attention for long."""
    return Reaper(mongo_client, db.name, broker, Metrics(), grace=NO_TIME)


def worker(db: Database[Any], *batches: list[Document], silent: timedelta = GONE * 2) -> str:
    """A worker last heard so long ago, and the batches that it had announced."""
    id = f"w{uuid4().hex[:8]}"
    db["workers"].insert_one({"_id": id, "heartbeat_at": server_now(db) - silent})
    for slot, commands in enumerate(batches):
        session = Binary.from_uuid(uuid4())
        ids = [each["_id"] for each in commands]
        db["batches"].insert_one({"_id": f"{id}:{slot}", "worker": id, "session": session, "ids": ids})
    return id


def killed(mongo_uri: str, worker: str, *commands: Document) -> None:
    """That worker's batch, written and never committed: its process has died of SIGKILL."""
    ids = [each["_id"] for each in commands]
    script = [sys.executable, "-m", "tests.workers.duties.doomed", mongo_uri, worker, *ids]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "written\n"
        doomed.kill()


def is_free(db: Database[Any], document: Document) -> bool:
    """Without waiting for whoever may hold it."""
    try:
        with db.client.start_session() as session, session.start_transaction():
            touch = {"$set": {"touched": True}}
            db["commands"].update_one({"_id": document["_id"]}, touch, session=session)
    except OperationFailure:
        return False
    return True


def test_a_killed_workers_open_transaction_frees_its_documents_at_once(
    reaper: Reaper, mongo_uri: str, db: Database[Any]
) -> None:
    [held] = insert(db, [command(long_ago(db))])
    id = worker(db)
    killed(mongo_uri, id, held)
    assert not is_free(db, held)

    assert reaper.tick() == [id]

    assert is_free(db, held)
    assert stored(db, held)["state"] == "accepted"


def test_what_is_held_for_longer_than_a_transaction_may_take_is_freed_before_anybody_is_judged(
    mongo_uri: str, mongo_client: MongoClient[Any], db: Database[Any], broker: HintBroker
) -> None:
    [held] = insert(db, [command(long_ago(db))])
    id = worker(db, silent=NO_TIME)
    killed(mongo_uri, id, held)
    new = Reaper(mongo_client, db.name, broker, Metrics())

    assert new.tick() == []
    assert not is_free(db, held), "a living one may be at it"

    db["batches"].update_one({"worker": id}, {"$set": {"started_at": server_now(db) - TRY_FOR}})
    assert new.tick() == []
    assert is_free(db, held)
    assert "suspect" not in stored(db, held)


def test_a_first_loss_in_company_makes_suspects_and_counts_nothing(
    reaper: Reaper, db: Database[Any], redis_url: str
) -> None:
    batch = insert(db, [command(long_ago(db)) for _ in range(3)])
    id = worker(db, batch)

    assert reaper.tick() == [id]

    for each in batch:
        found = stored(db, each)
        assert (found["state"], found["suspect"], found.get("losses")) == ("accepted", True, None)
    assert heard(redis_url) == [line(each) for each in batch]
    assert db["workers"].count_documents({}) == db["batches"].count_documents({}) == 0


def test_three_losses_alone_make_a_command_dead_and_its_63_neighbours_live(
    reaper: Reaper, db: Database[Any]
) -> None:
    batch = insert(db, [command(long_ago(db)) for _ in range(64)])
    poison, innocents = batch[0], batch[1:]
    worker(db, batch)
    reaper.tick()

    states = []
    for _ in range(3):
        worker(db, [poison])
        reaper.tick()
        states.append(stored(db, poison)["state"])

    assert states == ["accepted", "accepted", "dead"]
    assert {stored(db, each)["state"] for each in innocents} == {"accepted"}


def test_three_deaths_under_a_whole_batch_kill_none_of_it(reaper: Reaper, db: Database[Any]) -> None:
    batch = insert(db, [command(long_ago(db)) for _ in range(64)])

    for _ in range(3):
        worker(db, batch)
        reaper.tick()

    assert {stored(db, each)["state"] for each in batch} == {"accepted"}


def test_a_death_is_a_verdict_like_any_other(reaper: Reaper, db: Database[Any], redis_url: str) -> None:
    [poison] = insert(db, [command(long_ago(db), target="part:p1", losses=2, suspect=True)])
    [next_in_line] = insert(db, [command(long_ago(db), target="part:p1")])
    [waiting] = insert(db, [command(long_ago(db), next_at=None, after=[poison["_id"]])])
    db["parts"].insert_one({"_id": "t1/p1", "tenant_id": "t1", "version": 7})
    worker(db, [poison])

    reaper.tick()

    dead = stored(db, poison)
    assert dead["error"]["code"] == "worker_lost"
    assert dead["history"][-1]["state"] == "dead"
    assert dead["finished_at"] == dead["history"][-1]["at"]
    assert dead["died_at_version"] == 7
    assert dead["losses"] == 3
    assert not {"active", "next_at", "hint_at", "purge_at"} & dead.keys()
    event = db["events"].find_one({"command_id": poison["_id"]})
    assert event is not None
    assert (event["type"], event["data"]["code"]) == ("command.dead", "worker_lost")
    assert (
        reaper.metrics.registry.get_sample_value(
            "commands_final_total", {"type": "part.adjust", "state": "dead"}
        )
        == 1
    )
    assert stored(db, waiting)["after"] == [poison["_id"]], "dead releases nobody"
    assert line(next_in_line) in heard(redis_url), "its line moves on"


def test_a_death_in_a_devices_lane_blocks_it(reaper: Reaper, db: Database[Any]) -> None:
    origin = {"via": "offline", "user_id": "u1", "outbox": "u1/d1", "lane_seq": 1}
    started: Document = {"type": "work_order.start", "target": "work_order:w1", "origin": origin}
    [poison] = insert(db, [command(long_ago(db), losses=2, suspect=True, **started)])
    worker(db, [poison])

    reaper.tick()

    assert (stored(db, poison)["state"], stored(db, poison)["blocks"]) == ("dead", "u1/d1")


def test_what_was_settled_before_the_worker_died_is_left_alone(reaper: Reaper, db: Database[Any]) -> None:
    [done] = insert(db, [command(long_ago(db), state="applied", active=None, next_at=None, hint_at=None)])
    before = stored(db, done)
    worker(db, [done])

    reaper.tick()

    assert stored(db, done) == before


def test_a_worker_that_beats_loses_nothing(reaper: Reaper, db: Database[Any]) -> None:
    batch = insert(db, [command(long_ago(db))])
    worker(db, batch, silent=GONE - timedelta(seconds=3))

    assert reaper.tick() == []
    assert "losses" not in stored(db, batch[0])


def test_a_worker_that_speaks_up_while_it_is_judged_is_spared(
    reaper: Reaper, db: Database[Any], mongo_client: MongoClient[Any]
) -> None:
    batch = insert(db, [command(long_ago(db))])
    id = worker(db, batch)
    with mongo_client.start_session() as session, session.start_transaction():
        # Its heartbeat is on the way: whoever judges now meets it as a conflict.
        beat = {"$set": {"heartbeat_at": server_now(db)}}
        db["workers"].update_one({"_id": id}, beat, session=session)
        assert reaper.tick() == []

    assert reaper.tick() == []
    assert "losses" not in stored(db, batch[0])


def test_a_new_reaper_first_waits_for_everyone_to_speak_up(
    mongo_client: MongoClient[Any], db: Database[Any], broker: HintBroker
) -> None:
    worker(db)

    assert Reaper(mongo_client, db.name, broker, Metrics()).tick() == []


def told(second: int, *, term: str = "first") -> Primary:
    now = datetime(2026, 3, 29, 1, tzinfo=UTC) + timedelta(seconds=second)
    return Primary(now, term, now)


def attentive() -> Hearing:
    """At second 10 it may judge."""
    attention = Hearing()
    assert [attention.may_judge(told(second)) for second in (0, 5, 9, 10)] == [False, False, False, True]
    return attention


def test_after_an_election_nobody_is_judged_for_a_grace() -> None:
    attention = attentive()

    judged = [attention.may_judge(told(second, term="second")) for second in (12, 17, 21, 22)]

    assert judged == [False, False, False, True]
    assert timedelta(seconds=10) == GRACE


def test_after_an_outage_or_a_pause_nobody_is_judged_for_a_grace() -> None:
    failed, paused = attentive(), attentive()

    failed.lapse()

    assert [failed.may_judge(told(second)) for second in (12, 17, 22)] == [False, False, True]
    assert [paused.may_judge(told(second)) for second in (12, 30, 35, 40)] == [True, False, False, True]


def test_a_worker_last_heard_by_a_clock_that_was_set_back_since_is_judged(
    reaper: Reaper, db: Database[Any]
) -> None:
    batch = insert(db, [command(long_ago(db))])
    dead = worker(db, batch, silent=timedelta(hours=-1))
    worker(db, silent=NO_TIME)

    assert reaper.tick() == [dead]


def test_after_the_clock_was_set_back_everybody_has_time_to_be_heard() -> None:
    hearing = Hearing()
    began = datetime(2026, 12, 1, tzinfo=UTC)
    for at in (began, began + GRACE / 2, began + GRACE):
        hearing.may_judge(Primary(at, "one", at))
    back = began - timedelta(hours=1)

    judged = [hearing.may_judge(Primary(back + span, "one", began)) for span in (NO_TIME, GRACE / 2, GRACE)]

    assert judged == [False, False, True]
