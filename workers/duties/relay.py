"""The relay: whatever is due and was not lately hinted is hinted again. Commands are the outbox.

`hint_at` says when a command is to be hinted (again). It is moved before the hint leaves: a drain that begins
at once then reads the moved document, instead of meeting our write in its commit. What waits for others or is
parked has no `next_at` and is never looked at; their predecessor's transaction wakes them. What somebody's
open transaction holds keeps nobody else waiting (`hint_marks.py`), nor does what cannot run
(`due_commands.py`).

One tick costs what it sends: it walks the tenants that have something due, a page at a time and beginning
where the last one stopped, until nothing is due or the cap on outstanding hints is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from loguru import logger
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import HintBroker, Unheard
from adapters.commands.document import AT_ONCE, LONGEST_PAUSE
from adapters.mongo.client import Document
from adapters.mongo.server_time import Primary, read_primary
from tasks.catalogue import Catalogue
from tasks.catalogue import catalogue as every_command
from tasks.queues import QUEUES, Queue
from workers.duties.due_commands import DueCommands, Times, times
from workers.duties.duty import Duty
from workers.duties.hint_marks import HintMarks

CAP = 4_096
"""Hinted commands outstanding per queue: half a second's work. Topped up every tick it feeds 20,000/s."""

PAGE = 256
"""A tenant's turn."""

MOST_PAGES = 64
"""Of one queue in one tick, however many of them hold only what cannot run."""

BUSY = timedelta(milliseconds=200)
IDLE = timedelta(seconds=1)


class Relay:
    """Keeps between ticks where each queue's round stopped, and when hints were last lost altogether."""

    def __init__(
        self,
        db: Database[Any],
        broker: HintBroker,
        *,
        has_lost_hints: Callable[[], bool],
        cap: int = CAP,
        page: int = PAGE,
        catalogue: Catalogue | None = None,
        read_primary: Callable[[Database[Any]], Primary] = read_primary,
    ) -> None:
        """`has_lost_hints`: asked every tick; raises Unheard while the broker cannot be reached."""
        self._db = db
        self._marks = HintMarks(db)
        self._due = DueCommands(self._marks.commands, catalogue or every_command())
        self._broker = broker
        self._has_lost_hints = has_lost_hints
        self._cap = cap
        self._page_size = page
        self._read_primary = read_primary
        self._stopped_after = dict.fromkeys(QUEUES, "")
        self._looked_after = dict.fromkeys(QUEUES, "")
        self._lost_at = AT_ONCE
        self._was_set_back = False

    def tick(self) -> int:
        """Hints what is due; returns how many commands.

        Raises: Unheard: nothing is forgotten. PyMongoError.
        """
        # Before anything is marked: with the broker away the marks would have to be undone.
        lost = self._has_lost_hints()
        answer = self._read_primary(self._db)
        if lost:
            self._lost_at = answer.now
        at = times(answer, self._lost_at)
        self._bring_forward(at)
        self._marks.begin_tick()
        return sum(self._serve(queue, at) + self._look_again(queue, at) for queue in QUEUES)

    def _serve(self, queue: Queue, at: Times) -> int:
        sent = 0
        room = self._cap - self._due.outstanding(queue, at, most=self._cap)
        for _ in range(MOST_PAGES):
            if sent >= room:
                break
            after, limit = self._stopped_after[queue], min(self._page_size, room - sent)
            page = self._due.page(queue, at, after=after, limit=limit, held=self._marks.held)
            # Moved before the work: a tenant whose page fails must not keep the others waiting.
            self._stopped_after[queue] = page[-1]["tenant_id"] if len(page) == limit else ""
            if page:
                sent += self._hint(queue, page, at)
            elif not after:
                break
        return sent

    def _look_again(self, queue: Queue, at: Times) -> int:
        """At a page of what was put off."""
        after = self._looked_after[queue]
        page = self._due.put_off(queue, at, after=after, limit=self._page_size)
        self._looked_after[queue] = page[-1]["tenant_id"] if len(page) == self._page_size else ""
        return self._hint(queue, page, at) if page else 0

    def _hint(self, queue: str, page: Sequence[Document], at: Times) -> int:
        """Returns how many were hinted that can run, as far as we can tell. The others are put off; what a
        newer worker may read is hinted too."""
        runnable, stuck = self._due.can_run(page, at.now)
        known = [row for row in runnable if self._due.is_known(row)]
        newer = [row for row in runnable if not self._due.is_known(row)]
        if stuck:
            self._marks.mark(stuck, put_off=True)
        self._send(queue, self._marks.mark(newer, put_off=True) if newer else [])
        free = self._marks.mark(known) if known else []
        self._send(queue, free)
        return len(free)

    def _send(self, queue: str, marked: Sequence[Document]) -> None:
        try:
            hints.send(self._broker, queue, [(command["tenant_id"], command["target"]) for command in marked])
        except Unheard:
            self._marks.forget(marked)
            raise

    def _bring_forward(self, at: Times) -> None:
        """The clock was set back: what is to be tried again later than any pause lasts is tried now."""
        if at.is_set_back and not self._was_set_back:
            self._marks.bring_forward(at.now + LONGEST_PAUSE)
        self._was_set_back = at.is_set_back


def relay_duty(relay: Relay) -> Duty:
    def tick() -> timedelta:
        sent = relay.tick()
        if sent:
            logger.debug("hinted", commands=sent)
        return BUSY if sent else IDLE

    return Duty("relay", tick)
