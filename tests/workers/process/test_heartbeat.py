"""What a worker says of itself to probes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo.database import Database

from adapters.process.clock import SystemClock
from workers.process.heartbeat import HEARD_WITHIN, Heartbeat, ServerClock


class PushedClock(SystemClock):
    def __init__(self) -> None:
        self.ahead = timedelta()

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


def test_a_worker_is_ready_while_the_store_takes_its_heartbeats(database: Database[Any]) -> None:
    clock = PushedClock()
    presence = Heartbeat(
        database,
        {"_id": "w1"},
        clock=ServerClock(clock.monotonic),
        oldest_batch_age=lambda: 0,
        pace=lambda: None,
        end_process=lambda _code: None,
    )
    assert not presence.is_heard()

    presence.beat()
    assert presence.is_heard()

    clock.ahead = HEARD_WITHIN
    assert not presence.is_heard()
