"""Meters: what a machine has run, counted, travelled. The display may be reset or roll over, `total` rises.

Every reading is a row of the meter's ledger. Its id follows from when, what and how it was read, so that the
same reading, sent twice by whatever way, is one row.
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
"""Readings between which a late one can be judged; the ledger keeps them all."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What the display showed at a time."""

    read_at: datetime
    value: Decimal
    change: Change


class Meter(Entity, frozen=True, kw_only=True):
    """One meter of an asset, in a unit that is fixed for ever: another unit is another meter.

    `total` is all that was ever counted, over resets and rollovers, and never falls. The first reading counts
    as far as the display shows; a meter that is to begin at what it shows begins with a reset. `plans` are
    those that hear of each reading. `recent` is in order of `read_at`, oldest first.
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
    """One reading, and the meter's total after it. `late`: an earlier one than was known already, which
    changes no total. `at` is when it was told."""

    change: Change
    value: Decimal
    read_at: datetime
    total: Decimal
    late: bool = False


class Recorded(msgspec.Struct, frozen=True):
    """The meter after a reading. `fits` is False of a late one that its neighbours contradict."""

    meter: Meter
    late: bool
    fits: bool


def reading_id(meter_id: str, mark: Mark) -> str:
    """The same for the same reading; rows sort by when they were read."""
    name = f"{meter_id}|{mark.read_at.isoformat()}|{decimal_text(mark.value)}|{mark.change}"
    return uuid7(mark.read_at, hashlib.sha256(name.encode()).digest()[:10])


def decimal_text(value: Decimal) -> str:
    """Plain decimal text, one for each value: 1500, never 1500.00 or 1.5E+3."""
    return f"{value.normalize() + Decimal(0):f}"


def recorded(meter: Meter, mark: Mark) -> Recorded:
    """Count one reading.

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
    """By how much a reading in its time raises the total."""
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
    """Whether a late reading changes nothing of what was counted: between its neighbours, none below."""
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
    """Raises: Rejected: too_many_plans."""
    if plan_id in meter.plans:
        return meter
    if len(meter.plans) >= MOST_PLANS:
        raise Rejected("too_many_plans", f"a meter serves at most {MOST_PLANS} plans", path="meter_id")
    return replace(meter, plans=(*meter.plans, plan_id))


def detached(meter: Meter, plan_id: str) -> Meter:
    return replace(meter, plans=tuple(id for id in meter.plans if id != plan_id))
