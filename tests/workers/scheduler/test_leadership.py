"""Terms of leadership: nothing of one goes on in the next, and a hanging duty shows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from locks.lease import Lease, Leases
from tests.support.patience import eventually
from tests.support.seeds import new_id
from workers.duties.duty import STUCK, Duty, Leadership
from workers.scheduler.leader import LEASE, Scheduler


class Terms:
    """Each term has one duty; the first one's blocks in its first tick until `store_answers`."""

    def __init__(self) -> None:
        self.store_answers = threading.Event()
        self.ticks: list[int] = []
        self.blocked: list[threading.Thread] = []
        self._count = 0

    def __call__(self, _lease: Lease | None = None) -> list[Duty]:
        self._count += 1
        term = self._count

        def tick() -> timedelta:
            self.ticks.append(term)
            if term == 1:
                self.blocked.append(threading.current_thread())
                self.store_answers.wait()
            return timedelta()

        return [Duty("duty", tick)]


@pytest.fixture
def terms() -> Iterator[Terms]:
    made = Terms()
    yield made
    made.store_answers.set()


def test_a_duty_that_outlives_its_term_does_not_go_on_beside_the_next(
    database: Database[Any], terms: Terms
) -> None:
    clock = SystemClock()
    leases = Leases(database["leases"], monotonic=clock.monotonic, new_owner=new_id)
    scheduler = Scheduler(leases, terms, clock=clock, on_lost=lambda: None)
    running = threading.Thread(target=scheduler.run)
    running.start()
    try:
        eventually(lambda: terms.blocked, within_s=5)
        # Somebody else had it for a moment.
        stolen = {"$set": {"owner": "another", "expires_at": clock.now()}}
        database["leases"].update_one({"_id": LEASE}, stolen)
        eventually(lambda: 2 in terms.ticks, within_s=10)

        terms.store_answers.set()

        eventually(lambda: not terms.blocked[0].is_alive(), within_s=5)
        assert terms.ticks.count(1) == 1
        assert scheduler.is_ready()
    finally:
        scheduler.stop()
        running.join()
    assert not scheduler.is_ready()


def test_a_duty_that_hangs_is_no_longer_alive_until_its_term_is_over(terms: Terms) -> None:
    now = [0.0]
    with Leadership(terms(), monotonic=lambda: now[0]) as performance:
        eventually(lambda: terms.blocked, within_s=5)
        assert performance.is_alive()

        now[0] = STUCK.total_seconds() + 1

        assert not performance.is_alive()
    assert performance.is_alive()


def test_a_scheduler_without_an_answer_about_its_lease_is_not_ready(database: Database[Any]) -> None:
    clock = SystemClock()
    leases = Leases(database["leases"], monotonic=clock.monotonic, new_owner=new_id)
    scheduler = Scheduler(leases, lambda _: [], clock=clock, on_lost=lambda: None)

    assert scheduler.is_alive()
    assert not scheduler.is_ready()
