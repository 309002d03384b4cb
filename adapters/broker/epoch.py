"""Whether hints that were sent can still be there: a key in Valkey that vanishes with them.

A Valkey at its `maxmemory` refuses even that hints are fetched. All of ours are made again from MongoDB, so
they are deleted, the key with them; should others fill it, it stays refused, and workers go on without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loguru import logger
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from adapters.broker.hints import NAMESPACE, Unheard

KEY = f"{NAMESPACE}:epoch"
PAGE = 1_000


class Epoch:
    """Remembers the key's value from one look to the next. `new` gives a value never used before."""

    def __init__(self, client: Redis, *, new: Callable[[], str]) -> None:
        self._client = client
        self._new = new
        self._known: Any = None
        self._is_full = False

    def has_changed(self) -> bool:
        """Whether everything hinted before is lost; marks the epoch afresh. Raises: Unheard."""
        try:
            vanished = bool(self._client.set(KEY, self._new(), nx=True))
            current = self._client.get(KEY)
        except OutOfMemoryError as error:
            self._make_room()
            raise Unheard(str(error)) from error
        except (RedisError, OSError) as error:
            raise Unheard(str(error)) from error
        self._is_full = False
        changed = vanished or (self._known is not None and current != self._known)
        self._known = current
        return changed

    def _make_room(self) -> None:
        """Delete what is ours; once, as what others fill we cannot free. Raises: Unheard."""
        if self._is_full:
            return
        self._is_full = True
        logger.error("the broker is full: our hints are deleted and sent anew")
        try:
            for key in self._client.scan_iter(match=f"{NAMESPACE}:*", count=PAGE):
                self._client.unlink(key)
        except (RedisError, OSError) as error:
            raise Unheard(str(error)) from error
