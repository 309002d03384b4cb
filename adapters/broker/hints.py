"""Hints: Dramatiq messages that carry names of lines and nothing else.

A hint can be lost, doubled or late without harm: the command documents are the truth, the relay hints again
what was forgotten. So no Dramatiq retries, delays, results or time limits are used. What lies there unfetched
is not sent again, and no more lies there than MOST_WAITING (`waiting.py`), however long nobody fetches.

Two faults of the stock Redis consumer are mended here: it sleeps up to a second between polls when idle
(a pub/sub doorbell wakes ours), and errors other than `ConnectionError` kill its thread for good.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import BrokerConnectionError, ConnectionClosed
from dramatiq.message import Message
from dramatiq.middleware import Middleware
from redis.exceptions import RedisError

from adapters.broker.waiting import Crowded, WaitingHints
from adapters.commands.document import TargetQueue
from adapters.process.clock import SystemClock
from tasks.queues import QUEUES

ACTOR = "drain"
LINES_PER_HINT = 200
"""As many as one batch takes: with fewer, the hints that a process holds make smaller batches."""

LOOKS = "looks"
"""Instead of a queue: lines of the queue `time` in which something may be due that nobody has accepted."""

TIMEOUT = timedelta(milliseconds=250)
NAMESPACE = "millwright"
DOORBELL = f"{NAMESPACE}:doorbell:"

IDLE = timedelta(seconds=1)


class Unheard(Exception):
    """The broker could not be reached in time. Nobody's problem but the relay's."""


def broker(url: str, middleware: Sequence[Middleware] = (), *, timeout: timedelta = TIMEOUT) -> HintBroker:
    """A broker that knows our queues. `timeout` bounds each socket operation. Opens no connection."""
    seconds = timeout.total_seconds()
    client = redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None)
    made = HintBroker(client=client, middleware=list(middleware), namespace=NAMESPACE)
    for queue in QUEUES:
        made.declare_queue(queue)
    return made


def chunks(lines: Iterable[TargetQueue]) -> Iterator[list[TargetQueue]]:
    """Distinct lines in order, as many as one hint carries."""
    distinct = list(dict.fromkeys(lines))
    for start in range(0, len(distinct), LINES_PER_HINT):
        yield distinct[start : start + LINES_PER_HINT]


def send(broker: HintBroker, queue: str, lines: Iterable[TargetQueue]) -> None:
    """Hint these lines of a queue, or of LOOKS, but for those whose hint still lies there.

    Raises: Unheard: some or all may be lost.
    """
    name = "time" if queue == LOOKS else queue
    try:
        for chunk in chunks(broker.waiting.missing(name, queue, lines)):
            message = broker.enqueue(
                Message(queue_name=name, actor_name=ACTOR, args=(queue, chunk), kwargs={}, options={})
            )
            broker.waiting.sent(name, queue, chunk, message.options.get("redis_message_id"))
    except (BrokerConnectionError, RedisError, OSError, Crowded) as error:
        raise Unheard(str(error)) from error


class HintBroker(RedisBroker):
    """The Redis broker with a doorbell at each queue and without delay queues.

    `closing` is set when the worker stops: nothing more is fetched, so that what waits goes to others.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.closing = threading.Event()
        self.waiting = WaitingHints(self.client, self.namespace)
        self._monotonic = SystemClock().monotonic
        self._made_at = self._monotonic()
        self._asked_at: dict[str, float] = {}

    @property
    def consumer_class(self) -> Any:
        return _HintConsumer

    def unheard_for(self, queue: str) -> timedelta:
        """How long ago a consumer of ours last asked for this queue's hints, and was answered."""
        return timedelta(seconds=self._monotonic() - self._asked_at.get(queue, self._made_at))

    def was_asked(self, queue: str) -> None:
        self._asked_at[queue] = self._monotonic()

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        sent = super().enqueue(message, delay=delay)
        self.client.publish(DOORBELL + message.queue_name, b"")
        return sent


class _HintConsumer(_RedisConsumer):
    """Fetches at once when there is something to fetch and a thread to run it, and sleeps otherwise."""

    def __init__(self, broker: HintBroker, queue_name: str, prefetch: int, _timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout=0)  # 0: the parent's own sleep ends at once
        self._closing = broker.closing
        self._was_asked = partial(broker.was_asked, queue_name)
        self._freed = threading.Event()
        self._bell = broker.client.pubsub(ignore_subscribe_messages=True)
        try:
            self._bell.subscribe(DOORBELL + queue_name)
        except (RedisError, OSError) as error:
            raise ConnectionClosed(error) from None

    def __next__(self) -> Any:
        if self._closing.is_set() and not self.message_cache:
            self._freed.wait(IDLE.total_seconds())
            return None
        try:
            full = self.outstanding_message_count >= self.prefetch
            self._freed.clear()
            message = super().__next__()
            self._was_asked()
            if message is None and full:
                self._freed.wait(IDLE.total_seconds())
            elif message is None:
                self._bell.get_message(timeout=IDLE.total_seconds())
            return message
        except (RedisError, OSError) as error:  # the stock consumer dies of all but ConnectionError
            raise ConnectionClosed(error) from None

    def ack(self, message: Any) -> None:
        self._finish(super().ack, message)

    def nack(self, message: Any) -> None:
        self._finish(super().nack, message)

    def requeue(self, messages: Any) -> None:
        self._finish(super().requeue, messages)

    def _finish(self, act: Any, subject: Any) -> None:
        try:
            act(subject)
        except (RedisError, OSError) as error:
            raise ConnectionClosed(error) from None
        finally:
            self._freed.set()

    def close(self) -> None:
        self._bell.close()
