"""Bounds how many of a sender's threads one tenant or endpoint may hold, so that slow ones stop no other."""

from __future__ import annotations

import threading
from collections import Counter

Endpoint = tuple[str, str]
"""(tenant id, recipient)"""


class Gate:
    """Shared by the threads of one sender in one process: half of them for a tenant, a quarter for one of its
    endpoints."""

    def __init__(self, threads: int) -> None:
        self._per_tenant = max(1, threads // 2)
        self._per_endpoint = max(1, threads // 4)
        self._lock = threading.Lock()
        self._tenants: Counter[str] = Counter()
        self._endpoints: Counter[Endpoint] = Counter()

    def admits(self, tenant_id: str) -> bool:
        """Whether the tenant is below its limit."""
        return self._tenants[tenant_id] < self._per_tenant

    def enter(self, endpoint: Endpoint) -> bool:
        """Take a place, if there is one for the endpoint; if true, `leave` afterwards."""
        with self._lock:
            if not self.admits(endpoint[0]) or self._endpoints[endpoint] >= self._per_endpoint:
                return False
            self._tenants[endpoint[0]] += 1
            self._endpoints[endpoint] += 1
            return True

    def leave(self, endpoint: Endpoint) -> None:
        with self._lock:
            self._tenants[endpoint[0]] -= 1
            self._endpoints[endpoint] -= 1
            # Drop counts of zero: endpoints come and go.
            self._tenants, self._endpoints = +self._tenants, +self._endpoints
