"""The lease's conformance suite: whoever else implements leases must pass it too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from locks.fence import fenced, stamped
from locks.lease import Lease, Leases, Unreachable
from tests.locks.conftest import Hands
from tests.support.patience import InThread, eventually
from tests.support.wire import Wire

Pods = Callable[..., Leases]

LONG = timedelta(seconds=60)
BRIEF = timedelta(milliseconds=150)


def taken(leases: Leases, *, ttl: timedelta = LONG) -> Lease:
    lease = leases.acquire("door", ttl=ttl)
    assert lease is not None
    return lease


def taken_after_expiry(leases: Leases) -> Lease:
    def ask() -> Lease | None:
        return leases.acquire("door", ttl=LONG)

    lease = eventually(ask, within_s=5)
    assert lease is not None
    return lease


def test_of_twelve_racers_for_a_lease_that_never_was_exactly_one_wins(pod: Pods) -> None:
    start = threading.Barrier(12)

    def race() -> Lease | None:
        leases = pod()
        start.wait()
        return leases.acquire("door", ttl=LONG)

    racers = [InThread(race) for _ in range(12)]

    winners = [racer.result() for racer in racers if racer.result() is not None]
    assert [winner.token for winner in winners if isinstance(winner, Lease)] == [1]


def test_the_token_rises_at_every_acquisition_and_outlives_every_holder(pod: Pods) -> None:
    tokens = []
    for _ in range(5):
        lease = taken(pod())
        tokens.append(lease.token)
        pod().release(lease)

    assert tokens == [1, 2, 3, 4, 5]


def test_a_held_lease_is_refused_to_everyone_else_and_its_document_is_not_touched(
    pod: Pods, database: Database[Any]
) -> None:
    taken(pod())
    before = database["leases"].find_one()

    assert pod().acquire("door", ttl=LONG) is None
    assert database["leases"].find_one() == before


def test_an_expired_lease_goes_to_the_next_who_asks(pod: Pods) -> None:
    late = taken(pod(), ttl=BRIEF)

    successor = taken_after_expiry(pod())

    assert successor.token == late.token + 1


def test_a_late_holder_cannot_release_its_successors_lease(pod: Pods) -> None:
    late = taken(pod(), ttl=BRIEF)
    successor = taken_after_expiry(pod())

    assert pod().release(late) is False
    assert pod().acquire("door", ttl=LONG) is None
    assert pod().extend(successor) is not None


def test_a_late_holder_cannot_extend(pod: Pods) -> None:
    late = taken(pod(), ttl=BRIEF)
    taken_after_expiry(pod())

    assert pod().extend(late) is None


def test_an_expired_lease_cannot_be_extended_even_if_nobody_took_it(
    pod: Pods, database: Database[Any]
) -> None:
    lease = taken(pod(), ttl=BRIEF)
    eventually(lambda: database["leases"].find_one({"$expr": {"$lt": ["$expires_at", "$$NOW"]}}), within_s=5)

    assert pod().extend(lease) is None


@pytest.mark.parametrize("other", [{"token": 7}, {"owner": "somebody"}])
def test_extending_and_releasing_need_both_owner_and_token(pod: Pods, other: dict[str, Any]) -> None:
    forged = replace(taken(pod()), **other)

    assert pod().extend(forged) is None
    assert pod().release(forged) is False


def test_a_write_by_a_stale_fence_is_rejected(pod: Pods, database: Database[Any]) -> None:
    database["guarded"].insert_one({"_id": "account", "balance": 0})
    late = taken(pod(), ttl=BRIEF)
    successor = taken_after_expiry(pod())

    def write(lease: Lease) -> int:
        guarded = fenced({"_id": "account"}, lease)
        return database["guarded"].update_one(guarded, stamped({"$inc": {"balance": 1}}, lease)).matched_count

    assert [write(late), write(successor), write(late), write(successor)] == [1, 1, 0, 1]
    assert database["guarded"].find_one() == {"_id": "account", "balance": 3, "fence": successor.token}


def test_a_commit_by_a_stale_fence_is_rejected(
    pod: Pods, mongo_client: MongoClient[Any], database: Database[Any]
) -> None:
    database["guarded"].insert_one({"_id": "account", "balance": 0})
    late = taken(pod(), ttl=BRIEF)
    successor = taken_after_expiry(pod())
    stamp = {"$inc": {"balance": 1}}

    with mongo_client.start_session() as session:
        session.start_transaction()
        database["notes"].insert_one({"by": "the late one"}, session=session)
        database["guarded"].update_one(fenced({"_id": "account"}, successor), stamped(stamp, successor))
        with pytest.raises(OperationFailure, match="WriteConflict"):
            database["guarded"].update_one(
                fenced({"_id": "account"}, late), stamped(stamp, late), session=session
            )

    assert database["guarded"].find_one({}, {"_id": 0}) == {"balance": 1, "fence": successor.token}
    assert database["notes"].find_one() is None


def test_a_lease_released_early_stays_taken_for_its_least_time(pod: Pods) -> None:
    leases = pod()
    lease = leases.acquire("door", ttl=LONG, at_least=timedelta(milliseconds=300))
    assert lease is not None
    leases.release(lease)

    assert leases.acquire("door", ttl=LONG) is None
    assert taken_after_expiry(leases).token == 2


def test_trust_runs_from_when_we_asked_less_a_margin(pod: Pods, hands: Hands) -> None:
    lease = taken(pod(hands), ttl=timedelta(seconds=10))

    assert lease.deadline == 1008
    assert lease.holds(monotonic=1007.9)
    assert not lease.holds(monotonic=1008)


def test_a_slow_reply_lengthens_no_trust(pod: Pods) -> None:
    looks = count(1000)
    leases = pod(lambda: float(next(looks)))  # a second goes by between any two looks at the clock

    lease = taken(leases, ttl=timedelta(seconds=10))
    asked_again = next(looks) + 1
    extended = leases.extend(lease)

    assert lease.deadline == 1008
    assert extended is not None
    assert extended.deadline == asked_again + 8


def test_extending_moves_the_deadline_from_when_we_asked_again(pod: Pods, hands: Hands) -> None:
    leases = pod(hands)
    lease = taken(leases, ttl=timedelta(seconds=10))
    hands.seconds += 3

    extended = leases.extend(lease)

    assert extended is not None
    assert extended.deadline == 1011
    assert extended.token == lease.token


def test_an_acquisition_whose_answer_was_lost_is_found_to_be_ours(
    far_leases: Leases, wire: Wire, database: Database[Any]
) -> None:
    wire.silent.set()
    asking = InThread(lambda: far_leases.acquire("door", ttl=LONG))
    eventually(lambda: database["leases"].find_one({"_id": "door"}), within_s=5)

    wire.silent.clear()
    lease = asking.result()

    assert isinstance(lease, Lease)
    assert lease.token == 1


def test_an_unanswered_acquisition_is_not_held(far_leases: Leases, wire: Wire) -> None:
    wire.silent.set()

    with pytest.raises(Unreachable):
        far_leases.acquire("door", ttl=LONG)


def test_a_pod_stopped_beyond_its_lease_finds_it_lost_and_its_writes_refused(
    pod: Pods, mongo_uri: str, database: Database[Any]
) -> None:
    database["guarded"].insert_one({"_id": "account", "balance": 0})
    command = [sys.executable, "-m", "tests.locks.holder", mongo_uri, "500"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as paused:
        assert paused.stdin is not None
        assert paused.stdout is not None
        token = json.loads(paused.stdout.readline())["token"]
        paused.send_signal(signal.SIGSTOP)
        successor = taken_after_expiry(pod())
        database["guarded"].update_one(
            fenced({"_id": "account"}, successor), stamped({"$inc": {"balance": 10}}, successor)
        )

        paused.send_signal(signal.SIGCONT)
        paused.stdin.write("go on\n")
        paused.stdin.close()
        told = json.loads(paused.stdout.readline())

    assert successor.token == token + 1
    assert told == {"holds": False, "written": 0, "extended": False, "released": False}
    assert database["guarded"].find_one({}, {"_id": 0}) == {"balance": 10, "fence": successor.token}


def test_many_threads_counting_under_the_lease_lose_no_count_and_meet_no_one(
    pod: Pods, database: Database[Any]
) -> None:
    counters = database["counters"]
    counters.insert_one({"_id": "c", "n": 0, "fences": []})

    def count_ten() -> None:
        leases = pod()
        for _ in range(10):
            lease = eventually(lambda: leases.acquire("door", ttl=LONG), within_s=30)
            assert lease is not None
            found = counters.find_one({"_id": "c"})
            assert found is not None
            # Read, then write: without mutual exclusion counts are lost.
            counters.update_one(
                {"_id": "c"}, {"$set": {"n": found["n"] + 1}, "$push": {"fences": lease.token}}
            )
            leases.release(lease)

    for thread in [InThread(count_ten) for _ in range(6)]:
        thread.result(within_s=60)

    counted = counters.find_one({"_id": "c"})
    assert counted is not None
    assert counted["n"] == 60
    assert counted["fences"] == list(range(1, 61))


def test_a_lease_written_by_a_clock_that_was_set_back_keeps_nobody_waiting(
    pod: Pods, database: Database[Any]
) -> None:
    dead = taken(pod())
    an_hour = {"$add": ["$$NOW", 3_600_000]}
    later = {"heartbeat_at": an_hour, "expires_at": {"$add": ["$$NOW", 3_660_000]}}
    database["leases"].update_one({"_id": "door"}, [{"$set": later}])

    assert taken(pod()).token == dead.token + 1


def test_a_living_holder_survives_that_the_clock_is_set_back(pod: Pods, database: Database[Any]) -> None:
    holder = pod()
    lease = taken(holder)
    later = {name: {"$add": [f"${name}", 3_600_000]} for name in ("heartbeat_at", "expires_at")}
    database["leases"].update_one({"_id": "door"}, [{"$set": later}])

    assert holder.extend(lease) is not None

    assert pod().acquire("door", ttl=LONG) is None
