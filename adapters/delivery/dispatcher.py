"""One thread's work on one channel: takes what is due, looks whether it still is, and has it sent.

The ledger is written once for each message: `sending` for the next goes with the outcome of the one before.
So at any moment a thread has one message under way, and a kill leaves that one in doubt and no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from loguru import logger
from pymongo import UpdateMany
from pymongo.database import Database

from adapters.delivery.audience import Facts, mail_at, obsolete, order_of, person_id, reason
from adapters.delivery.claims import CLAIM, Group, Ledger
from adapters.delivery.ledger import message_id
from adapters.delivery.outcomes import Down, Outcome, Sender, Trouble, Uncertain
from adapters.delivery.row_updates import cancelled, ending, given_up, postponed, released, state_of
from adapters.mongo.client import Document
from adapters.process.metrics import Metrics
from domain.notices.preferences import Preferences

ROUND = 20
"""Recipients that one round takes: few, so that the rest is left to other couriers."""

CHOOSE_FROM = 10
"""A round is drawn from that many times as much, so that couriers seldom reach for the same."""

STORM = 5
"""More calm rows than these for one person become one message."""

BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(hours=1)

IDLE = timedelta(seconds=1)
TAKEN = timedelta(milliseconds=100)
"""What was due went to others: there may be more at once."""

LONGEST_DOWN = timedelta(minutes=1)


class Carrier:
    """Call `tick` again and again, from one thread, and rest as long as it says."""

    def __init__(
        self,
        db: Database[Any],
        sender: Sender,
        *,
        now: Callable[[], datetime],
        new_token: Callable[[], str],
        chance: random.Random,
        metrics: Metrics,
        stopped: Callable[[], bool] = lambda: False,
        claim: timedelta = CLAIM,
    ) -> None:
        """`now` is the server's time. `new_token` gives what was never given before."""
        self._ledger = Ledger(db, claim=claim)
        self._facts = Facts(db)
        self._sender = sender
        self._now = now
        self._new_token = new_token
        self._chance = chance
        self._metrics = metrics
        self._stopped = stopped
        self._unwritten: list[UpdateMany] = []
        self._down = timedelta()

    def tick(self) -> timedelta:
        """One round. Returns how long to rest. Raises: Unavailable, Contention."""
        self._flush()
        due = self._ledger.due(self._sender.channel, self._now(), ROUND * CHOOSE_FROM)
        if not due:
            self._sender.rest()
            return IDLE
        token = self._new_token()
        messages = self._take(due, token)
        try:
            is_down = self._carry(messages, token)
        finally:
            self._flush()
        if is_down:
            self._down = min(max(self._down * 2, IDLE), LONGEST_DOWN)
            return self._down
        self._down = timedelta()
        return timedelta() if messages else TAKEN

    def _take(self, due: Sequence[Document], token: str) -> list[Group]:
        """Claims some of what is due; each group is one message."""
        if not self._sender.collapses:
            some = self._chance.sample(due, min(len(due), ROUND))
            ours = self._ledger.take(some, token)
            return [[row] for row in some if row["_id"] in ours]
        groups = self._ledger.groups(due, self._now())
        some_groups = self._chance.sample(groups, min(len(groups), ROUND))
        return [
            message
            for group in self._ledger.take_groups(some_groups, token)
            for message in messages_of(group)
        ]

    def _carry(self, messages: Sequence[Group], token: str) -> bool:
        """Sends them one after another; true: the channel is down, and the rest was let go."""
        for at, message in enumerate(messages):
            if self._stopped():
                self._let_go(messages[at:], token)
                return False
            rows = self._still_due(message, token)
            if rows:
                rows = self._begin(rows, token)
            if not rows:
                continue
            outcome = given_up(self._send(rows), rows, self._now())
            self._end(rows, outcome, token)
            if isinstance(outcome, Down):
                self._let_go(messages[at + 1 :], token, outcome.error)
                return True
        return False

    def _still_due(self, message: Group, token: str) -> list[Document]:
        """What of it is to be said now, with the person it is said to; the rest is cancelled or put off."""
        orders = self._facts.orders(message)
        is_personal = self._sender.channel == "email"
        people = self._facts.people(message) if is_personal else {}
        wishes = self._facts.preferences(people)
        now = self._now()
        left: list[Document] = []
        for row in message:
            person = people.get(person_id(row))
            wished = wishes.get(person_id(row)) or Preferences(id=row["recipient"])
            why = obsolete(row, orders)
            if is_personal and (person is None or not person["active"]):
                why = reason("user_inactive")
            if why:
                self._unwritten.append(cancelled([row], token, why))
                self._count("cancelled", 1)
            elif person is None:
                left.append(row)
            elif (heard := mail_at(wished, row, now, is_due=True)) > now:
                self._unwritten.append(postponed([row], token, heard, "quiet_hours"))
            else:
                told = {"person": person | {"time_zone": wished.time_zone}, "order": order_of(row, orders)}
                left.append(row | told)
        return left

    def _begin(self, rows: list[Document], token: str) -> list[Document]:
        before = self._unwritten
        begun = self._ledger.begin(rows, _message_id(rows), token, before=before)
        self._unwritten = []
        return begun

    def _send(self, rows: Sequence[Document]) -> Outcome:
        try:
            return self._sender.send(rows)
        except Exception:  # noqa: BLE001 - whatever it is, nobody knows what has left: a person decides
            logger.exception("a sender met a fault of ours", delivery=rows[0]["_id"])
            return Uncertain(Trouble("internal_error", "the sender met a fault of ours"))

    def _end(self, rows: Sequence[Document], outcome: Outcome, token: str) -> None:
        self._unwritten.append(ending(rows, outcome, token, after=self._backoff(rows[0]["attempts"])))
        state = state_of(outcome)
        self._count(state, len(rows))
        error = None if state == "sent" else getattr(outcome, "error", None)
        logger.bind(
            delivery=rows[0]["_id"],
            channel=self._sender.channel,
            rows=len(rows),
            state=state,
            attempt=rows[0]["attempts"],
            code=error.code if error else None,
        ).info("delivery settled")

    def _let_go(self, messages: Sequence[Group], token: str, error: Trouble | None = None) -> None:
        rows = [row for message in messages for row in message]
        if rows:
            self._unwritten.append(released(rows, token, error))

    def _backoff(self, attempt: int) -> timedelta:
        """Full jitter, so that what failed together does not come back together."""
        longest = min(BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
        return timedelta(seconds=self._chance.uniform(1, longest.total_seconds()))

    def _flush(self) -> None:
        """Kept until it is written: what is known to be sent must not end in doubt for a short outage."""
        if self._unwritten:
            self._ledger.write(self._unwritten)
            self._unwritten = []

    def _count(self, state: str, rows: int) -> None:
        self._metrics.deliveries.labels(self._sender.channel, state).inc(rows)


def messages_of(group: Group) -> list[Group]:
    """How a person is told these rows: what is critical alone; the rest together when it is a storm, or where
    they asked for a digest. A message that a person has ordered sent again is what it was."""
    again: dict[str, Group] = {}
    calm: Group = []
    alone: list[Group] = []
    for row in group:
        if "message_id" in row:
            again.setdefault(row["message_id"], []).append(row)
        elif row["critical"]:
            alone.append([row])
        else:
            calm.append(row)
    is_storm = len(calm) > STORM
    together = [row for row in calm if is_storm or row["digest"]]
    single = [[row] for row in calm if not (is_storm or row["digest"])]
    return [*alone, *again.values(), *([together] if together else []), *single]


def _message_id(rows: Sequence[Document]) -> str:
    """The same for the same rows; what was given once is kept."""
    kept: str | None = rows[0].get("message_id")
    if kept:
        return kept
    if len(rows) == 1:
        return message_id(rows[0]["id"])
    return message_id("digest-" + sha256("|".join(row["id"] for row in rows).encode()).hexdigest()[:32])
