"""Sends the due rows of one channel, for one thread: claims them, checks that they are still valid, sends
them.

The ledger is written once for each message: `sending` of the next goes with the outcome of the one before. So
a thread has one message in progress at any moment, and a crash leaves only that one uncertain.
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

from adapters.delivery.audience import Audience, invalid_because, mail_at, order_of, person_id, reason
from adapters.delivery.claims import CLAIM, Group, Ledger
from adapters.delivery.gate import Gate
from adapters.delivery.ledger import message_id
from adapters.delivery.outcomes import Down, Outcome, Sender, Trouble, Uncertain
from adapters.delivery.row_updates import (
    cancel_update,
    end_update,
    final_outcome,
    postpone_update,
    release_update,
    state_of,
)
from adapters.delivery.turns import Turns
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from domain.notices.preferences import Preferences

ROUND = 20
"""Most recipients of one round: few, so that other couriers get the rest."""

ROUND_FOR = timedelta(seconds=5)
"""Then a round ends and releases the rest, so that the next tenant has its turn."""

CHOOSE_FROM = 10
"""A round is sampled from this many times as many rows, so that couriers seldom claim the same ones."""

STORM = 5
"""More ordinary rows than this for one person become one message."""

BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(hours=1)

IDLE = timedelta(seconds=1)
ALL_CLAIMED = timedelta(milliseconds=100)
"""Rest when other couriers had claimed everything due: more may be due soon."""

LONGEST_DOWN = timedelta(minutes=1)


class Dispatcher:
    """Call `tick` repeatedly from one thread, resting as long as it returns."""

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
        gate: Gate | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """`now` is the server's time. `new_token` returns a new unique token each time. `gate` is shared by
        all threads of the sender in this process."""
        self._ledger = Ledger(db, claim=claim)
        self._turns = Turns(self._ledger, sender.channel, now)
        self._gate = gate or Gate(sender.threads)
        self._monotonic = monotonic or SystemClock().monotonic
        self._audience = Audience(db)
        self._sender = sender
        self._now = now
        self._new_token = new_token
        self._chance = chance
        self._metrics = metrics
        self._stopped = stopped
        self._unwritten: list[UpdateMany] = []
        self._down = timedelta()

    def tick(self) -> timedelta:
        """Send one round: one tenant's turn, or one endpoint's. Returns how long to rest.

        Raises: Unavailable, Contention.
        """
        self._flush()
        if self._sender.collapses:
            tenant = self._turns.next_tenant()
            return self._round(tenant) if tenant else self._rest()
        endpoint = self._turns.enter(self._gate)
        if endpoint is None:
            return self._rest()
        try:
            return self._round(*endpoint)
        finally:
            self._gate.leave(endpoint)

    def _rest(self) -> timedelta:
        self._sender.rest()
        return IDLE

    def _round(self, tenant_id: str, recipient: str | None = None) -> timedelta:
        most = ROUND * CHOOSE_FROM
        due = self._ledger.due(
            self._sender.channel, self._now(), most, tenant_id=tenant_id, recipient=recipient
        )
        token = self._new_token()
        messages = self._claim(due, token)
        try:
            is_down = self._send_all(messages, token)
        finally:
            self._flush()
        if is_down:
            self._down = min(max(self._down * 2, IDLE), LONGEST_DOWN)
            return self._down
        self._down = timedelta()
        return timedelta() if messages else ALL_CLAIMED

    def _claim(self, due: Sequence[Document], token: str) -> list[Group]:
        """Claim a sample of the due rows; each group is one message."""
        if not self._sender.collapses:
            sample = self._chance.sample(due, min(len(due), ROUND))
            ours = self._ledger.take(sample, token)
            return [[row] for row in sample if row["_id"] in ours]
        groups = self._ledger.groups(due, self._now())
        some_groups = self._chance.sample(groups, min(len(groups), ROUND))
        return [
            message
            for group in self._ledger.take_groups(some_groups, token)
            for message in messages_of(group)
        ]

    def _send_all(self, messages: Sequence[Group], token: str) -> bool:
        """Send the messages in turn. True: the channel is down, and the rest was released."""
        until = self._monotonic() + ROUND_FOR.total_seconds()
        for at, message in enumerate(messages):
            if self._stopped() or self._monotonic() > until:
                self._release(messages[at:], token)
                return False
            rows = self._still_due(message, token)
            if rows:
                rows = self._begin(rows, token)
            if not rows:
                continue
            outcome = final_outcome(self._send(rows), rows, self._now())
            self._end(rows, outcome, token)
            if isinstance(outcome, Down):
                self._release(messages[at + 1 :], token, outcome.error)
                return True
        return False

    def _still_due(self, message: Group, token: str) -> list[Document]:
        """The rows to send now, with their recipient and order; the others are cancelled or postponed."""
        orders = self._audience.orders(message)
        is_personal = self._sender.channel == "email"
        people = self._audience.people(message) if is_personal else {}
        preferences = self._audience.preferences(people)
        now = self._now()
        left: list[Document] = []
        for row in message:
            person = people.get(person_id(row))
            own = preferences.get(person_id(row)) or Preferences(id=row["recipient"])
            why = invalid_because(row, orders)
            if is_personal and (person is None or not person["active"]):
                why = reason("user_inactive")
            if why:
                self._unwritten.append(cancel_update([row], token, why))
                self._count("cancelled", 1)
            elif person is None:
                left.append(row)
            elif (later := mail_at(own, row, now, is_due=True)) > now:
                self._unwritten.append(postpone_update([row], token, later, "quiet_hours"))
            else:
                context = {"person": person | {"time_zone": own.time_zone}, "order": order_of(row, orders)}
                left.append(row | context)
        return left

    def _begin(self, rows: list[Document], token: str) -> list[Document]:
        before = self._unwritten
        started = self._ledger.begin(rows, _message_id(rows), token, before=before)
        self._unwritten = []
        return started

    def _send(self, rows: Sequence[Document]) -> Outcome:
        try:
            return self._sender.send(rows)
        except Exception:  # noqa: BLE001 - whatever it is, it is unknown whether the message left: an operator decides
            logger.exception("sender failed with an internal error", delivery=rows[0]["_id"])
            return Uncertain(Trouble("internal_error", "the sender failed with an internal error"))

    def _end(self, rows: Sequence[Document], outcome: Outcome, token: str) -> None:
        self._unwritten.append(end_update(rows, outcome, token, after=self._backoff(rows[0]["attempts"])))
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
        ).info("delivery ended")

    def _release(self, messages: Sequence[Group], token: str, error: Trouble | None = None) -> None:
        rows = [row for message in messages for row in message]
        if rows:
            self._unwritten.append(release_update(rows, token, error))

    def _backoff(self, attempt: int) -> timedelta:
        """Full jitter, so that deliveries that failed together are not retried together."""
        longest = min(BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
        return timedelta(seconds=self._chance.uniform(1, longest.total_seconds()))

    def _flush(self) -> None:
        """Write pending updates. They are kept until written: a short outage must not make a sent row
        uncertain."""
        if self._unwritten:
            self._ledger.write(self._unwritten)
            self._unwritten = []

    def _count(self, state: str, rows: int) -> None:
        self._metrics.deliveries.labels(self._sender.channel, state).inc(rows)


def messages_of(group: Group) -> list[Group]:
    """The messages for one person's rows: a critical row alone; other rows together if there are many or in a
    digest. A message that an operator sends again keeps its rows."""
    resent: dict[str, Group] = {}
    ordinary: Group = []
    alone: list[Group] = []
    for row in group:
        if "message_id" in row:
            resent.setdefault(row["message_id"], []).append(row)
        elif row["critical"]:
            alone.append([row])
        else:
            ordinary.append(row)
    is_storm = len(ordinary) > STORM
    together = [row for row in ordinary if is_storm or row["digest"]]
    single = [[row] for row in ordinary if not (is_storm or row["digest"])]
    return [*alone, *resent.values(), *([together] if together else []), *single]


def _message_id(rows: Sequence[Document]) -> str:
    """The Message-ID of these rows: the stored one, else derived from them."""
    stored: str | None = rows[0].get("message_id")
    if stored:
        return stored
    if len(rows) == 1:
        return message_id(rows[0]["id"])
    return message_id("digest-" + sha256("|".join(row["id"] for row in rows).encode()).hexdigest()[:32])
