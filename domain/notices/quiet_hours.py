"""Quiet hours, and the time of the daily digest, of one user.

Both are local times, converted by `to_instant`: quiet hours are a span between two instants, also across
midnight and clock changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from domain.fields import ClockTime
from domain.time.local_time import to_instant, to_local

_DAY = timedelta(days=1)


class QuietHours(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}
):
    """From one time of day to another, on the next day if that is not later; never the whole day."""

    start: ClockTime
    to: ClockTime

    @property
    def never_ends(self) -> bool:
        return (_of_day(self.to) - _of_day(self.start)) % _DAY == timedelta()


def end_of_quiet(quiet: QuietHours | None, time_zone: str, at: datetime) -> datetime:
    """`at`, or the end of the quiet hours it lies in. The end itself is not quiet."""
    if quiet is None:
        return at
    for begin, end in _spans(quiet, time_zone, at):
        if begin <= at < end:
            at = end
    return at


def next_digest(digest_at: ClockTime, time_zone: str, at: datetime) -> datetime:
    """The first instant from `at` on at which it is `digest_at` in that time zone."""
    return min(moment for day in _days(time_zone, at) if (moment := _on(day, digest_at, time_zone)) >= at)


def _spans(quiet: QuietHours, time_zone: str, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    over_midnight = _of_day(quiet.to) <= _of_day(quiet.start)
    for day in _days(time_zone, at):
        last = day + _DAY if over_midnight else day
        yield _on(day, quiet.start, time_zone), _on(last, quiet.to, time_zone)


def _days(time_zone: str, at: datetime) -> list[datetime]:
    """The local midnights around `at`, oldest first: two on either side, since time zones have skipped
    days."""
    today = to_local(at, time_zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today + _DAY * n for n in range(-2, 3)]


def _on(day: datetime, time: ClockTime, time_zone: str) -> datetime:
    return to_instant(day + _of_day(time), time_zone)


def _of_day(time: ClockTime) -> timedelta:
    return timedelta(hours=int(time[:2]), minutes=int(time[3:]))
