"""Stock Dramatiq: stock broker, stock middleware. Typed here, because the library is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message

QUEUE = "default"
MIN_BACKOFF_MS = 50


def broker(url: str) -> RedisBroker:
    made: RedisBroker = RedisBroker(url=url)
    return made


def declare(broker: dramatiq.Broker, name: str, act: Callable[..., None]) -> None:
    """Makes it an actor of this broker. A message that comes too early is retried soon: stock Dramatiq waits
    15 s."""
    dramatiq.actor(actor_name=name, broker=broker, min_backoff=MIN_BACKOFF_MS)(act)


def message(name: str, *args: Any) -> Message[None]:
    return Message(queue_name=QUEUE, actor_name=name, args=args, kwargs={}, options={})
