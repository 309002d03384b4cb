"""The courier: threads of each worker process that spread notices and carry the ledger's rows outside.

Couriers of all processes work side by side. Nothing here decides whether something goes twice: that is the
ledger's, whose rows are there once and move by compare-and-set.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from loguru import logger
from pymongo.database import Database

from adapters.delivery.claims import CLAIM, Ledger
from adapters.delivery.dispatcher import Dispatcher
from adapters.delivery.fan_out import FanOut
from adapters.delivery.gate import Gate
from adapters.delivery.outcomes import Sender
from adapters.mongo.client import Contention, Unavailable, UnknownOutcome
from adapters.process.metrics import Metrics

IDLE = timedelta(seconds=1)
SWEEP_EVERY = timedelta(seconds=5)
LEAVE_WITHIN = timedelta(seconds=15)
"""A message under way may need longer; it is then left in doubt, as if we had been killed."""

KNOWN = (Unavailable, Contention, UnknownOutcome)


class Courier:
    """`start` and `stop` its threads."""

    def __init__(
        self,
        db: Database[Any],
        senders: Sequence[Sender],
        *,
        mail_configured: bool,
        now: Callable[[], datetime],
        new_token: Callable[[], str],
        monotonic: Callable[[], float],
        chance: random.Random,
        metrics: Metrics,
        claim: timedelta = CLAIM,
    ) -> None:
        """One sender for each channel. `now` is the server's time; `new_token` never gives the same twice."""
        self._senders = senders
        self._ledger = Ledger(db, claim=claim)
        self._spreader = FanOut(db, metrics, mail_configured=mail_configured)
        self._now = now
        self._new_token = new_token
        self._monotonic = monotonic
        self._metrics = metrics
        self._swept = -SWEEP_EVERY.total_seconds()
        self._stopped = threading.Event()
        works = [("spreader", self.spread, self._nothing)]
        for sender in senders:
            gate = Gate(sender.threads)
            for n in range(sender.threads):
                carrier = Dispatcher(
                    db,
                    sender,
                    now=now,
                    new_token=new_token,
                    chance=chance,
                    metrics=metrics,
                    stopped=self._stopped.is_set,
                    claim=claim,
                    gate=gate,
                    monotonic=monotonic,
                )
                works.append((f"{sender.channel} {n}", carrier.tick, sender.rest))
        self._threads = [
            threading.Thread(target=self._work, args=(tick, rest), name=f"courier {name}", daemon=True)
            for name, tick, rest in works
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the messages under way; what was not begun is free for others at once."""
        self._stopped.set()
        deadline = self._monotonic() + LEAVE_WITHIN.total_seconds()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(deadline - self._monotonic(), 0))

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def spread(self) -> timedelta:
        """Notices into the ledger, and rows of the gone to where they belong. Returns how long to rest."""
        self._sweep()
        return timedelta() if self._spreader.tick(self._now(), self._new_token()) else IDLE

    def _sweep(self) -> None:
        if self._monotonic() - self._swept < SWEEP_EVERY.total_seconds():
            return
        self._swept = self._monotonic()
        for sender in self._senders:
            left = self._ledger.sweep([sender.channel], repeatable=sender.repeatable)
            if left:
                state = "pending" if sender.repeatable else "uncertain"
                self._metrics.deliveries.labels(sender.channel, state).inc(left)
                logger.warning("deliveries were left under way", channel=sender.channel, rows=left, now=state)

    def _work(self, tick: Callable[[], timedelta], rest: Callable[[], None]) -> None:
        pause = timedelta()
        while not self._stopped.wait(pause.total_seconds()):
            try:
                pause = tick()
            except Exception as error:  # noqa: BLE001 - the drains of this process must not pay for it
                known = isinstance(error, KNOWN)
                logger.opt(exception=not known).warning("deliveries wait", reason=str(error))
                pause = IDLE
        rest()

    def _nothing(self) -> None:
        """The spreader holds on to nothing."""
