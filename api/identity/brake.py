"""The brake on failed logins of one address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from api.http.problem import Problem

MOST_ADDRESSES = 10_000


class Failures:
    """Failed logins per client address in a window, kept in this process: a brake, not a lockout."""

    def __init__(self, *, most: int, window: timedelta, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._window = window.total_seconds()
        self._monotonic = monotonic
        self._seen: dict[str, tuple[float, int]] = {}

    def begin(self, address: str) -> None:
        """Counts the attempt as failed until `succeeded` says otherwise, so that attempts at the same time
        cannot pass together. Raises: Problem 429: nothing was counted.
        """
        now = self._monotonic()
        since, count = self._seen.get(address, (now, 0))
        left = since + self._window - now
        if left <= 0:
            since, count = now, 0
        elif count >= self._most:
            wait = {"Retry-After": str(int(left) + 1)}
            raise Problem(429, "too_many_attempts", "too many failed logins from this address", headers=wait)
        if count == 0:
            # In the order of their windows' beginnings: the first is the one that ends first.
            self._seen.pop(address, None)
            if len(self._seen) >= MOST_ADDRESSES:
                del self._seen[next(iter(self._seen))]
        self._seen[address] = (since, count + 1)

    def succeeded(self, address: str) -> None:
        """Takes back what `begin` counted."""
        since, count = self._seen.get(address, (0.0, 0))
        if count > 1:
            self._seen[address] = (since, count - 1)
        else:
            self._seen.pop(address, None)
