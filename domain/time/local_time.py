"""Conversion between local times and instants. Plans are written in local time; due dates are instants.

The rule (RFC 5545, section 3.3.5): a local time that a clock change skips is read with the offset before the
gap, so 02:30 becomes 03:30; a local time that occurs twice is the first of the two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from domain.errors import Rejected


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises: Rejected: unknown_time_zone."""
    if name not in _names():
        raise Rejected("unknown_time_zone", f"there is no time zone {name}", path="time_zone")
    return ZoneInfo(name)


def to_instant(local: datetime, time_zone: str) -> datetime:
    """The UTC instant of a naive local time, by the rule above."""
    return _instant(local, zone(time_zone))


# Thousands of plans are due at the same few times of day. Keyed by the zone, not by its name: another edition
# of its rules must be another key.
@lru_cache(maxsize=4_000)
def _instant(local: datetime, there: ZoneInfo) -> datetime:
    # fold=0 is the offset before a gap, and the first of two: exactly the rule.
    return local.replace(tzinfo=there, fold=0).astimezone(UTC)


def to_local(instant: datetime, time_zone: str) -> datetime:
    """The wall-clock time in that zone, naive."""
    return instant.astimezone(zone(time_zone)).replace(tzinfo=None, fold=0)


def parse_local(text: str) -> datetime:
    """The naive datetime of a LocalTime."""
    return datetime.fromisoformat(text)


def format_local(local: datetime) -> str:
    """The text of a local time, `2026-03-29T08:00`; with seconds only if they are not zero."""
    return local.isoformat("T", "seconds" if local.second else "minutes")


def in_gap(local: datetime, time_zone: str) -> bool:
    """Whether a clock change in that zone skips this local time."""
    return to_local(to_instant(local, time_zone), time_zone) != local


def shift(local: datetime, by: timedelta) -> datetime:
    """The wall-clock time shifted by `by`, ignoring clock changes. Raises: OverflowError: outside years 1 to
    9999."""
    return local + by
