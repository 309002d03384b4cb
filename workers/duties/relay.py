"""The relay: whatever is due and was not lately hinted is hinted again. Commands are the outbox.

`hint_at` says when a command is to be hinted (again). It is moved before the hint leaves: a drain that begins
at once then reads the moved document, instead of meeting our write in its commit. What waits for others or is
parked has no `next_at` and is never looked at; their predecessor's transaction wakes them. What somebody's
open transaction holds keeps nobody else waiting (`hint_marks.py`).

One tick costs what it sends: it walks the tenants that have something due, a page at a time and beginning
where the last one stopped, until nothing is due or the cap on outstanding hints is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson.timestamp import Timestamp
from dramatiq import Broker
from loguru import logger
from pymongo.database import Database

from adapters.broker import hints
from adapters.broker.hints import Unheard
from adapters.commands.document import AT_ONCE, QUEUES, RUNNABLE, Queue
from adapters.mongo.client import Document
from adapters.mongo.server_time import read_primary
from workers.duties.duty import Duty
from workers.duties.hint_marks import REHINT, HintMarks

ACCEPTERS_TURN = timedelta(seconds=2)
"""Whoever inserted a command has hinted it: for so long that hint is trusted."""

CAP = 4_096
"""Hinted commands outstanding per queue: half a second's work. Topped up every tick it feeds 20,000/s."""

PAGE = 256
"""A tenant's turn."""

BUSY = timedelta(milliseconds=200)
IDLE = timedelta(seconds=1)


class Relay:
    """Keeps between ticks where each queue's round stopped, and when hints were last lost altogether."""

    def __init__(
        self,
        db: Database[Any],
        broker: Broker,
        *,
        has_lost_hints: Callable[[], bool],
        cap: int = CAP,
        page: int = PAGE,
    ) -> None:
        """`has_lost_hints`: asked every tick; raises Unheard while the broker cannot be reached."""
        self._db = db
        self._marks = HintMarks(db)
        self._commands = self._marks.commands
        self._broker = broker
        self._has_lost_hints = has_lost_hints
        self._cap = cap
        self._page_size = page
        self._stopped_after = dict.fromkeys(QUEUES, "")
        self._lost_at = AT_ONCE
        self._logical = AT_ONCE

    def tick(self) -> int:
        """Hints what is due; returns how many commands.

        Raises: Unheard: nothing is forgotten. PyMongoError.
        """
        # Before anything is marked: with the broker away the marks would have to be undone.
        lost = self._has_lost_hints()
        answer = read_primary(self._db)
        now, self._logical = answer.now, answer.cluster_time
        if lost:
            self._lost_at = now
        self._marks.begin_tick()
        return sum(self._serve(queue, now) for queue in QUEUES)

    def _serve(self, queue: Queue, now: datetime) -> int:
        sent = 0
        room = self._cap - self.outstanding(queue, now)
        while room > sent:
            after = self._stopped_after[queue]
            limit = min(self._page_size, room - sent)
            page = self._page(queue, now, after=after, limit=limit)
            # Moved before the work: a tenant whose page fails must not keep the others waiting.
            self._stopped_after[queue] = page[-1]["tenant_id"] if len(page) == limit else ""
            if page:
                sent += self._hint(queue, page)
            elif not after:
                break
        return sent

    def outstanding(self, queue: str, now: datetime) -> int:
        """How many commands have been hinted and not settled, counted up to the cap."""
        hinted = {"hint_at": {"$gt": self._horizon(now), "$lte": now + REHINT}}
        return self._commands.count_documents(
            {"queue": queue, "tenant_id": {"$gt": ""}, "next_at": {"$lte": now}} | hinted,
            hint="due",
            limit=self._cap,
        )

    def _horizon(self, now: datetime) -> datetime:
        """What is to be hinted by then is due now: hints sent before a loss have nothing to wait for."""
        return max(now, self._lost_at + REHINT)

    def _page(self, queue: str, now: datetime, *, after: str, limit: int) -> list[Document]:
        """The next due commands behind this tenant, tenant by tenant."""
        due = {
            "queue": queue,
            "tenant_id": {"$gt": after},
            "next_at": {"$lte": now},
            "active": True,
            "state": {"$in": RUNNABLE},
        }
        if self._marks.held:
            due["_id"] = {"$nin": list(self._marks.held)}
        trusted_until = Timestamp(int((self._logical - ACCEPTERS_TURN).timestamp()), 0)
        never_hinted = {"hint_at": AT_ONCE, "seq": {"$lte": trusted_until}}
        coming_back = {"hint_at": {"$gt": AT_ONCE, "$lte": self._horizon(now)}}
        found = (
            self._commands.find(
                {"$or": [due | never_hinted, due | coming_back]}, {"tenant_id": 1, "target": 1}
            )
            .sort([("tenant_id", 1), ("hint_at", -1), ("seq", 1)])
            .hint("due")
            .limit(limit)
            .batch_size(limit + 1)
        )
        return list(found)

    def _hint(self, queue: str, page: Sequence[Document]) -> int:
        free = self._marks.mark(page)
        try:
            hints.send(self._broker, queue, [(command["tenant_id"], command["target"]) for command in free])
        except Unheard:
            self._marks.forget(free)
            raise
        return len(free)


def relay_duty(relay: Relay) -> Duty:
    def tick() -> timedelta:
        sent = relay.tick()
        if sent:
            logger.debug("hinted", commands=sent)
        return BUSY if sent else IDLE

    return Duty("relay", tick)
