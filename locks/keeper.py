"""Extends a lease in the background while work is done, and signals its loss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from locks.lease import Lease, Leases, Unreachable

EXTENSIONS_PER_TTL = 4
RETRY_SPEEDUP = 4
"""After a failure the keeper tries to extend that many times as often."""


class Keeper:
    """Extends the lease every quarter of its ttl, inside `with`; releases it at the end.

    `lost` is set by the local deadline at the latest, whatever the store does; `on_lost` is called once,
    from the keeper's thread.
    """

    def __init__(
        self,
        leases: Leases,
        lease: Lease,
        *,
        monotonic: Callable[[], float],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.lost = threading.Event()
        self._leases = leases
        self._lease = lease
        self._monotonic = monotonic
        self._on_lost = on_lost
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeper of {lease.name}", daemon=True)

    @property
    def lease(self) -> Lease:
        """The lease as of its last extension."""
        return self._lease

    @property
    def held(self) -> bool:
        """Whether the lease still holds. Check it before each step of the work: a pause may have outlasted
        it."""
        return not self.lost.is_set() and self._lease.holds(monotonic=self._monotonic())

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lease. Raises: Unreachable: not released; it will expire."""
        self._done.set()
        self._thread.join()
        if not self.lost.is_set():
            self._leases.release(self._lease)

    def _run(self) -> None:
        period = self._lease.ttl.total_seconds() / EXTENSIONS_PER_TTL
        pause = period
        while not self._done.wait(pause):
            try:
                extended = self._leases.extend(self._lease)
            except Unreachable:
                if self.held:
                    pause = period / RETRY_SPEEDUP
                    continue
                extended = None
            if extended is None:
                self.lost.set()
                self._on_lost()
                return
            self._lease, pause = extended, period
