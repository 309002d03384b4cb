"""How a contended batch is parted, so that what somebody holds keeps no other waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.commands.document import TargetQueue
from workers.drain.parting import LOSER_WAITS, Part, halves, parted

QUEUES: list[TargetQueue] = [("t", f"part:{n}") for n in range(5)]


@given(st.integers(2, 200))
def test_halves_hold_every_queue_once_in_order(count: int) -> None:
    queues = [("t", f"part:{n}") for n in range(count)]

    first, second = halves(queues)

    assert first + second == queues
    assert abs(len(first) - len(second)) <= 1


def test_several_queues_become_halves_that_are_tried_once_each() -> None:
    parts = parted(Part(queues=QUEUES), [1.0, 2.0])

    assert [part.queues for part in parts] == halves(QUEUES)
    assert all(part.contended and part.alone_since is None for part in parts)


def test_a_single_queue_is_tried_again_since_its_first_contention() -> None:
    (again,) = parted(Part(queues=QUEUES[:1], contended=True), [5.0, 5.01])

    assert again == Part(queues=QUEUES[:1], contended=True, alone_since=5.0)


def test_a_single_queue_is_left_to_its_winner_once_it_has_waited_for_long_enough() -> None:
    part, patience = Part(queues=QUEUES[:1], contended=True, alone_since=5.0), LOSER_WAITS.total_seconds()

    assert parted(part, [5.0 + patience * 0.99]) == [part]
    assert parted(part, [5.0 + patience * 1.01]) == []
