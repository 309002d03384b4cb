"""Workers that come and go under load, told to end as by an autoscaler: nothing is lost or done twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pymongo.database import Database

from cli.embedded.servers import Embedded
from tasks.catalogue import catalogue
from tests.support.drains import Drains
from tests.support.patience import InThread, eventually
from tests.support.processes import SCHEDULER, WORKER, Process, Processes
from tests.support.working import made
from tests.torture.orders import Orders
from tests.torture.poster import Poster
from workers.worker import SHUTDOWN

MANY = 10
TURNS = 3
POSTED_OVER_S = 45.0
"""A target's pauses come to twice that at most."""

MANY_START_WITHIN_S = 180.0
LEFT_WITHIN_S = SHUTDOWN.total_seconds() + 5


def test_workers_that_end_under_load_lose_nothing_and_leave_nothing_for_the_reaper(
    db: Database[Any], mongo_uri: str, redis_url: str
) -> None:
    orders = Orders(db, 30)
    poster = Poster(mongo_uri, redis_url, lasts_s=1, chance=random.Random(7))
    workers = [made(db, redis_url) for _ in range(3)]
    for worker in workers:
        worker.start()
    posting = InThread(lambda: poster.post(orders.posts))

    eventually(lambda: len(poster.accepted) > 150, within_s=20, what="half is accepted")
    ends = [InThread(worker.stop) for worker in workers[1:]]
    later = made(db, redis_url)
    later.start()
    posting.result()
    ends += [InThread(worker.stop) for worker in (workers[0], later)]
    for end in ends:
        end.result(within_s=LEFT_WITHIN_S)

    assert db.workers.count_documents({}) == db.batches.count_documents({}) == 0
    Drains(db.client, db.name, catalogue()).until_dry(orders.left)
    orders.check_unhurt(poster.accepted)


@pytest.mark.torture
def test_ten_workers_that_become_one_and_ten_again_in_turns_lose_nothing(
    db: Database[Any], crew: Processes, mongo_uri: str, own_valkey: Embedded
) -> None:
    orders = Orders(db, 400)
    poster = Poster(mongo_uri, own_valkey.redis_url, lasts_s=POSTED_OVER_S, chance=random.Random(7))
    crew.start(*SCHEDULER)
    workers = grown(crew, [], MANY)
    posting = InThread(lambda: poster.post(orders.posts))
    for _ in range(TURNS):
        workers = shrunk(workers)
        workers = grown(crew, workers, MANY)
    shrunk(workers)

    posting.result(within_s=120)
    orders.await_final()
    orders.check_unhurt(poster.accepted)
    assert set(crew.ended()) == {0}
    assert not [process for process in crew.started if "worker lost" in process.output()]


def grown(crew: Processes, workers: list[Process], count: int) -> list[Process]:
    """All at once, as an autoscaler does."""
    fresh = [crew.start(*WORKER) for _ in range(count - len(workers))]
    for worker in fresh:
        crew.await_ready(worker, within_s=MANY_START_WITHIN_S)
    return workers + fresh


def shrunk(workers: list[Process]) -> list[Process]:
    """One is left, the youngest: each of them has to go some time."""
    for worker in workers[:-1]:
        worker.child.terminate()
    for worker in workers[:-1]:
        assert worker.child.wait(LEFT_WITHIN_S) == 0, worker.output()
    return workers[-1:]
