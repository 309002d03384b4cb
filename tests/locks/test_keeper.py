"""Keeping a lease beside the work, and noticing its loss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pymongo.database import Database

from adapters.process.clock import SystemClock
from locks.keeper import Keeper
from locks.lease import Lease, Leases
from tests.locks.conftest import Hands
from tests.support.patience import eventually
from tests.support.wire import Wire

Pods = Callable[..., Leases]
TTL = timedelta(milliseconds=800)


def kept(leases: Leases, *, ttl: timedelta = TTL, on_lost: Callable[[], None] = lambda: None) -> Keeper:
    lease = leases.acquire("door", ttl=ttl)
    assert lease is not None
    return Keeper(leases, lease, monotonic=SystemClock().monotonic, on_lost=on_lost)


def test_a_kept_lease_outlives_its_ttl_and_is_free_at_once_afterwards(pod: Pods) -> None:
    with kept(pod()) as keeper:
        first = keeper.lease
        eventually(lambda: keeper.lease.deadline > first.deadline + 1.6, within_s=10)
        assert keeper.held
        assert pod().acquire("door", ttl=TTL) is None

    assert isinstance(pod().acquire("door", ttl=TTL), Lease)


def test_a_lease_taken_away_is_noticed_at_the_next_extension(pod: Pods, database: Database[Any]) -> None:
    told = threading.Event()
    with kept(pod(), on_lost=told.set) as keeper:
        database["leases"].update_one({"_id": "door"}, {"$set": {"owner": "somebody"}})

        assert keeper.lost.wait(5)
        assert told.wait(5)
        assert not keeper.held


def test_a_lease_is_given_up_by_its_deadline_when_the_store_does_not_answer(
    far_leases: Leases, wire: Wire
) -> None:
    with kept(far_leases) as keeper:
        wire.silent.set()

        assert keeper.lost.wait(5)
        past_deadline = SystemClock().monotonic() - keeper.lease.deadline

    assert past_deadline < 0.3


def test_a_pause_beyond_the_deadline_is_seen_before_any_thread_wakes(pod: Pods, hands: Hands) -> None:
    leases = pod(hands)
    lease = leases.acquire("door", ttl=timedelta(seconds=60))
    assert lease is not None
    keeper = Keeper(leases, lease, monotonic=hands)

    hands.seconds += 49
    assert not keeper.held
