"""Meters: hours run, units counted, distance travelled. The display may be reset or roll over; `total` only
rises.

Every reading is a row of the meter's ledger. Its id is derived from time, value and kind, so that the same
reading sent twice is one row.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.entity import Entity, Entry
from domain.errors import Rejected
from domain.ids import uuid7

Change = Literal["reading", "reset", "rollover"]

MOST_PLANS = 50
REMEMBERED = 50
"""Most readings kept on the meter to check late ones against; the ledger keeps all."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The value on the display at one time."""

    read_at: datetime
    value: Decimal
    change: Change


class Meter(Entity, frozen=True, kw_only=True):
    """One meter of an asset. Its unit is fixed: another unit is another meter.

    `total` is all that was ever counted, across resets and rollovers. The first reading counts in full; a
    meter that should count from its present display starts with a reset. `plans` are sent each reading.
    `recent` is ordered by `read_at`, oldest first.
    """

    kind: ClassVar[str] = "meter"
    collection: ClassVar[str] = "meters"

    asset_id: str
    name: str
    unit: str
    rollover_at: Decimal | None = None
    total: Decimal = Decimal(0)
    last_value: Decimal | None = None
    last_read_at: datetime | None = None
    plans: tuple[str, ...] = ()
    recent: tuple[Mark, ...] = ()
    created_at: datetime


class Reading(Entry, frozen=True, kw_only=True, tag="reading"):
    """One reading, and the meter's total after it. `late`: older than the latest
    known one, so that it does not change the total. `at`: when it was reported."""

    change: Change
    value: Decimal
    read_at: datetime
    total: Decimal
    late: bool = False


class Recorded(msgspec.Struct, frozen=True):
    """The meter after a reading. `fits` is False for a late reading that contradicts its neighbours."""

    meter: Meter
    late: bool
    fits: bool


def reading_id(meter_id: str, mark: Mark) -> str:
    """The id of a reading, derived from it; ids sort by the time of the reading."""
    name = f"{meter_id}|{mark.read_at.isoformat()}|{decimal_text(mark.value)}|{mark.change}"
    return uuid7(mark.read_at, hashlib.sha256(name.encode()).digest()[:10])


def decimal_text(value: Decimal) -> str:
    """The canonical decimal text of a value: 1500, never 1500.00 or 1.5E+3."""
    return f"{value.normalize() + Decimal(0):f}"


def recorded(meter: Meter, mark: Mark) -> Recorded:
    """The meter after one reading.

    Raises: Rejected: negative_reading, beyond_rollover, no_rollover, no_reading_yet, reading_below_last.
    """
    _check(meter, mark)
    if meter.last_read_at is not None and mark.read_at < meter.last_read_at:
        fits = _fits(meter.recent, mark)
        kept = _remembered(meter.recent, mark) if fits else meter.recent
        return Recorded(replace(meter, recent=kept), late=True, fits=fits)
    after = replace(
        meter,
        total=meter.total + _counted(meter, mark),
        last_value=mark.value,
        last_read_at=mark.read_at,
        recent=_remembered(meter.recent, mark),
    )
    return Recorded(after, late=False, fits=True)


def _check(meter: Meter, mark: Mark) -> None:
    if mark.value < 0:
        raise Rejected("negative_reading", "a meter shows nothing below zero", path="value")
    if mark.change == "rollover" and meter.rollover_at is None:
        raise Rejected("no_rollover", f"meter {meter.name} does not roll over", path="kind")
    if meter.rollover_at is not None and mark.value >= meter.rollover_at:
        most = decimal_text(meter.rollover_at)
        raise Rejected("beyond_rollover", f"the meter rolls over at {most}", path="value", rollover_at=most)


def _counted(meter: Meter, mark: Mark) -> Decimal:
    """By how much a reading that is not late raises the total."""
    last = meter.last_value
    if mark.change == "reset":
        return Decimal(0)
    if mark.change == "rollover":
        if last is None or meter.rollover_at is None:
            raise Rejected("no_reading_yet", "a rollover needs a reading before it", path="kind")
        return meter.rollover_at - last + mark.value
    if last is not None and mark.value < last:
        raise Rejected(
            "reading_below_last",
            f"the last reading was {decimal_text(last)}: "
            "record a reset if the meter was replaced or set back, "
            "a rollover if it began again from zero",
            path="value",
            last=decimal_text(last),
        )
    return mark.value - (last or Decimal(0))


def _fits(recent: tuple[Mark, ...], mark: Mark) -> bool:
    """Whether a late reading agrees with what was counted: it lies between its neighbours."""
    if mark.change != "reading":
        return False
    place = bisect_right(recent, mark.read_at, key=lambda known: known.read_at)
    before, behind = recent[:place][-1:], recent[place:][:1]
    rises = all(known.value <= mark.value for known in before)
    return rises and all(mark.value <= known.value for known in behind if known.change == "reading")


def _remembered(recent: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    place = bisect_right(recent, mark.read_at, key=lambda known: known.read_at)
    return (*recent[:place], mark, *recent[place:])[-REMEMBERED:]


def attached(meter: Meter, plan_id: str) -> Meter:
    """The meter with the plan attached. Raises: Rejected: too_many_plans."""
    if plan_id in meter.plans:
        return meter
    if len(meter.plans) >= MOST_PLANS:
        raise Rejected("too_many_plans", f"a meter serves at most {MOST_PLANS} plans", path="meter_id")
    return replace(meter, plans=(*meter.plans, plan_id))


def detached(meter: Meter, plan_id: str) -> Meter:
    return replace(meter, plans=tuple(id for id in meter.plans if id != plan_id))
