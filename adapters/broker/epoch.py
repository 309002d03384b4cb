"""Whether hints that were sent can still be there: a key in Valkey that vanishes with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from adapters.broker.hints import Unheard

KEY = "millwright:epoch"


class Epoch:
    """Remembers the key's value from one look to the next. `new` gives a value never used before."""

    def __init__(self, client: Redis, *, new: Callable[[], str]) -> None:
        self._client = client
        self._new = new
        self._known: Any = None

    def has_changed(self) -> bool:
        """Whether everything hinted before is lost; marks the epoch afresh. Raises: Unheard."""
        try:
            vanished = bool(self._client.set(KEY, self._new(), nx=True))
            current = self._client.get(KEY)
        except (RedisError, OSError) as error:
            raise Unheard(str(error)) from error
        changed = vanished or (self._known is not None and current != self._known)
        self._known = current
        return changed
