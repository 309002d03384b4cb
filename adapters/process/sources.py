"""Where a process gets time, ids and chance: one value, made where the process is wired."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

import msgspec


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """`now`: the server's time, which decides what is due. `monotonic`: seconds, for how long something took,
    since the server's clock may be set. `new_id`: fresh UUIDv7s, for one thread at a time."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    chance: random.Random
