"""What makes a plan due, as a client says it and as it is stored."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.fields import Day, LocalTime, TimeZone
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
    """The last local day on which it may be due, itself included."""
    count: Count | None = None
    """How many times it recurs in all, skipped ones included."""


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


Trigger = Rrule | Interval
