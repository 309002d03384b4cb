"""Hints never cost an accepting request anything, and cost little when nobody hears them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from adapters.broker.hints import Unheard
from adapters.commands.document import TargetQueue
from api.commands.hint_sender import CAPACITY, HintSender
from tests.support.patience import eventually


class Ear:
    """Hears what is sent; `open` lets a send end, `deaf` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[TargetQueue]]] = []
        self.open = threading.Event()
        self.open.set()
        self.deaf = False
        self.tries = 0
        self.began = threading.Event()

    def __call__(self, queue: str, lines: Sequence[TargetQueue]) -> None:
        self.tries += 1
        self.began.set()
        self.open.wait(10)
        if self.deaf:
            raise Unheard("deaf")
        self.sent.append((queue, list(lines)))


class Times:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(lambda: eventually(condition, within_s=5))


async def test_lines_that_come_during_a_send_go_out_together_and_once() -> None:
    ear, lost = Ear(), [0]
    ear.open.clear()
    async with HintSender(ear, lost=lost.append, monotonic=Times()) as hints:
        hints.hint("interactive", ("t", "a"))
        await until(ear.began.is_set)
        for target in "bcbcb":
            hints.hint("interactive", ("t", target))
        hints.hint("bulk", ("t", "d"))
        ear.open.set()
        await until(lambda: len(ear.sent) == 3)

    assert ear.sent == [
        ("interactive", [("t", "a")]),
        ("interactive", [("t", "b"), ("t", "c")]),
        ("bulk", [("t", "d")]),
    ]
    assert lost == [0]


async def test_after_a_failure_nothing_is_tried_for_a_second() -> None:
    ear, times, lost = Ear(), Times(), [0]
    ear.deaf = True
    async with HintSender(ear, lost=lost.append, monotonic=times) as hints:
        hints.hint("interactive", ("t", "a"))
        await until(lambda: sum(lost) == 1)
        for n in range(100):
            hints.hint("interactive", ("t", str(n)))
        assert (ear.tries, sum(lost)) == (1, 101)

        ear.deaf = False
        times.at += 1.5
        hints.hint("interactive", ("t", "z"))
        await until(lambda: ear.sent)

    assert ear.sent == [("interactive", [("t", "z")])]


async def test_what_waits_is_bounded() -> None:
    ear, lost = Ear(), [0]
    ear.open.clear()
    async with HintSender(ear, lost=lost.append, monotonic=Times()) as hints:
        for n in range(CAPACITY + 10):
            hints.hint("interactive", ("t", str(n)))
        ear.open.set()

    assert sum(lost) == 10
