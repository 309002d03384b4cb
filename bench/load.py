"""The load generator: a lean HTTP/1.1 client in a process of its own, so that it is not the bottleneck.

`python -m bench.load PORT PATH CONNECTIONS COUNT`: the token on stdin; prints one JSON line, an `Outcome`.
Requests are made before the clock starts, each with its own Idempotency-Key; each connection sends its next
one when it has its answer.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import cast

import msgspec
import uvloop

from bench import orders
from bench.ground import CLOCK

PATIENCE_S = 120.0
"""For all answers; a server that hangs must not hang the bench."""

_encode = msgspec.json.Encoder().encode
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Outcome(msgspec.Struct, frozen=True):
    """The duration, and the number of responses by status."""

    seconds: float
    statuses: dict[str, int]


def request(path: str, token: str, key: str, body: bytes, *more: str) -> bytes:
    """One POST as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Idempotency-Key: {key}",
        f"Content-Length: {len(body)}",
        *more,
    )
    return "\r\n".join((*head, "", "")).encode() + body


def creates(path: str, token: str, count: int) -> list[bytes]:
    """Requests to create so many different work orders."""
    made = []
    for _ in range(count):
        _, payload = orders.create(orders.new_id(), [orders.new_id() for _ in range(orders.ITEMS)])
        made.append(request(path, token, orders.new_id(), _encode(payload)))
    return made


class Connection(asyncio.Protocol):
    """Sends the requests of a source one at a time; `done` when there are no more."""

    def __init__(self, source: Iterator[bytes], statuses: dict[str, int]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._source = source
        self._statuses = statuses
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        size = response_length(self._received)
        if size is None or len(self._received) < size:
            return
        status = self._received[9:12].decode()
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._received = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._source, None)
        if request is None:
            self.done.set_result(None)
        elif self._transport is not None:
            self._transport.write(request)


def response_length(received: bytes) -> int | None:
    """Bytes of the whole answer; None while its head is not complete."""
    end = received.find(_END)
    if end < 0:
        return None
    head = received[:end].lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    stop = head.find(b"\r\n", start)
    return end + len(_END) + int(head[start : stop if stop > 0 else end])


async def send(port: int, connections: int, requests: list[bytes]) -> Outcome:
    """All of them, over so many connections at once."""
    loop = asyncio.get_running_loop()
    statuses: dict[str, int] = {}
    source = iter(requests)
    began = CLOCK.monotonic()
    made = [
        await loop.create_connection(lambda: Connection(source, statuses), "127.0.0.1", port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(connection.done for _, connection in made))
    seconds = CLOCK.monotonic() - began
    for transport, _ in made:
        transport.abort()
    return Outcome(seconds, statuses)


def main() -> None:
    port, path, connections, count = sys.argv[1:]
    requests = creates(path, sys.stdin.readline().strip(), int(count))
    outcome = uvloop.run(send(int(port), int(connections), requests))
    sys.stdout.buffer.write(_encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
