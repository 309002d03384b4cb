"""The relay hints whatever is due and forgotten, fairly, and no more than can be worked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from bson.timestamp import Timestamp
from pymongo import monitoring
from pymongo.database import Database
from pymongo.monitoring import CommandStartedEvent

from adapters.broker import hints
from adapters.broker.epoch import Epoch
from adapters.broker.hints import HintBroker, Unheard
from adapters.broker.waiting import MOST_WAITING
from adapters.commands.document import AT_ONCE
from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.mongo.client import Document
from adapters.mongo.server_time import Primary, read_primary
from cli.embedded import servers as embedded
from tasks.queues import QUEUES
from tests.servers import Servers
from tests.support.patience import eventually
from tests.support.wire import Wire
from tests.workers.lines import command, heard, insert, line, long_ago, server_now, stored
from workers.duties.hint_marks import PUT_OFF, REHINT
from workers.duties.relay import Relay


def nothing_lost() -> bool:
    return False


def epoch(broker: HintBroker) -> Callable[[], bool]:
    return Epoch(broker.client, new=lambda: str(uuid4())).has_changed


@pytest.fixture
def db(mongo_uri: str, database: Database[Any]) -> Iterator[Database[Any]]:
    """Through the house's own client: the relay must not wait for the majority that is its default."""
    indexes.create(database)
    with mongo.client(mongo_uri) as client:
        yield client[database.name]


@pytest.fixture
def relay(db: Database[Any], broker: HintBroker) -> Relay:
    return Relay(db, broker, has_lost_hints=nothing_lost)


def test_a_due_command_that_nobody_hinted_is_hinted_once(
    relay: Relay, db: Database[Any], redis_url: str
) -> None:
    [due] = insert(db, [command(long_ago(db))])

    assert relay.tick() == 1
    assert relay.tick() == 0
    assert heard(redis_url) == [line(due)]
    assert stored(db, due)["hint_at"] - server_now(db) > REHINT - timedelta(seconds=2)


def test_the_accepters_own_hint_is_trusted_for_a_moment(relay: Relay, db: Database[Any]) -> None:
    insert(db, [command(Timestamp(0, 0))])

    assert relay.tick() == 0
    assert eventually(relay.tick, within_s=5) == 1


def test_a_hint_without_a_verdict_is_repeated(relay: Relay, db: Database[Any], redis_url: str) -> None:
    passed, waiting = server_now(db) - timedelta(seconds=1), server_now(db) + timedelta(seconds=5)
    [lost, _] = insert(db, [command(long_ago(db), hint_at=passed), command(long_ago(db), hint_at=waiting)])

    assert relay.tick() == 1
    assert heard(redis_url) == [line(lost)]


def test_what_waits_for_others_or_is_parked_or_final_is_never_hinted(
    relay: Relay, db: Database[Any], redis_url: str
) -> None:
    insert(
        db,
        [
            command(long_ago(db), next_at=None, after=["c1"]),
            command(long_ago(db), next_at=None, state="parked"),
            command(long_ago(db), state="parked"),
            command(long_ago(db), next_at=None, hint_at=None, active=None, state="applied"),
        ],
    )

    assert relay.tick() == 0
    assert heard(redis_url) == []


def test_a_retry_is_hinted_when_its_time_has_come(relay: Relay, db: Database[Any]) -> None:
    soon = server_now(db) + timedelta(milliseconds=300)
    insert(db, [command(long_ago(db), state="retrying", next_at=soon, hint_at=soon)])

    assert relay.tick() == 0
    assert eventually(relay.tick, within_s=5) == 1


def test_no_more_is_hinted_than_the_cap_until_verdicts_make_room(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=10, page=4)
    made = insert(db, [command(long_ago(db)) for _ in range(30)])

    assert relay.tick() == 10
    assert relay.tick() == 0
    hinted = heard(redis_url)
    assert hinted == [line(each) for each in made[:10]]

    settle(db, made[:7])
    assert relay.tick() == 7
    assert heard(redis_url) == [line(each) for each in made[10:17]]


def settle(db: Database[Any], documents: list[Document]) -> None:
    gone = {"$set": {"state": "applied"}, "$unset": {"active": "", "next_at": "", "hint_at": ""}}
    db.commands.update_many({"_id": {"$in": [each["_id"] for each in documents]}}, gone)


def test_a_retry_that_is_not_due_takes_no_room(db: Database[Any], broker: HintBroker) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=2)
    soon = server_now(db) + timedelta(seconds=8)
    insert(db, [command(long_ago(db), state="retrying", next_at=soon, hint_at=soon) for _ in range(5)])
    insert(db, [command(long_ago(db)) for _ in range(2)])

    assert relay.tick() == 2


def test_a_tenants_deep_backlog_keeps_nobody_waiting(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=60, page=20)
    insert(db, [command(long_ago(db), tenant="b-many") for _ in range(3000)])
    insert(db, [command(long_ago(db), tenant=tenant) for tenant in ("a", "c", "d") for _ in range(5)])

    relay.tick()

    assert Counter(tenant for tenant, _ in heard(redis_url)) == {"a": 5, "b-many": 45, "c": 5, "d": 5}


def test_the_round_goes_on_where_it_stopped(db: Database[Any], broker: HintBroker, redis_url: str) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=4)
    made = insert(db, [command(long_ago(db), tenant=f"t{n % 3}") for n in range(30)])
    served: list[str] = []
    for _ in range(3):
        relay.tick()
        hinted = heard(redis_url)
        served += {tenant for tenant, _ in hinted}
        settle(db, [each for each in made if line(each) in hinted])

    assert served == ["t0", "t1", "t2"]


def test_within_a_tenant_what_comes_back_is_not_kept_behind_what_never_was_hinted(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=3)
    insert(db, [command(long_ago(db)) for _ in range(10)])
    passed = server_now(db) - timedelta(seconds=1)
    [back] = insert(db, [command(long_ago(db), hint_at=passed)])

    relay.tick()

    assert line(back) in heard(redis_url)


def test_queues_do_not_share_their_caps(db: Database[Any], broker: HintBroker, redis_url: str) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=2)
    insert(db, [command(long_ago(db), queue="bulk") for _ in range(5)])
    [quick] = insert(db, [command(long_ago(db))])

    relay.tick()

    assert heard(redis_url) == [line(quick)]
    assert len(heard(redis_url, "bulk")) == 2


@pytest.fixture
def wire(redis_url: str) -> Iterator[Wire]:
    client = redis.Redis.from_url(redis_url)
    told = client.connection_pool.connection_kwargs
    client.close()
    with Wire(told["host"], told["port"]) as made:
        yield made


@pytest.fixture
def far_broker(wire: Wire, redis_url: str) -> Iterator[HintBroker]:
    made = hints.broker(f"redis://127.0.0.1:{wire.port}/{redis_url.rpartition('/')[2]}")
    yield made
    made.close()


def test_while_valkey_is_away_nothing_is_marked_and_on_its_return_all_is_hinted_at_once(
    db: Database[Any], far_broker: HintBroker, wire: Wire, redis_url: str
) -> None:
    relay = Relay(db, far_broker, has_lost_hints=epoch(far_broker))
    relay.tick()
    made = insert(db, [command(long_ago(db)) for _ in range(5)])

    wire.silent.set()
    with pytest.raises(Unheard):
        relay.tick()
    assert {stored(db, each)["hint_at"] for each in made} == {AT_ONCE}

    wire.silent.clear()
    assert relay.tick() == 5
    assert len(heard(redis_url)) == 5


def test_hints_that_could_not_be_sent_are_not_held_to_be_sent(
    db: Database[Any], far_broker: HintBroker, wire: Wire
) -> None:
    relay = Relay(db, far_broker, has_lost_hints=nothing_lost)
    [due] = insert(db, [command(long_ago(db))])

    wire.silent.set()
    with pytest.raises(Unheard):
        relay.tick()

    assert stored(db, due)["hint_at"] == AT_ONCE
    wire.silent.clear()
    assert relay.tick() == 1


def test_an_emptied_valkey_makes_every_hint_due_again_under_the_cap(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=epoch(broker), cap=6)
    insert(db, [command(long_ago(db)) for _ in range(10)])
    later = server_now(db) + timedelta(seconds=8)
    insert(db, [command(long_ago(db), state="retrying", next_at=later, hint_at=later)])
    assert relay.tick() == 6
    assert relay.tick() == 0

    broker.client.flushdb()

    assert relay.tick() == 6
    assert relay.tick() == 0
    assert len(heard(redis_url)) == 6


def test_a_new_leader_does_not_take_an_intact_valkey_for_an_emptied_one(
    db: Database[Any], broker: HintBroker
) -> None:
    insert(db, [command(long_ago(db))])
    assert Relay(db, broker, has_lost_hints=epoch(broker)).tick() == 1

    assert Relay(db, broker, has_lost_hints=epoch(broker)).tick() == 0


@contextmanager
def held(db: Database[Any], documents: Sequence[Document]) -> Iterator[None]:
    """Somebody's transaction has written these, and neither commits nor ends."""
    with db.client.start_session() as session, session.start_transaction():
        ids = [each["_id"] for each in documents]
        db.commands.update_many({"_id": {"$in": ids}}, {"$set": {"state": "applied"}}, session=session)
        yield
        session.abort_transaction()


def test_what_an_open_transaction_holds_keeps_nobody_else_of_its_page_waiting(
    relay: Relay, db: Database[Any], redis_url: str
) -> None:
    made = insert(db, [command(long_ago(db), tenant=f"t{n % 3}") for n in range(60)])
    stuck = [*made[3:12], made[30], made[59]]

    with held(db, stuck):
        assert relay.tick() == len(made) - len(stuck)
        assert set(heard(redis_url)) == {line(each) for each in made if each not in stuck}
        assert relay.tick() == 0

    assert relay.tick() == len(stuck)
    assert set(heard(redis_url)) == {line(each) for each in stuck}
    assert relay.tick() == 0


def test_pages_full_of_what_is_held_keep_nobody_behind_them_waiting(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=20, page=10)
    made = insert(db, [command(long_ago(db)) for _ in range(30)])
    others = insert(db, [command(long_ago(db), tenant="t2"), command(long_ago(db), queue="bulk")])

    with held(db, made[:25]):
        assert relay.tick() == 7
        assert relay.tick() == 0

    assert set(heard(redis_url)) == {line(each) for each in (*made[25:], others[0])}
    assert heard(redis_url, "bulk") == [line(others[1])]


def test_what_a_worker_died_of_is_tried_as_one_batch_and_not_command_by_command(
    mongo_uri: str, db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    made = insert(db, [command(long_ago(db)) for _ in range(100)])
    batch, others = made[:80], made[80:]
    db["batches"].insert_one({"_id": "w1:0", "worker": "w1", "ids": [each["_id"] for each in batch]})
    sent = Sent()
    with mongo.client(mongo_uri, event_listeners=[sent]) as client:
        relay = Relay(client[db.name], broker, has_lost_hints=nothing_lost)
        with held(db, batch):
            assert relay.tick() == len(others)
            assert sent.updates == 4, "one that waits, then all at once, the others, the batch"
            assert relay.tick() == 0
            assert sent.updates == 4 + 2
        assert relay.tick() == len(batch)

    assert len(heard(redis_url)) == len(made)


def test_a_tick_examines_what_it_sends_and_not_what_waits(
    mongo_uri: str, db: Database[Any], broker: HintBroker
) -> None:
    later = server_now(db) + timedelta(hours=1)
    ago = long_ago(db)
    insert(
        db,
        (
            command(ago, tenant=f"t{n % 50:02}", state="retrying", next_at=later, hint_at=later)
            for n in range(10_000)
        ),
    )
    insert(db, (command(ago, tenant=f"t{n % 50:02}", next_at=None, after=["c"]) for n in range(10_000)))
    due = insert(db, [command(ago, tenant="t20") for _ in range(100)])
    sent = Sent()
    with mongo.client(mongo_uri, event_listeners=[sent]) as client:
        watched = Relay(client[db.name], broker, has_lost_hints=nothing_lost)
        assert watched.tick() == len(due)

    db.commands.update_many({"_id": {"$in": [each["_id"] for each in due]}}, {"$set": {"hint_at": AT_ONCE}})
    examined = [_examined(db, query) for query in sent.reads]
    assert sent.updates == 1, "a page is marked by one write"
    assert (
        len(examined) == len(QUEUES) * 3 + 1
    )  # per queue a count, a page, after the full one another, and what was put off
    assert max(documents for documents, _ in examined) == len(due)
    assert max(keys for _, keys in examined) < len(due) + 4 * 50  # a few seeks for each tenant


class Sent(monitoring.CommandListener):
    """Remembers reads of `commands`, to have them explained, and counts what is written."""

    def __init__(self) -> None:
        self.reads: list[Document] = []
        self.updates = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.updates += event.command_name == "update"
        if event.command_name in ("find", "aggregate"):
            kept = (
                "find",
                "aggregate",
                "filter",
                "sort",
                "limit",
                "hint",
                "projection",
                "pipeline",
                "cursor",
            )
            self.reads.append({name: event.command[name] for name in event.command if name in kept})

    def succeeded(self, event: object) -> None:
        """Of no interest."""

    def failed(self, event: object) -> None:
        """Of no interest."""


def _examined(db: Database[Any], query: Document) -> tuple[int, int]:
    told = db.command({"explain": query, "verbosity": "executionStats"})
    stats = told.get("executionStats") or told["stages"][0]["$cursor"]["executionStats"]
    return stats["totalDocsExamined"], stats["totalKeysExamined"]


def test_what_a_newer_release_must_read_keeps_nothing_waiting_that_can_run(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=10, page=5)
    insert(db, [command(long_ago(db), type="part.of_tomorrow") for _ in range(40)])
    [lost] = insert(db, [command(long_ago(db))])

    assert relay.tick() == 1

    assert line(lost) in heard(redis_url)
    assert relay.tick() == 0, "and it is not hinted again and again"
    heard(redis_url)
    db.commands.update_many({"type": "part.of_tomorrow"}, [{"$set": {"hint_at": a_century(db)}}])
    relay.tick()
    assert len(heard(redis_url)) == 5, "a newer worker may be there by now"


def a_century(db: Database[Any]) -> datetime:
    return server_now(db) + PUT_OFF - timedelta(seconds=1)


def test_what_waits_behind_a_head_that_cannot_run_keeps_nothing_waiting_that_can(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost, cap=20, page=10)
    later = server_now(db) + timedelta(minutes=9)
    head = command(long_ago(db), target="part:hot", state="retrying", next_at=later, hint_at=later)
    insert(db, [head, *(command(long_ago(db), target="part:hot") for _ in range(60))])
    [lost] = insert(db, [command(long_ago(db))])

    assert relay.tick() == 1

    assert heard(redis_url) == [line(lost)]
    relay.tick()
    db.commands.update_many({"hint_at": {"$gt": later}}, [{"$set": {"hint_at": a_century(db)}}])
    settle(db, [head])
    eventually(relay.tick, within_s=5)
    assert heard(redis_url) == [line(head)]


def test_hints_and_pauses_of_a_clock_that_was_set_back_since_are_over(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    back = timedelta(hours=1)

    def primary(db: Database[Any]) -> Primary:
        real = read_primary(db)
        return Primary(real.now - back, real.election_term, real.now)

    relay = Relay(db, broker, has_lost_hints=nothing_lost, read_primary=primary)
    hinted = command(long_ago(db), hint_at=server_now(db) + REHINT)
    never = command(Timestamp(0, 0))
    insert(db, [hinted, never])

    assert relay.tick() == 2

    assert sorted(heard(redis_url)) == sorted([line(hinted), line(never)])


def test_a_retry_put_off_by_a_clock_that_was_set_back_since_is_tried_at_once(
    db: Database[Any], broker: HintBroker
) -> None:
    later = server_now(db) + timedelta(hours=1)
    insert(db, [command(long_ago(db), state="retrying", next_at=later, hint_at=later)])

    def primary(db: Database[Any]) -> Primary:
        real = read_primary(db)
        return Primary(real.now, real.election_term, real.now + timedelta(hours=1))

    assert (
        eventually(Relay(db, broker, has_lost_hints=nothing_lost, read_primary=primary).tick, within_s=5) == 1
    )


def test_however_long_nobody_fetches_no_more_hints_lie_there_than_target_queues_are_due(
    db: Database[Any], broker: HintBroker, redis_url: str
) -> None:
    relay = Relay(db, broker, has_lost_hints=nothing_lost)
    made = insert(db, [command(long_ago(db)) for _ in range(3)])
    for each in made * 5:
        hints.send(broker, "interactive", [line(each)])

    for _ in range(5):
        db.commands.update_many({}, {"$set": {"hint_at": AT_ONCE}})
        relay.tick()

    assert sorted(heard(redis_url)) == sorted(line(each) for each in made)
    hints.send(broker, "interactive", [line(made[0])])
    assert heard(redis_url) == [line(made[0])], "what was fetched is hinted again"


def test_there_is_a_most_of_hints_in_the_broker(broker: HintBroker) -> None:
    for n in range(MOST_WAITING):
        hints.send(broker, "bulk", [("t1", f"part:{n}")])

    with pytest.raises(Unheard):
        hints.send(broker, "bulk", [("t1", "part:one more")])
    hints.send(broker, "interactive", [("t1", "part:another class")])


def test_a_full_valkey_is_emptied_of_our_hints_and_hinted_anew(
    db: Database[Any], servers: Servers, tmp_path: Path
) -> None:
    with (
        embedded.running(tmp_path, mongo_uri=servers.mongo_uri) as own,
        redis.Redis.from_url(own.redis_url) as valkey,
    ):
        broker = hints.broker(own.redis_url)
        relay = Relay(db, broker, has_lost_hints=epoch(broker))
        [due] = insert(db, [command(long_ago(db))])
        assert relay.tick() == 1
        valkey.rpush("millwright:bulk", *(["x" * 10_000] * 200))
        valkey.set("not:ours", "kept")
        valkey.config_set("maxmemory", valkey.info("memory")["used_memory"] - 100_000)

        with pytest.raises(Unheard):
            relay.tick()

        assert eventually(relay.tick, within_s=5) == 1
        assert heard(own.redis_url) == [line(due)]
        assert valkey.get("not:ours") == b"kept"
        broker.close()
