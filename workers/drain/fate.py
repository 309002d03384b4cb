"""Every ending in one table: what a handler raised, what becomes of the command, and of its line.

| raised | the command | its line |
|---|---|---|
| nothing | `applied` | goes on |
| `Rejected` | `rejected`, never retried | goes on |
| `Conflict` | `conflict` | goes on |
| `Rejected` for one of `REVIEWED`, of work done offline | `parked` for a review | passes it |
| `Missing`, and its create is on the way | unchanged, `after` the create | waits |
| `Missing`, and its create is dead | `parked` | passes it |
| `Missing`, named by a device, and no create is known | `parked` until it has come | passes it |
| `Transient` | `retrying` with full jitter, at last `dead` | waits; goes on after `dead` |
| `Newer` | unchanged, nothing counted | waits for a newer worker |
| anything else: a bug | 3 attempts within 15 s, then `dead` | waits; goes on after `dead` |

What a device did behind a conflict or a review of its own is `parked` before it is run (see
`workers/drain/lanes.py`).
Contention of the store never gets here: the executor reads again and repeats.
"""

from __future__ import annotations

import hashlib
import random
import traceback
from datetime import timedelta

import msgspec

from adapters.commands.document import LONGEST_PAUSE, State
from adapters.mongo.client import Document, Unwritable
from domain.errors import Conflict, Rejected, Transient

BUG_ATTEMPTS = 3
BUG_DELAYS = (timedelta(seconds=2), timedelta(seconds=10))
"""Ceilings of the full-jitter delay after the first and the second bug: 3 attempts fit in 15 s."""

TRANSIENT_ATTEMPTS = 12
TRANSIENT_FLOOR = timedelta(seconds=1)


class Newer(Exception):
    """A command or an entity of a schema newer than this worker's: leave it to a newer worker."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a command that raised `error`. `delay` only with `retrying`."""

    state: State
    error: Document
    delay: timedelta | None = None


def fate_of(error: Exception, *, attempts: int, chance: random.Random) -> Fate:
    """The table above. `attempts` counts the earlier ones; `chance` jitters the delay."""
    match error:
        case Conflict():
            return Fate(state="conflict", error=describe(error) | {"diff": error.diff})
        case Rejected():
            return Fate(state="rejected", error=describe(error))
        case Unwritable(is_duplicate=True, taken=names):
            value = " and ".join(names) or "unique value"
            path = names[0] if len(names) == 1 else None
            taken = Rejected("duplicate", f"another entity holds this {value}", path=path)
            return Fate(state="rejected", error=describe(taken))
        case Transient():
            return _retry(error, attempts, TRANSIENT_ATTEMPTS, _backoff(attempts), chance)
        case _:
            ceiling = BUG_DELAYS[min(attempts, len(BUG_DELAYS) - 1)]
            return _retry(error, attempts, BUG_ATTEMPTS, ceiling, chance)


def _backoff(attempts: int) -> timedelta:
    return min(TRANSIENT_FLOOR * (1 << attempts), LONGEST_PAUSE)


def _retry(error: Exception, attempts: int, budget: int, ceiling: timedelta, chance: random.Random) -> Fate:
    if attempts + 1 >= budget:
        return Fate(state="dead", error=describe(error))
    delay = ceiling * chance.random()
    return Fate(state="retrying", error=describe(error), delay=delay)


def describe(error: Exception) -> Document:
    """An error as it is stored: words for a client, a class, fingerprint and traceback for an operator."""
    if isinstance(error, Rejected | Conflict):
        described: Document = {"code": error.code, "message": error.message}
        if error.path:
            described["path"] = error.path
        if error.params:
            described["params"] = msgspec.to_builtins(error.params, enc_hook=str)
        return described
    code = "unavailable" if isinstance(error, Transient) else "internal_error"
    frames = traceback.extract_tb(error.__traceback__)
    place = "|".join(f"{frame.filename.rpartition('/')[2]}:{frame.name}" for frame in frames[-5:])
    kind = type(error).__qualname__
    return {
        "code": code,
        "message": "something outside is down"
        if code == "unavailable"
        else "this command met a fault of ours",
        "class": kind,
        "detail": str(error)[:2_000],
        "fingerprint": hashlib.sha256(f"{kind}|{place}".encode()).hexdigest()[:16],
        "traceback": "".join(traceback.format_exception(error))[-8_000:],
    }
