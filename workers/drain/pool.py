"""The threads of one process pool their lines, and share few slots: while one batch commits, what arrives
meanwhile makes the next. No thread is dedicated: whoever finds a free slot leads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
from loguru import logger

from adapters.broker.hints import LOOKS
from adapters.commands.document import TargetQueue
from adapters.commands.line_heads import PER_BATCH
from adapters.mongo.client import Unavailable
from tasks.queues import QUEUES
from workers.drain.executor import Drained, Executor

LINES_PER_BATCH = PER_BATCH
"""Each brings a command at least: more would not be reached."""

LINES_BESIDE = 8
"""Of a batch that nobody waits for, while somebody is online: who comes next waits for no more."""

ONLINE = timedelta(seconds=1)
"""After a hint of interactive work somebody counts as being online."""

MEMORY = 0.1
"""Weight of the latest batch in a slot's mean pace."""

INTERACTIVE = QUEUES[0]
POOLED = (*QUEUES, LOOKS)

Report = Callable[[str, Drained, float], None]
"""Called after each batch: queue, what was done, seconds taken."""


class _Ticket(msgspec.Struct, eq=False):
    """One hint's wish: open until each of its lines has had a turn."""

    lines: set[TargetQueue]


class Pool:
    """Lines wait here, interactive ones first. A line is never in two slots at once.

    While somebody is online, the other classes leave a slot free, take small batches, and rest after each for
    as long as it took: a crowd that comes back must not be felt by who is there.
    """

    def __init__(
        self, executors: Sequence[Executor], *, report: Report, monotonic: Callable[[], float]
    ) -> None:
        self._free = list(executors)
        self._report = report
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: dict[str, OrderedDict[TargetQueue, list[_Ticket]]] = {
            queue: OrderedDict() for queue in POOLED
        }
        self._running: set[TargetQueue] = set()
        self._started: dict[Executor, float] = {}
        self._closing = False
        self._online_until = self._rests_until = monotonic()
        self._mean: float | None = None

    def drain(self, queue: str, lines: Sequence[TargetQueue]) -> None:
        """Returns when all these lines have had a turn, here or in another thread's batch."""
        ticket = _Ticket(set(lines))
        with self._changed:
            if queue == INTERACTIVE:
                self._online_until = self._monotonic() + ONLINE.total_seconds()
            self._add(queue, lines, ticket)
            while True:
                # Asked first: a rest that ends between the two questions must not be waited for without end.
                rest = self._rest()
                if (ticket.lines or not self._closing) and self._can_lead():
                    self._lead()
                elif ticket.lines:
                    self._changed.wait(rest)
                else:
                    return

    def close(self) -> None:
        """Begin no more work that nobody is waiting for."""
        with self._changed:
            self._closing = True

    def left(self) -> dict[str, list[TargetQueue]]:
        """What still waits, by queue: to be hinted elsewhere."""
        with self._changed:
            return {queue: list(rows) for queue, rows in self._waiting.items() if rows}

    def pace(self) -> float | None:
        """A slot's mean seconds per command of late; None before the first."""
        with self._changed:
            return self._mean

    def oldest_batch_age(self) -> float:
        """Seconds the longest running batch has run; 0 when idle."""
        with self._changed:
            now = self._monotonic()  # once: an idle pool's answer is 0, and not what passed between two
            return now - min(self._started.values(), default=now)

    def _add(self, queue: str, lines: Sequence[TargetQueue], ticket: _Ticket | None) -> None:
        for line in lines:
            tickets = self._waiting[queue].setdefault(line, [])
            if ticket:
                tickets.append(ticket)
        self._changed.notify_all()

    def _can_lead(self) -> bool:
        return bool(self._free) and any(self._takeable(queue) for queue in POOLED)

    def _rest(self) -> float | None:
        """Seconds until the other classes go on; None: nobody's rest is what they wait for."""
        now = self._monotonic()
        return self._rests_until - now if now < self._rests_until else None

    def _takeable(self, queue: str) -> list[TargetQueue]:
        rows, most = self._waiting[queue], LINES_PER_BATCH
        if queue != INTERACTIVE and self._monotonic() < self._online_until:
            if self._rest() or (len(self._free) == 1 and self._running):
                return []
            most = LINES_BESIDE
        if not self._running:
            return list(rows)[:most]
        return [line for line in rows if line not in self._running][:most]

    def _lead(self) -> None:
        """Run one batch in a free slot; the lock is released meanwhile."""
        queue, lines = next((queue, lines) for queue in POOLED if (lines := self._takeable(queue)))
        taken = {line: self._waiting[queue].pop(line) for line in lines}
        executor = self._free.pop()
        self._running |= taken.keys()
        self._started[executor] = self._monotonic()
        self._changed.release()
        drained = Drained()
        try:
            drained = self._run(executor, queue, list(taken))
        finally:
            self._changed.acquire()
            began, now = self._started.pop(executor), self._monotonic()
            if queue != INTERACTIVE and now < self._online_until:
                self._rests_until = now + (now - began)
            self._running -= taken.keys()
            self._free.append(executor)
            for line, tickets in taken.items():
                for ticket in tickets:
                    ticket.lines.discard(line)
            self._add(queue, drained.again, None)
        if not self._can_lead():
            self._withdraw(executor)

    def _withdraw(self, executor: Executor) -> None:
        """Nothing that waits may be taken now, so the slot is idle until that changes. The lock is released
        meanwhile, and the slot is out of reach."""
        self._free.remove(executor)
        self._started[executor] = self._monotonic()
        self._changed.release()
        try:
            executor.rest()
        finally:
            self._changed.acquire()
            del self._started[executor]
            self._free.append(executor)
            self._changed.notify_all()

    def _run(self, executor: Executor, queue: str, lines: list[TargetQueue]) -> Drained:
        began = self._monotonic()
        drained = executor.drain(lines, checking=queue == LOOKS)
        if drained.failure:
            _tell(drained.failure, len(lines))
        seconds = self._monotonic() - began
        self._learn(len(drained.verdicts), seconds)
        self._report(queue, drained, seconds)
        return drained

    def _learn(self, commands: int, seconds: float) -> None:
        if not commands:
            return
        with self._changed:
            known = seconds / commands if self._mean is None else self._mean
            self._mean = known + MEMORY * (seconds / commands - known)


def _tell(error: Exception, lines: int) -> None:
    """The commands stand; the relay hints again."""
    if isinstance(error, Unavailable):
        logger.warning("store unavailable", lines=lines, reason=str(error))
    else:
        logger.opt(exception=error).error("a drain failed", lines=lines)
