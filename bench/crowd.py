"""Sends the bench's orders: online, one command per request, or as devices that replay a day's work.

`python -m bench.crowd PORT CONNECTIONS online|offline ORDERS`: reads the token from stdin, prints
`ready`, starts at the next line; prints one JSON line, an `Outcome`, when all is answered. Requests are built
before it starts.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
import uvloop

from bench import orders
from bench.device import envelope
from bench.ground import CLOCK
from bench.load import PATIENCE_S, Connection, Outcome, request
from bench.orders import PER_TARGET, NewCommand

_encode = msgspec.json.Encoder().encode
REPLAYS = "/api/offline/replays"


def online(token: str, lives: Sequence[Sequence[NewCommand]]) -> list[bytes]:
    """All the creates, then all the second commands, and so on: an order's commands are far apart."""
    turns = chain.from_iterable(zip(*lives, strict=True))
    return [
        request(f"/api/commands/{type}", token, orders.new_id(), _encode(payload)) for type, payload in turns
    ]


def offline(token: str, device: str, lives: Sequence[Sequence[NewCommand]]) -> list[bytes]:
    """The batches of one device, in the order in which it has done the work."""
    actions = [
        envelope.action(orders.new_id(), orders.target(life), seq, _action_fields(command))
        for life in lives
        for seq, command in enumerate(life, 1)
    ]
    requests = []
    while actions:
        count = envelope.fitting(actions)
        body = envelope.envelope(orders.new_id(), device, CLOCK.now(), actions[:count])
        requests.append(request(REPLAYS, token, orders.new_id(), body))
        del actions[:count]
    return requests


def _action_fields(command: NewCommand) -> dict[str, object]:
    type, payload = command
    return {"v": 1, "type": type, "payload": payload, "occurred_at": CLOCK.now()}


async def send(port: int, sources: Sequence[Iterator[bytes]]) -> Outcome:
    """Sends the requests of each source over its own connection, one at a time."""
    loop = asyncio.get_running_loop()
    statuses: dict[str, int] = {}
    began = CLOCK.monotonic()
    made = [
        await loop.create_connection(lambda source=source: Connection(source, statuses), "127.0.0.1", port)  # type: ignore[misc]
        for source in sources
    ]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(connection.done for _, connection in made))
    seconds = CLOCK.monotonic() - began
    for transport, _ in made:
        transport.abort()
    return Outcome(seconds, statuses)


def sources(token: str, how: str, connections: int, count: int) -> list[Iterator[bytes]]:
    lives = [orders.life(orders.new_id(), PER_TARGET) for _ in range(count)]
    if how == "online":
        shared = iter(online(token, lives))
        return [shared] * connections
    return [iter(offline(token, f"device-{n}", lives[n::connections])) for n in range(connections)]


def main() -> None:
    port, connections, how, count = sys.argv[1:]
    made = sources(sys.stdin.readline().strip(), how, int(connections), int(count))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    outcome = uvloop.run(send(int(port), made))
    sys.stdout.buffer.write(_encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
