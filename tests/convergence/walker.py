"""A process of devices, killed at any moment: each does its day's work and sends it over a bad network.

`python -m tests.convergence.walker FILE`: JSON of a `Walk`. Runs until it is killed; all that must outlive it
is in the outboxes.
"""

from __future__ import annotations

import random
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from adapters.process.clock import SystemClock
from bench.device.client import Client
from bench.device.outbox import Outbox, Row
from bench.device.wire import Http
from tests.convergence.hostile import Hostile, weather
from tests.support.seeds import new_id

Json = dict[str, Any]

HURRY = 20
"""Seconds of a device to one of the machine: nobody waits five minutes here."""

IDLE_S = 2.0


class Deed(msgspec.Struct, frozen=True):
    """`may_drop`: its user may think better of it."""

    type: str
    lane: str
    payload: Json
    may_drop: bool = False


class Device(msgspec.Struct, frozen=True, kw_only=True):
    device_id: str
    token: str
    file: str
    script: list[Deed]


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    bad: float
    devices: list[Device]


class Hurried:
    """The machine's clocks, but seconds pass quickly."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() * HURRY

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds / HURRY)


def live(device: Device, port: int, bad: float) -> None:
    """Goes on where its file says that it was."""
    chance, clock = random.SystemRandom(), Hurried()
    send = Http("127.0.0.1", port, device.token, timeout_s=5)
    network = Hostile(send, weather(chance, bad=bad), chance)
    client = Client(
        Outbox(Path(device.file)),
        network,
        device_id=device.device_id,
        clock=clock,
        chance=chance,
        new_id=new_id,
        poll_every=timedelta(seconds=10),
    )
    done = sum("resolves" not in row.fields for row in client.outbox.all())
    while True:
        for deed in device.script[done : done + chance.randrange(8)]:
            act(client, deed, chance)
            done += 1
        wait_s = client.step()
        decide(client, chance)
        if done == len(device.script) or wait_s:
            clock.sleep(min(IDLE_S if wait_s is None else wait_s, 5 * IDLE_S))


def act(client: Client, deed: Deed, chance: random.Random) -> None:
    id = client.do(deed.type, deed.lane, deed.payload)
    if deed.may_drop and chance.random() < 0.1:
        client.discard(id)


SETTLED = ("nothing_to_resolve", "already_resolved")


def decide(client: Client, chance: random.Random) -> None:
    """Each conflict that is open and this device has not decided yet, one way or the other."""
    rows = client.outbox.all()
    decided = {row.fields["resolves"] for row in rows if "resolves" in row.fields and not failed(row)}
    for row in rows:
        if row.state == "conflict" and "allowed" in row.outcome and row.id not in decided:
            settle(client, row, chance)


def failed(row: Row) -> bool:
    """A way out that has left the conflict open."""
    code = row.outcome.get("error", {}).get("code")
    return row.state == "conflict" or (row.state == "rejected" and code not in SETTLED)


def settle(client: Client, row: Row, chance: random.Random) -> None:
    diff = row.outcome["error"].get("diff", ())
    choice = chance.choice(("take_server", "send_to_planner", "reapply"))
    if choice == "reapply" and diff:
        client.reapply(row.id, base_version=max(line["version"] for line in diff))
    elif choice == "send_to_planner":
        client.decide(row.id, "send_to_planner")
    else:
        client.decide(row.id, "take_server")


def main() -> None:
    walk = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Walk)
    for device in walk.devices:
        threading.Thread(target=live, args=(device, walk.port, walk.bad)).start()


if __name__ == "__main__":
    main()
