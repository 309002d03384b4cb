"""Workers killed with SIGKILL at each step of a drain, between the hint's arrival and its acknowledgement."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.broker import hints
from adapters.commands.document import Origin
from adapters.mongo.client import Document
from adapters.process.metrics import Metrics
from cli.embedded.servers import Embedded
from tests.support.drains import Drains
from tests.support.patience import InThread, eventually
from tests.support.processes import SCHEDULER, Process, Processes, processes
from tests.support.seeds import Seeds
from tests.support.trial import trial_catalogue
from tests.torture.doomed_process import COMMITTED, TOLD, UNTOLD
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers.duties.reaper import Reaper

DIED_WITHIN_S = 60.0
TENANT = "north"


class Doomed:
    """Workers that die one after another, each at its own step."""

    def __init__(self, crew: Processes, directory: Path, fates: Sequence[tuple[str, int]]) -> None:
        self._directory = directory
        self._died = 0
        argv = [f"{step}:{time}" for step, time in fates]
        self.process: Process = crew.start("-m", "tests.torture.doomed_process", str(directory), *argv)

    def next(self, feed: Callable[[], None] = lambda: None) -> None:
        """The next one has lived when this returns; meanwhile there is what `feed` gives it to do."""
        self._died += 1
        (self._directory / str(self._died)).touch()

        def is_dead() -> bool:
            assert self.process.is_running or self._has_said(), self.process.output()
            feed()
            return self._has_said()

        eventually(is_dead, within_s=DIED_WITHIN_S, what=f"death {self._died}")

    def _has_said(self) -> bool:
        return f"died {self._died}\n" in self.process.output()


# -- one death at a time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((UNTOLD[-1], TOLD[-1], COMMITTED[0]), id="three"),
        pytest.param((*UNTOLD, *TOLD, *COMMITTED), id="all", marks=pytest.mark.torture),
    ],
)
def test_a_worker_killed_at_a_step_of_its_drain_leaves_each_effect_once(
    db: Database[Any], mongo_uri: str, redis_url: str, tmp_path: Path, steps: Sequence[str]
) -> None:
    seed, broker = Seeds(db, trial_catalogue(), TENANT), hints.broker(redis_url)
    judge = Reaper(db.client, db.name, broker, Metrics(), gone=timedelta(), grace=timedelta())
    judge.tick()
    drains = Drains(db.client, db.name, trial_catalogue())
    with processes(db, mongo_uri, redis_url, tmp_path) as crew:
        doomed = Doomed(crew, tmp_path, [(step, 1) for step in steps])
        for step in steps:
            parts = seed.parts(2)
            commands = asked(seed, *parts)
            broker.client.flushdb()  # the reaper's hints for the one before
            hints.send(broker, "interactive", [seed.line(part) for part in parts])

            doomed.next()

            states = {seed.state(command) for command in commands}
            assert states == {"applied" if step in COMMITTED else "accepted"}, step
            eventually(judge.tick, within_s=DIED_WITHIN_S, what=f"who died when it had {step} is found dead")
            suspects = [command for command in commands if "suspect" in seed.found(command)]
            assert suspects == (commands if step in TOLD else []), step
            drains.until_dry([seed.line(part) for part in parts])
            assert {seed.state(command) for command in commands} == {"applied"}, step
            assert [seed.name(part) for part in parts] == ["ab", "ab"], step
            assert [seed.entity(part)["stock"] for part in parts] == [-1, 1], step
    assert db.commands.count_documents({"active": True}) == 0
    assert db.events.count_documents({}) == db.commands.count_documents({})
    broker.close()


def asked(seed: Seeds, one: str, other: str) -> list[Document]:
    """What does not commute, and what begins a follow-up."""
    return [
        seed.accept("part.append", part_id=one, text="a"),
        seed.accept("part.append", part_id=other, text="a"),
        seed.accept("part.send", part_id=one, to_id=other, quantity=1),
        seed.accept("part.append", part_id=one, text="b"),
        seed.accept("part.append", part_id=other, text="b"),
    ]


# -- under load --------------------------------------------------------------------------------------------


@pytest.mark.torture
def test_workers_killed_at_any_step_under_load_leave_each_effect_once(
    db: Database[Any], crew: Processes, mongo_uri: str, own_valkey: Embedded, tmp_path: Path
) -> None:
    orders = Orders(db, 300)
    poster = Poster(mongo_uri, own_valkey.redis_url, lasts_s=60, chance=random.Random(7))
    chance = random.Random(7)
    fates = [(step, time) for step in (*UNTOLD, *TOLD, *COMMITTED) for time in (1, 2, chance.randint(3, 9))]
    chance.shuffle(fates)
    doomed = Doomed(crew, tmp_path, fates)
    crew.start(*SCHEDULER)
    crew.worker()
    posting = InThread(lambda: poster.post(orders.posts))
    trickle = Trickle(db, own_valkey.redis_url)

    for _ in fates:
        doomed.next(trickle.more)

    posting.result(within_s=120)
    orders.await_final()
    states = orders.check(poster.accepted)
    assert states["dead"] + states["parked"] <= len(fates)
    trickle.check()


class Trickle:
    """Something to do for whoever is left when all orders are done."""

    def __init__(self, db: Database[Any], redis_url: str) -> None:
        self.seed = Seeds(db, trial_catalogue(), TENANT)
        self._parts = self.seed.parts(20)
        self._next = cycle(self._parts)
        self._broker = hints.broker(redis_url)

    def more(self) -> None:
        part = next(self._next)
        payload = {"part_id": part, "quantity": 1}
        command = self.seed.document("part.receive", payload, origin=Origin(via="schedule"))
        self.seed.accept_all([command])
        hints.send(self._broker, "interactive", [self.seed.line(part)])

    def check(self) -> None:
        """Each part has what came in, each time once."""
        self._broker.close()
        for part in self._parts:
            mine = {"tenant_id": TENANT, "target": f"part:{part}"}
            applied = self.seed.db.commands.count_documents(mine | {"state": "applied"})
            assert self.seed.entity(part)["stock"] == applied
            assert self.seed.db.entries.count_documents(mine) == applied
