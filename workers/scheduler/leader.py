"""Leadership: of the scheduler processes that run, the one that holds the lease performs the duties."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from loguru import logger

from adapters.process.clock import Clock
from locks.keeper import Keeper
from locks.lease import Lease, Leases, Unreachable
from workers.duties.duty import Duty, Leadership
from workers.process.stop_signal import wait_for

LEASE = "scheduler"
TTL = timedelta(seconds=10)
"""Whatever the jobs' own TTLs say: work stands still no longer than this after a leader's death."""

TRY_EVERY = timedelta(seconds=2)

MakeDuties = Callable[[Lease], Sequence[Duty]]
"""Makes the duties of one leadership, with nothing remembered from an earlier one."""


class Scheduler:
    """Tries to become the leader until it is stopped, and performs the duties while it is."""

    def __init__(
        self, leases: Leases, make_duties: MakeDuties, *, clock: Clock, on_lost: Callable[[], None]
    ) -> None:
        self._leases = leases
        self._make_duties = make_duties
        self._clock = clock
        self._stop = threading.Event()
        self._on_lost = on_lost
        self._answered = False
        self._leadership: Leadership | None = None
        self.leading: Lease | None = None

    def run(self) -> None:
        """Until `stop` is called; the lease is then free for the next one."""
        while not self._stop.is_set():
            lease = self._try_to_lead()
            if lease is None:
                self._stop.wait(TRY_EVERY.total_seconds())
            else:
                self._lead(lease)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """From another thread than the one that runs."""
        self._stop.set()
        if leadership := self._leadership:
            leadership.over.set()

    def is_alive(self) -> bool:
        """False asks for a restart: a duty has died or hangs."""
        return (leadership := self._leadership) is None or leadership.is_alive()

    def is_ready(self) -> bool:
        """It leads, or could: the store has answered about the lease."""
        return self._answered and not self.stopping

    def _try_to_lead(self) -> Lease | None:
        try:
            lease = self._leases.acquire(LEASE, ttl=TTL)
        except Unreachable as error:
            self._answered = False
            logger.warning("no answer about the lease", lease=LEASE, reason=str(error))
            return None
        self._answered = True
        return lease

    def _lead(self, lease: Lease) -> None:
        logger.info("leading", lease=LEASE, fence=lease.token)
        leadership = Leadership(self._make_duties(lease), monotonic=self._clock.monotonic)

        def lose() -> None:
            self._on_lost()
            leadership.over.set()

        keeper = Keeper(self._leases, lease, monotonic=self._clock.monotonic, on_lost=lose)
        self.leading, self._leadership = lease, leadership
        if self._stop.is_set():  # stopped before there was a leadership to end
            leadership.over.set()
        try:
            with keeper, leadership:
                wait_for(leadership.over)
        except Unreachable as error:
            logger.warning("lease not released, it will expire", lease=LEASE, reason=str(error))
        finally:
            self.leading = self._leadership = None
        logger.info("no longer leading", lease=LEASE, fence=lease.token, lost=keeper.lost.is_set())
