"""Working time: the working hours of a calendar, in its time zone, without its holidays.

Without a calendar, or with one that has no working hours, every hour counts. Hours are elapsed hours: on the
day when clocks go back, 01:00 to 04:00 is four of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from domain.time.local_time import to_instant, to_local
from domain.time.working_calendar import Calendar, Hours

HORIZON = timedelta(days=3660)
"""How far ahead working hours are searched for; a calendar may never have any again."""

_DAY = timedelta(days=1)
_NONE = timedelta(0)
_AT_MIDNIGHT = "24:00"


def add(start: datetime, duration: timedelta, calendar: Calendar | None) -> datetime:
    """The first instant at which `duration` (not negative) of working time has passed since `start`.

    If there is too little working time within HORIZON, its end.
    """
    if calendar is None or not calendar.working_hours:
        return start + duration
    if duration <= _NONE:
        return start
    left = duration
    for opens, closes in _open(calendar, start, start + HORIZON):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    return start + HORIZON


def between(start: datetime, end: datetime, calendar: Calendar | None) -> timedelta:
    """The working time from `start` to `end`; zero if `end` is earlier."""
    if end <= start:
        return _NONE
    if calendar is None or not calendar.working_hours:
        return end - start
    return sum((closes - opens for opens, closes in _open(calendar, start, end)), _NONE)


def _open(calendar: Calendar, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The working spans within [start, end], in order, without overlaps."""
    # From a day earlier: where clocks skip midnight or a whole day, hours of the day before reach into this
    # one.
    day = to_local(start, calendar.time_zone).date() - _DAY
    last = to_local(end, calendar.time_zone).date()
    reached = start
    while day <= last:
        for begins, ends in _spans(calendar, day):
            opens, closes = max(begins, reached), min(ends, end)
            if opens < closes:
                yield opens, closes
                reached = closes
        day += _DAY


def _spans(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    """The working spans of one local day. Hours that the clocks skip shrink, down to nothing."""
    weekday = day.isoweekday()
    hours = [span for span in calendar.working_hours if span.weekday == weekday]
    if not hours or calendar.is_holiday(day):
        return []
    return sorted(_instants(span, day, calendar.time_zone) for span in hours)


def _instants(span: Hours, day: date, time_zone: str) -> tuple[datetime, datetime]:
    return _instant(day, span.start, time_zone), _instant(day, span.to, time_zone)


def _instant(day: date, clock: str, time_zone: str) -> datetime:
    if clock == _AT_MIDNIGHT:
        return to_instant(datetime.combine(day + _DAY, time()), time_zone)
    return to_instant(datetime.combine(day, time.fromisoformat(clock)), time_zone)
