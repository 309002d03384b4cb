"""Latency on an idle system: from the request until the command is applied."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from statistics import quantiles

import msgspec
from dramatiq.brokers.redis import RedisBroker
from pymongo.database import Database
from redis import Redis

from adapters.mongo.client import TRANSACTION, Document
from bench import apply, by_hand, echo, load, orders, stock
from bench.accept import token
from bench.ground import CLOCK, Ground
from bench.ratios import Sample
from bench.sides import Side
from bench.sizes import Sizes
from cli.stop import Stop

WARM_UP = 3


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """Our web and one worker; the rival's one worker. Each runs only while it is measured."""
    yield {
        "ours": partial(_ours, ground, sizes.round_trips),
        "bare": partial(_bare, ground, sizes.round_trips),
    }


def _ours(ground: Ground, count: int) -> Sample:
    """A POST that prefers to wait, until its 200 says that the command is applied."""
    with ExitStack() as stack:
        db = stack.enter_context(ground.database())
        stack.enter_context(apply.workers(ground, db, 1))
        port = stack.enter_context(ground.web("api", database=db))
        return _timed(stack.enter_context(client(port)), count)


@contextmanager
def client(port: int) -> Iterator[Callable[[], None]]:
    """A function that creates an order and returns when that is applied."""
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bearer = token()
        yield lambda: _create(connection, bearer)


def _create(connection: socket.socket, bearer: str) -> None:
    type, payload = orders.create(orders.new_id(), [orders.new_id() for _ in range(orders.ITEMS)])
    body = msgspec.json.encode(payload)
    path = f"/api/commands/{type}"
    connection.sendall(load.request(path, bearer, orders.new_id(), body, "Prefer: wait=10"))
    received = b""
    while (size := load.response_length(received)) is None or len(received) < size:
        more = connection.recv(65_536)
        if not more:
            raise Stop("The web process closed the connection.")
        received += more
    if not received.startswith(b"HTTP/1.1 200"):
        raise Stop(f"A command was not applied: {received[:1_000]!r}")


def _bare(ground: Ground, count: int) -> Sample:
    """A no-op round trip through a plain Dramatiq worker, and then one transaction that writes as much."""
    with ExitStack() as stack:
        db = stack.enter_context(ground.database())
        worker = stack.enter_context(ground.process("bench.echo", env=ground.environment(db)))
        worker.read()
        broker = stack.enter_context(closing(stock.broker(ground.redis_url)))
        client = stack.enter_context(closing(Redis.from_url(ground.redis_url)))
        return _timed(lambda: _round_trip(broker, client, db), count)


def _round_trip(broker: RedisBroker, client: Redis, db: Database[Document]) -> None:
    broker.enqueue(stock.message(echo.ACTOR))
    if client.blpop([echo.ANSWERS], timeout=10) is None:
        raise Stop("The plain Dramatiq worker did not answer.")
    command = orders.accepted(orders.create(orders.new_id(), [orders.new_id() for _ in range(orders.ITEMS)]))
    written = by_hand.apply(command, None, now=CLOCK.now())
    with db.client.start_session() as session, session.start_transaction(**TRANSACTION):
        db.commands.insert_one(command, session=session)
        db.work_orders.insert_one(written.order, session=session)
        db.events.insert_one(written.event, session=session)


def _timed(act: Callable[[], None], count: int) -> Sample:
    """The median and the 99th percentile of `count` calls, in milliseconds."""
    parts = quantiles(taken(act, lambda done: done < count), n=100)
    return Sample(parts[49], {"n": count, "p99": parts[98]})


def taken(act: Callable[[], None], goes_on: Callable[[int], bool]) -> list[float]:
    """The milliseconds of each call, repeated while `goes_on(number of calls)`."""
    for _ in range(WARM_UP):
        act()
    seen: list[float] = []
    while goes_on(len(seen)):
        began = CLOCK.monotonic()
        act()
        seen.append((CLOCK.monotonic() - began) * 1_000)
    return seen
