"""The local times that a rule names, by RFC 5545, from anywhere in its life and at a bounded cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, time, timedelta
from functools import lru_cache

from domain.errors import Rejected
from domain.recurrence.periods import begins, days_of, fits, period_of, step_of
from domain.recurrence.rule import Rule

MOST_WORK = 2_000
"""Days and periods looked at in a row that bring no time: a few milliseconds."""

LAST = datetime(9998, 12, 31, 23, 59, 59)  # noqa: DTZ001 - local times have no zone
"""Of all that recurs: behind it a local time may mean an instant that no datetime can hold."""

_WITHIN_A_DAY = ("HOURLY", "MINUTELY")
_MONTHS = range(1, 13)


def rule_times(rule: Rule, start: datetime, *, after: datetime | None = None) -> Iterator[datetime]:
    """From the start on, or later than `after`, in order. COUNT is left to who knows how many came before.

    Raises: Rejected: rule_too_costly: nothing comes for longer than may be searched.
    """
    last = min(rule.until or LAST, LAST)
    near = max(start, after or start)
    if near > last:
        return
    first, step, final = period_of(rule, start), step_of(rule), period_of(rule, last)
    period = first + (period_of(rule, near) - first) // step * step
    work = 0
    while period <= final:
        times, cost = _times_in(rule, period)
        for local in times:
            if start <= local <= last and (after is None or local > after):
                work = 0
                yield local
        work += cost
        if work > MOST_WORK:
            raise Rejected("rule_too_costly", "its next time is too rare to be searched for", path="rrule")
        period = max(period + step, first + (_nearest(rule, period + step) - first) // step * step)


# What lies near is asked for by each plan of the same rule.
@lru_cache(maxsize=4_000)
def _times_in(rule: Rule, period: int) -> tuple[tuple[datetime, ...], int]:
    """The times in one period that BYSETPOS leaves, and what finding them cost."""
    days, cost = days_of(rule, period)
    if not days:
        return (), cost + 1
    hours, minutes = rule.hours, rule.minutes
    if rule.freq in _WITHIN_A_DAY:
        now = begins(rule, period)
        hours = (now.hour,) if not hours or now.hour in hours else ()
        if rule.freq == "MINUTELY":
            minutes = (now.minute,) if not minutes or now.minute in minutes else ()
    clock = [time(hour, minute, rule.second) for hour in hours for minute in minutes]
    times = [datetime.combine(day, at) for day in days for at in clock]
    if rule.positions:
        places = {place - 1 if place > 0 else len(times) + place for place in rule.positions}
        times = [times[place] for place in sorted(places) if 0 <= place < len(times)]
    return tuple(times), cost + 1


def _nearest(rule: Rule, period: int) -> int:
    """No later than the first period from this one on that can have a time."""
    if rule.freq in ("YEARLY", "MONTHLY") or (not rule.months and rule.freq not in _WITHIN_A_DAY):
        return period
    with suppress(OverflowError, ValueError):  # the end of the calendar
        begin = begins(rule, period)
        end = begin + timedelta(days=6 if rule.freq == "WEEKLY" else 0)
        if rule.months and begin.month not in rule.months and end.month not in rule.months:
            months = next(later for later in _MONTHS if (end.month + later - 1) % 12 + 1 in rule.months)
            year, month = divmod(end.year * 12 + end.month - 1 + months, 12)
            return period_of(rule, datetime(year, month + 1, 1))  # noqa: DTZ001 - a local time
        if rule.freq in _WITHIN_A_DAY and not fits(rule, begin.date()):
            return period_of(rule, datetime.combine(begin, time()) + timedelta(days=1))
    return period
