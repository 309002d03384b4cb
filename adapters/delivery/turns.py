"""Whose turn it is to be served: tenants one after another, and the endpoints of each one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from adapters.delivery.claims import Ledger
from adapters.delivery.gate import Endpoint, Gate

MOST_SEEKS = 64
"""Queries of one round at most; the next round continues from there."""


class Turns:
    """One thread's place in the round. Raises: Unavailable, Contention."""

    def __init__(self, ledger: Ledger, channel: str, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._channel = channel
        self._now = now
        self._tenant = ""
        self._recipients: dict[str, str] = {}
        """By tenant: the endpoint served last."""

    def next_tenant(self) -> str | None:
        """The next tenant for which something is due; None: there is none at all."""
        for after in dict.fromkeys((self._tenant, "")):
            tenant = self._ledger.next_tenant(self._channel, self._now(), after=after)
            if tenant is not None:
                self._tenant = tenant
                return tenant
        return None

    def enter(self, gate: Gate) -> Endpoint | None:
        """The next endpoint that the gate admits; leave the gate afterwards. None: nothing is due, or all
        that is due belongs to endpoints at their limit."""
        refused: set[str] = set()
        for _ in range(MOST_SEEKS):
            tenant = self.next_tenant()
            if tenant is None or tenant in refused:
                return None
            if gate.admits(tenant):
                for recipient in self._of(tenant):
                    if gate.enter((tenant, recipient)):
                        self._recipients[tenant] = recipient
                        return tenant, recipient
            refused.add(tenant)
        return None

    def _of(self, tenant: str) -> Iterator[str]:
        """The endpoints of the tenant for which something is due, each once, after the one served last."""
        start = self._recipients.pop(tenant, "")
        place, has_wrapped = start, False
        for _ in range(MOST_SEEKS):
            recipient = self._ledger.next_recipient(self._channel, self._now(), tenant, after=place)
            if recipient is None and not has_wrapped and start:
                place, has_wrapped = "", True
                continue
            if recipient is None or (has_wrapped and recipient > start):
                return
            yield recipient
            place = recipient
