"""Triggers, which make a plan due, as clients send them and as they are stored."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.fields import Day, Level, LocalTime, Quantity, TimeZone
from domain.ids import Id
from domain.recurrence.rule import RuleText

Basis = Literal["fixed", "floating"]
Unit = Literal["day", "week", "month", "year"]
Count = Annotated[int, Meta(ge=1, le=10_000)]


class _Timed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start_local: LocalTime
    time_zone: TimeZone
    basis: Basis = "fixed"
    """Fixed: the calendar decides. Floating: the last completion does."""
    ends_on: Day | None = None
    """The last local day on which it may be due, inclusive."""
    count: Count | None = None
    """How many times it recurs in all, skipped occurrences included."""


class Rrule(_Timed, frozen=True, kw_only=True, tag_field="kind", tag="rrule"):
    """By a rule of RFC 5545; `start_local` stands for its DTSTART."""

    rrule: RuleText


class Interval(_Timed, frozen=True, kw_only=True, tag_field="kind", tag="interval"):
    """Every so many days, weeks, months or years from `start_local` on.

    A month too short for the 29th, 30th or 31st takes its last day, and the next one the anchor's again:
    31 January, 28 February, 31 March.
    """

    every: Annotated[int, Meta(ge=1, le=1_000)]
    unit: Unit


Timed = Rrule | Interval


class ByMeter(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="meter",
):
    """Each time a meter's total has risen by `every`: at `start_value`, else so much after it is attached.

    After a total that was corrected by more than `hysteresis` below what was reached, it is counted anew.
    """

    meter_id: Id
    every: Quantity
    start_value: Level | None = None
    hysteresis: Level | None = None
    ends_on: Day | None = None
    """The last day, in UTC, of a reading that counts."""
    count: Count | None = None
    """How many times the meter makes it due in all."""


class FirstOf(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="first_of",
):
    """By time or by meter, whichever comes first: one order, from which both count anew."""

    time: Timed
    meter: ByMeter
    ends_on: Day | None = None
    count: Count | None = None
    """How many times it is due in all, by whichever came first."""


Trigger = Rrule | Interval | ByMeter | FirstOf


def timing(trigger: Trigger) -> Timed | None:
    """The time part of a trigger."""
    if isinstance(trigger, FirstOf):
        ends = [day for day in (trigger.time.ends_on, trigger.ends_on) if day]
        return msgspec.structs.replace(trigger.time, ends_on=min(ends)) if ends else trigger.time
    return None if isinstance(trigger, ByMeter) else trigger


def metering(trigger: Trigger) -> ByMeter | None:
    """The meter part of a trigger."""
    if isinstance(trigger, FirstOf):
        ends = [day for day in (trigger.meter.ends_on, trigger.ends_on) if day]
        return msgspec.structs.replace(trigger.meter, ends_on=min(ends)) if ends else trigger.meter
    return trigger if isinstance(trigger, ByMeter) else None
