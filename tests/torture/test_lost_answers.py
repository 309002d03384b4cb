"""A broker that does as it is told, but its answer is lost: what it heard is hinted again, and done once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import Unheard
from adapters.commands.document import TargetQueue
from tasks.catalogue import catalogue
from tests.support.drains import Drains
from tests.support.processes import SCHEDULER, WORKER, processes
from tests.support.seeds import Seeds
from tests.support.wire import Wire
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers.duties import due_commands
from workers.duties.hint_marks import REHINT
from workers.duties.relay import Relay

TENANT = "north"
LOST = 0.03
"""So many of the broker's answers."""


def wired(redis_url: str, **how: Any) -> tuple[Wire, str]:
    """A wire to that Valkey, and the URL of its near end."""
    parts = urlsplit(redis_url)
    assert parts.hostname
    assert parts.port
    wire = Wire(parts.hostname, parts.port, **how)
    return wire, parts._replace(netloc=f"127.0.0.1:{wire.port}").geturl()


class Once:
    """True once after each `set`, at the first answer after `happened` has become true."""

    def __init__(self) -> None:
        self._happened: Callable[[], bool] | None = None

    def set(self, happened: Callable[[], bool]) -> None:
        self._happened = happened

    def __call__(self) -> bool:
        if self._happened is None or not self._happened():
            return False
        self._happened = None
        return True


def test_a_hint_whose_answer_is_lost_is_sent_again_and_has_one_effect(
    db: Database[Any], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_commands, "ACCEPTERS_TURN", timedelta(seconds=-1))
    seed, lose = Seeds(db, catalogue(), TENANT), Once()
    parts = seed.parts(3)
    commands = [seed.accept("part.receive", part_id=part, quantity=1) for part in parts]
    wire, url = wired(redis_url, breaks=lose)
    far, near = hints.broker(redis_url), hints.broker(url)
    relay = Relay(db, near, has_lost_hints=lambda: False)

    def lie_there() -> int:
        number: int = far.do_qsize("interactive")
        return number

    with wire:
        hints.send(near, "interactive", [seed.line(parts[0])])
        lose.set(lambda: lie_there() == 2)
        with pytest.raises(Unheard):
            hints.send(near, "interactive", [seed.line(parts[1])])
        assert lie_there() == 2, "it was heard all the same"
        near.client.ping()
        lose.set(lambda: lie_there() == 3)
        with pytest.raises(Unheard):
            relay.tick()
        assert relay.tick() == 3
        assert lie_there() >= 3

    drains = Drains(db.client, db.name, catalogue())
    for lines in heard(far):
        drains.until_dry(lines)

    assert {seed.state(command) for command in commands} == {"applied"}
    assert {seed.entity(part)["stock"] for part in parts} == {1}
    assert db.events.count_documents({}) == 3


def heard(broker: hints.HintBroker) -> list[list[TargetQueue]]:
    """The hints that lie there, each as a worker would take it."""
    consumer = broker.consume("interactive", prefetch=10)
    found = []
    while message := next(consumer):
        found.append([(tenant, target) for tenant, target in message.args[1]])
        consumer.ack(message)
    consumer.close()
    return found


@pytest.mark.torture
def test_a_broker_that_loses_answers_all_the_time_holds_nothing_up_longer_than_the_relay(
    db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path
) -> None:
    orders, chance = Orders(db, 100), random.Random(7)
    is_bad = threading.Event()
    is_bad.set()
    wire, url = wired(redis_url, breaks=lambda: is_bad.is_set() and chance.random() < LOST)
    poster = Poster(mongo_uri, url, lasts_s=40, chance=random.Random(7))
    with wire, processes(db, mongo_uri, url, tmp_path) as crew:
        for _ in range(2):
            crew.start(*SCHEDULER)
            crew.start(*WORKER)
        poster.post(orders.posts)
        is_bad.clear()

        # A last hint may have been taken, and its bearer not have heard of it.
        orders.await_final(within_s=2 * REHINT.total_seconds())
        assert not crew.ended()

    orders.check_unhurt(poster.accepted)
