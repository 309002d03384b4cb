"""Local times and the instants they mean. A plan lives in local time; only what is due is an instant.

The rule (RFC 5545, section 3.3.5): a local time that a change of clocks leaves out is read with the offset
before the gap, so 02:30 becomes 03:30; one that comes twice is the first of the two.
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
    """Raises: Rejected: unknown_time_zone."""
    if name not in _names():
        raise Rejected("unknown_time_zone", f"there is no time zone {name}", path="time_zone")
    return ZoneInfo(name)


def to_instant(local: datetime, time_zone: str) -> datetime:
    """The UTC instant of a naive local time, by the rule above."""
    return _instant(local, zone(time_zone))


# Plans by the thousand are due at the same few times of day. By the zone itself and not by its name: another
# edition of its rules is another key.
@lru_cache(maxsize=4_000)
def _instant(local: datetime, there: ZoneInfo) -> datetime:
    # fold=0 is the offset before a gap and the first of two: exactly the rule.
    return local.replace(tzinfo=there, fold=0).astimezone(UTC)


def to_local(instant: datetime, time_zone: str) -> datetime:
    """What a clock on the wall there shows, naive."""
    return instant.astimezone(zone(time_zone)).replace(tzinfo=None, fold=0)


def parse_local(text: str) -> datetime:
    """A LocalTime as a naive datetime."""
    return datetime.fromisoformat(text)


def format_local(local: datetime) -> str:
    """`2026-03-29T08:00`; seconds only where there are any."""
    return local.isoformat("T", "seconds" if local.second else "minutes")


def in_gap(local: datetime, time_zone: str) -> bool:
    """Whether no clock there ever shows this time."""
    return to_local(to_instant(local, time_zone), time_zone) != local


def shift(local: datetime, by: timedelta) -> datetime:
    """Wall time later by so much, whatever the clocks do. Raises: OverflowError beyond the calendar."""
    return local + by
