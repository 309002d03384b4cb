"""Which hints lie in the broker and were not fetched yet: none is sent twice, and there is a most.

Hints are fetched in the order in which they were sent. So while the first of a queue stays the same, all that
was sent since still lies there.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from redis import Redis

from adapters.commands.document import TargetQueue

MOST_WAITING = 500
"""Hints of one queue. What else is due the relay sends when these have been fetched."""

MOST_LINES = 50_000
"""Target queues of one queue that one process remembers to have hinted."""


class Crowded(Exception):
    """So many hints lie there unfetched that no more are sent."""


class WaitingHints:
    """As far as this process has sent them. Its methods raise RedisError."""

    def __init__(self, client: Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._lock = threading.Lock()
        self._first: dict[str, Any] = {}
        self._lying: defaultdict[str, dict[tuple[str, TargetQueue], None]] = defaultdict(dict)

    def missing(self, name: str, kind: str, lines: Iterable[TargetQueue]) -> list[TargetQueue]:
        """Those of which no hint of this kind lies in the queue `name`. Raises: Crowded."""
        with self._client.pipeline(transaction=False) as asked:
            # Reads only: the library's own count takes what was fetched for waiting, and writes beside.
            asked.llen(f"{self._namespace}:{name}")
            asked.lindex(f"{self._namespace}:{name}", 0)
            count, first = asked.execute()
        with self._lock:
            if first is None or first != self._first.get(name):
                self._first[name] = first
                self._lying[name].clear()
            lying = self._lying[name]
            missing = [line for line in dict.fromkeys(lines) if (kind, line) not in lying]
            if missing and (count >= MOST_WAITING or len(lying) >= MOST_LINES):
                raise Crowded(f"{count} hints lie in the queue {name}, unfetched")
            return missing

    def sent(self, name: str, kind: str, lines: Iterable[TargetQueue], id: str | None) -> None:
        """They lie there now. `id`: the broker's name for the hint, which may be the first."""
        with self._lock:
            if self._first.get(name) is None and id is not None:
                self._first[name] = id.encode()
            self._lying[name].update(((kind, line), None) for line in lines)
