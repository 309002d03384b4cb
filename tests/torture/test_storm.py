"""The main promise under everything at once: killed and paused processes, an emptied and an absent Valkey."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from adapters.process.clock import SystemClock
from cli.embedded.servers import Embedded
from tests.support.patience import LOOK_EVERY_S, InThread
from tests.support.processes import SCHEDULER, WORKER, Process, Processes
from tests.torture.orders import Orders
from tests.torture.poster import Poster


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How bad it gets. Seconds of real time."""

    targets: int
    lasts_s: float
    workers: int
    kill_every_s: float
    valkey_out_s: float
    paused_s: float


BOUNDED = Weather(targets=100, lasts_s=18, workers=2, kill_every_s=2, valkey_out_s=5, paused_s=12)
LONG = Weather(targets=300, lasts_s=75, workers=3, kill_every_s=1, valkey_out_s=20, paused_s=25)


class Storm:
    """Ends and hinders processes for as long as the weather says; all in the thread that started them."""

    def __init__(self, weather: Weather, crew: Processes, valkey: Embedded) -> None:
        self.weather = weather
        self.killed = 0
        self._crew = crew
        self._valkey = valkey
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._next_kill_s = weather.kill_every_s
        self.schedulers = [crew.start(*SCHEDULER) for _ in range(2)]
        self.workers = [crew.worker(*WORKER) for _ in range(weather.workers)]
        self._spared: Process | None = None

    def rage(self) -> None:
        """Valkey is emptied at a fifth, gone from a third on; a worker sleeps from a quarter on and wakes
        when it is long held to be dead; then a scheduler dies."""
        lasts_s = self.weather.lasts_s
        self._kill_until(lasts_s / 5)
        self._flush()
        self._kill_until(lasts_s / 4)
        self._spared = self.workers[0]
        self._spared.pause()
        asleep_until_s = self._elapsed_s() + self.weather.paused_s
        self._kill_until(lasts_s / 3)
        self._valkey.valkey.kill()
        self._kill_until(self._elapsed_s() + self.weather.valkey_out_s)
        self._valkey.valkey.start()
        self._kill_until(max(asleep_until_s, lasts_s * 3 / 4))
        self._spared.resume()
        self._spared = None
        self.schedulers[0].kill()
        self._kill_until(lasts_s)

    def calm_down(self) -> None:
        """As many processes as before, among them those that were started last."""
        self.workers = [self._alive(worker) for worker in self.workers]
        self.schedulers[0] = self._crew.start(*SCHEDULER)

    def _alive(self, worker: Process) -> Process:
        return worker if worker.is_running else self._crew.start(*WORKER)

    def _kill_until(self, second: float) -> None:
        while self._elapsed_s() < second:
            if self._elapsed_s() < self._next_kill_s:
                self._clock.sleep(LOOK_EVERY_S)
            elif victim := self._victim():
                victim.kill()
                self.killed += 1
                self._next_kill_s = self._elapsed_s() + self.weather.kill_every_s
                self.workers[self.workers.index(victim)] = self._crew.start(*WORKER)

    def _victim(self) -> Process | None:
        """One that is in the middle of a batch; any, when none has been for a while."""
        victims = [worker for worker in self.workers if worker is not self._spared]
        db = self._crew.db.with_options(read_concern=ReadConcern("local"))
        busy = [row["worker"] for row in db.batches.find({"ids.0": {"$exists": True}})]
        pids = {row["pid"] for row in db.workers.find({"_id": {"$in": busy}})}
        if at_work := [worker for worker in victims if worker.pid in pids]:
            return at_work[0]
        overdue_s = self._elapsed_s() - self._next_kill_s
        return victims[self.killed % len(victims)] if overdue_s > self.weather.kill_every_s else None

    def _flush(self) -> None:
        with redis.Redis.from_url(self._valkey.redis_url) as client:
            client.flushall()

    def _elapsed_s(self) -> float:
        return self._clock.monotonic() - self._began


def brave(
    weather: Weather, db: Database[Any], crew: Processes, mongo_uri: str, valkey: Embedded
) -> Counter[str]:
    """The whole of it. Returns how many commands came to which end."""
    orders = Orders(db, weather.targets)
    poster = Poster(mongo_uri, valkey.redis_url, lasts_s=weather.lasts_s * 0.7, chance=random.Random(7))
    storm = Storm(weather, crew, valkey)
    posting = InThread(lambda: poster.post(orders.posts))

    storm.rage()
    storm.calm_down()
    posting.result(within_s=weather.lasts_s)
    calm_at = SystemClock().monotonic()
    orders.await_final()
    lost = sum(process.output().count("worker lost") for process in crew.started)
    calm_s = SystemClock().monotonic() - calm_at
    print(f"killed {storm.killed} workers, {lost} judged, final {calm_s:.1f} s after calm")

    return orders.check(poster.accepted)


def expect(states: Counter[str], weather: Weather) -> None:
    """Killing is not poison: hardly anything dies of it, and what is refused is what the story refuses."""
    print(dict(states))
    assert states.total() == weather.targets * 10
    assert states["dead"] + states["parked"] <= weather.targets / 20
    assert states["applied"] >= weather.targets * 8


def test_a_storm_leaves_every_accepted_command_final_and_every_effect_once(
    db: Database[Any], crew: Processes, mongo_uri: str, own_valkey: Embedded
) -> None:
    expect(brave(BOUNDED, db, crew, mongo_uri, own_valkey), BOUNDED)


@pytest.mark.torture
def test_a_long_storm_leaves_every_accepted_command_final_and_every_effect_once(
    db: Database[Any], crew: Processes, mongo_uri: str, own_valkey: Embedded
) -> None:
    expect(brave(LONG, db, crew, mongo_uri, own_valkey), LONG)
