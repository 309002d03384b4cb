"""Who shares a process with a backlog of another class: slots, sizes of batches, rests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count, pairwise
from typing import cast

import pytest

from adapters.commands.document import TargetQueue
from tests.support.patience import InThread, eventually
from workers.drain.executor import Drained, Executor
from workers.drain.pool import LINES_BESIDE, ONLINE, Pool


class Slot:
    """Takes what it is given; `held` keeps it in its batch."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.batches: list[list[TargetQueue]] = []
        self.times: list[tuple[float, float]] = []
        self.looked: list[bool] = []
        self.rests = 0
        self.begun = threading.Event()
        self.held = threading.Event()
        self.held.set()
        self.rested = threading.Event()
        self._now = now

    def drain(self, lines: list[TargetQueue], *, checking: bool) -> Drained:
        self.looked.append(checking)
        began = self._now()
        self.batches.append(lines)
        self.begun.set()
        assert self.held.wait(20)
        self.times.append((began, self._now()))
        return Drained()

    def rest(self) -> None:
        self.rests += 1


def pool_of(*slots: Slot, now: Callable[[], float]) -> Pool:
    return Pool(cast(list[Executor], list(slots)), report=lambda *_: None, monotonic=now)


def lines(number: int, name: str = "order") -> list[TargetQueue]:
    return [("t", f"work_order:{name}-{n}") for n in range(number)]


class Time:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("queue", ["offline", "bulk", "time", "looks"])
def test_a_backlog_goes_in_small_batches_while_somebody_is_online(queue: str) -> None:
    time = Time()
    slot = Slot(time)
    pool = pool_of(slot, now=time)

    pool.drain("interactive", lines(1, "online"))
    pool.drain(queue, lines(2 * LINES_BESIDE + 1))
    time.seconds += ONLINE.total_seconds()
    pool.drain(queue, lines(2 * LINES_BESIDE + 1))

    assert [len(batch) for batch in slot.batches] == [1, LINES_BESIDE, LINES_BESIDE, 1, 2 * LINES_BESIDE + 1]


def test_a_backlog_leaves_a_slot_to_who_is_online() -> None:
    time = Time()
    slots = [Slot(time), Slot(time)]
    pool = pool_of(*slots, now=time)
    pool.drain("interactive", lines(1, "before"))
    used, free = sorted(slots, key=lambda slot: -len(slot.batches))
    for slot in slots:
        slot.held.clear()
        slot.begun.clear()

    crowd = [InThread(lambda n=n: pool.drain("offline", lines(LINES_BESIDE, f"crowd-{n}"))) for n in range(2)]  # type: ignore[misc]
    assert used.begun.wait(20)
    free.held.set()
    pool.drain("interactive", lines(1, "online"))

    assert free.batches[-1] == lines(1, "online")
    used.held.set()
    for one in crowd:
        one.result()


def test_a_backlog_rests_as_long_as_it_worked_while_somebody_is_online() -> None:
    ticks = count()

    def now() -> float:
        return next(ticks) / 1_000

    slot = Slot(now)
    pool = pool_of(slot, now=now)

    pool.drain("interactive", lines(1, "online"))
    pool.drain("offline", lines(3 * LINES_BESIDE))

    worked = slot.times[1:]
    assert len(worked) == 3
    for (began, ended), (next_began, _) in pairwise(worked):
        assert next_began - ended >= ended - began


def test_an_idle_pool_has_no_batch_however_fast_time_goes() -> None:
    # Who stops signs off only then: a remainder of the clock made every worker that ended one that died.
    assert pool_of(Slot(Time()), now=count().__next__).oldest_batch_age() == 0


def test_a_slot_withdraws_what_it_ran_though_somebody_waits_whom_it_may_not_take() -> None:
    time = Time()
    idle, busy = Slot(time), Slot(time)
    pool = pool_of(idle, busy, now=time)
    busy.held.clear()
    first = InThread(lambda: pool.drain("interactive", lines(1, "hot")))
    assert busy.begun.wait(20)
    second = InThread(lambda: pool.drain("interactive", lines(1, "hot")))
    eventually(pool.left, within_s=20)

    pool.drain("interactive", lines(1, "other"))

    assert (len(idle.batches), idle.rests) == (1, 1)
    busy.held.set()
    first.result()
    second.result()
    assert idle.rests + busy.rests == 2
