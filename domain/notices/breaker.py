"""The circuit breaker of an endpoint: opens after failures in a row, then lets one probe decide.

closed --5 failures--> open --pause over--> half-open --one probe--> closed, or open for twice as long
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

FAILURES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)

PROBE = timedelta(seconds=60)
"""How long other attempts wait for the probe's outcome: longer than an attempt takes, in case it is lost."""

State = Literal["closed", "open", "half_open"]


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """`failures`: in a row. `openings`: how often it opened since the endpoint last responded."""

    failures: int = 0
    openings: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None

    def state(self, now: datetime) -> State:
        if self.open_until is None:
            return "closed"
        return "open" if _lies_ahead(self.open_until, now, LONGEST_PAUSE) else "half_open"


def _lies_ahead(until: datetime, now: datetime, span: timedelta) -> bool:
    """Whether `until` lies ahead, by at most `span`: beyond it, the clock has been set back since, and it is
    over."""
    return now < until <= now + span


class Wait(msgspec.Struct, frozen=True):
    """No attempt before `until`."""

    until: datetime


def allow_attempt(breaker: Breaker, now: datetime) -> Breaker | Wait:
    """The breaker to attempt with; if it differs from `breaker`, whoever stores it first sends the probe."""
    match breaker.state(now):
        case "closed":
            return breaker
        case "open":
            assert breaker.open_until is not None, "that is what open means"
            return Wait(breaker.open_until)
        case "half_open":
            if breaker.probe_until is not None and _lies_ahead(breaker.probe_until, now, PROBE):
                return Wait(breaker.probe_until)
            return msgspec.structs.replace(breaker, probe_until=now + PROBE)


def after_response() -> Breaker:
    """The closed breaker: any response shows that the endpoint is up."""
    return Breaker()


def after_failure(breaker: Breaker, now: datetime, *, was_probe: bool) -> Breaker:
    """The breaker after a failed attempt. An attempt started before it opened does not count once it is
    open."""
    if breaker.open_until is not None and not was_probe:
        return breaker
    failures = breaker.failures + 1
    if failures < FAILURES:
        return Breaker(failures=failures, openings=breaker.openings)
    # 30 s * 2**7 is over LONGEST_PAUSE; a larger exponent would only overflow.
    pause = min(FIRST_PAUSE * 2 ** min(breaker.openings, 7), LONGEST_PAUSE)
    return Breaker(failures=failures, openings=breaker.openings + 1, open_until=now + pause)
