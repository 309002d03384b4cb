"""The periods that a rule visits, years to hours, by number, and the days in each that fit."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from domain.recurrence.rule import Rule

_DAY = timedelta(days=1)
_A_DAY = {"WEEKLY": 1, "DAILY": 1, "HOURLY": 24, "MINUTELY": 1_440}
"""Period numbers to a day."""
_ANY = frozenset(range(7))


def step_of(rule: Rule) -> int:
    """How far apart the numbers of two visited periods are."""
    return rule.interval * (7 if rule.freq == "WEEKLY" else 1)


def period_of(rule: Rule, local: datetime) -> int:
    """The number of the period in which a local time lies."""
    if rule.freq == "YEARLY":
        return _week_year(local.date(), rule.week_start) if rule.weeks else local.year
    if rule.freq == "MONTHLY":
        return local.year * 12 + local.month - 1
    day = local.toordinal()
    if rule.freq == "WEEKLY":
        return day - (local.weekday() - rule.week_start) % 7
    minutes = local.hour * 60 + local.minute
    return day * _A_DAY[rule.freq] + minutes * _A_DAY[rule.freq] // 1_440


def begins(rule: Rule, period: int) -> datetime:
    """The local time at which a period begins."""
    if rule.freq == "YEARLY":
        first = _first_week(period, rule.week_start) if rule.weeks else date(period, 1, 1)
        return datetime.combine(first, time())
    if rule.freq == "MONTHLY":
        return datetime(period // 12, period % 12 + 1, 1)  # noqa: DTZ001 - local times have no zone
    day, part = divmod(period, _A_DAY[rule.freq])
    return datetime.fromordinal(day) + part * (_DAY / _A_DAY[rule.freq])


def days_of(rule: Rule, period: int) -> tuple[list[date], int]:
    """The days of a period that fit the rule, in order, and how many were looked at."""
    candidates = list(_candidates(rule, period))
    return [day for day in candidates if fits(rule, day)], len(candidates)


def fits(rule: Rule, day: date) -> bool:
    """Whether a day is one that the rule names, all parts but BYSETPOS taken together."""
    if rule.months and day.month not in rule.months:
        return False
    if rule.days and not any(_is(rule, day, weekday, nth) for weekday, nth in rule.days):
        return False
    if rule.month_days:
        length = monthrange(day.year, day.month)[1]
        if day.day not in rule.month_days and day.day - length - 1 not in rule.month_days:
            return False
    if rule.year_days:
        number, length = _number(day), _length(day.year)
        return number in rule.year_days or number - length - 1 in rule.year_days
    return True


def _candidates(rule: Rule, period: int) -> Iterator[date]:
    if rule.freq == "YEARLY":
        return _days_of_year(rule, period)
    if rule.freq == "MONTHLY":
        return _days_of_month(rule, period // 12, period % 12 + 1)
    if rule.freq == "WEEKLY":
        return (date.fromordinal(period + number) for number in range(7))
    return iter((date.fromordinal(period // _A_DAY[rule.freq]),))


def _days_of_year(rule: Rule, year: int) -> Iterator[date]:
    if rule.weeks:
        first, following = _first_week(year, rule.week_start), _first_week(year + 1, rule.week_start)
        for week in _counted(rule.weeks, (following - first).days // 7):
            for number in range(7):
                yield first + (7 * week - 7 + number) * _DAY
    elif rule.year_days:
        for number in _counted(rule.year_days, _length(year)):
            yield date(year, 1, 1) + (number - 1) * _DAY
    else:
        for month in rule.months or range(1, 13):
            yield from _days_of_month(rule, year, month)


def _days_of_month(rule: Rule, year: int, month: int) -> Iterator[date]:
    if rule.months and month not in rule.months:
        return
    first_weekday, length = monthrange(year, month)
    weekdays = {weekday for weekday, _ in rule.days} or _ANY
    for number in _counted(rule.month_days, length) if rule.month_days else range(1, length + 1):
        if (first_weekday + number - 1) % 7 in weekdays:
            yield date(year, month, number)


def _counted(numbers: tuple[int, ...], length: int) -> list[int]:
    """Those from 1 to `length`, in order, also those that are counted from the end."""
    turned = {number if number > 0 else length + 1 + number for number in numbers}
    return sorted(number for number in turned if 1 <= number <= length)


def _is(rule: Rule, day: date, weekday: int, nth: int) -> bool:
    """Whether it is that weekday, and the nth of its month or year where the rule counts them."""
    if day.weekday() != weekday or nth == 0:
        return day.weekday() == weekday
    if rule.freq == "MONTHLY" or rule.months:
        number, length = day.day, monthrange(day.year, day.month)[1]
    else:
        number, length = _number(day), _length(day.year)
    return nth == ((number - 1) // 7 + 1 if nth > 0 else -((length - number) // 7) - 1)


def _first_week(year: int, week_start: int) -> date:
    """Of the first week with at least four days in the year: the one of 4 January."""
    fourth = date(year, 1, 4)
    return fourth - (fourth.weekday() - week_start) % 7 * _DAY


def _week_year(day: date, week_start: int) -> int:
    """The year to whose weeks a day belongs; near New Year it may be another one than the day's own."""
    if day >= _first_week(day.year + 1, week_start):
        return day.year + 1
    return day.year if day >= _first_week(day.year, week_start) else day.year - 1


def _number(day: date) -> int:
    """In its year, from 1."""
    return day.toordinal() - date(day.year, 1, 1).toordinal() + 1


def _length(year: int) -> int:
    return 365 + isleap(year)
