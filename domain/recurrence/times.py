"""A trigger's nominal local times, in order, from any point on."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec

from domain.errors import Rejected
from domain.recurrence.checks import check_rule
from domain.recurrence.expansion import LAST, rule_times
from domain.recurrence.rule import parts_of, read_rule
from domain.recurrence.trigger import Interval, Rrule, Timed
from domain.time.local_time import parse_local, zone

_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


class Nominal(msgspec.Struct, frozen=True):
    """One occurrence: its local time by the trigger alone, and its number, counted from 1."""

    local: datetime
    index: int


def check_trigger(trigger: Timed) -> None:
    """Check a trigger. Raises: Rejected, naming the field."""
    zone(trigger.time_zone)
    start = parse_local(trigger.start_local)
    if isinstance(trigger, Rrule):
        check_rule(trigger.rrule, start, trigger.time_zone)
        if trigger.basis == "floating" and "COUNT" in parts_of(trigger.rrule):
            # A floating rule begins anew with each completion, and so would its COUNT.
            raise Rejected("invalid_rule", "a floating plan says how often by `count`", path="rrule")
    if trigger.ends_on is not None and date.fromisoformat(trigger.ends_on) < start.date():
        raise Rejected("ends_before_start", "ends_on is before start_local", path="ends_on")


def occurrences(trigger: Timed, *, after: datetime | None = None, index: int = 0) -> Iterator[Nominal]:
    """The occurrences later than `after` (all without it), oldest first; `index`: how many came before.

    Ends at `count` or `ends_on`, both inclusive.
    """
    last = date.fromisoformat(trigger.ends_on) if trigger.ends_on else LAST.date()
    times, count = _times(trigger, after)
    for number, local in enumerate(times, start=index + 1):
        if local.date() > last or (count is not None and number > count):
            return
        yield Nominal(local, number)


def following(trigger: Timed, base: datetime, *, index: int, after: datetime | None = None) -> Nominal | None:
    """Floating: the next one after something was done at `base` (local), at the start's time of day.

    Later than `after`: what was issued well ahead and done at once must not come under its own name again.
    """
    start = parse_local(trigger.start_local)
    moved = msgspec.structs.replace(
        trigger,
        start_local=base.replace(hour=start.hour, minute=start.minute, second=start.second).isoformat(),
    )
    anchor = parse_local(moved.start_local)
    passed = max(anchor, base, after or base)
    return next(occurrences(moved, after=passed, index=index), None)


def _times(trigger: Timed, after: datetime | None) -> tuple[Iterator[datetime], int | None]:
    """And how many there are in all, by the trigger and by its rule's own COUNT."""
    start = parse_local(trigger.start_local)
    if isinstance(trigger, Rrule):
        rule = read_rule(trigger.rrule, start, trigger.time_zone)
        counts = [count for count in (trigger.count, rule.count) if count is not None]
        return rule_times(rule, start, after=after), min(counts, default=None)
    return _stepped(trigger, start, after), trigger.count


def _stepped(trigger: Interval, start: datetime, after: datetime | None) -> Iterator[datetime]:
    """Each is counted from the anchor, never from the one before: a clamped day does not stay clamped."""
    step = 0 if after is None else _steps_before(trigger, start, after)
    while True:
        try:
            local = _at(trigger, start, step)
        except (OverflowError, ValueError):
            return
        if after is None or local > after:
            yield local
        step += 1


def _at(trigger: Interval, start: datetime, step: int) -> datetime:
    if trigger.unit in _DAYS:
        return start + timedelta(days=step * trigger.every * _DAYS[trigger.unit])
    return month_later(start, step * trigger.every * _MONTHS[trigger.unit])


def _steps_before(trigger: Interval, start: datetime, after: datetime) -> int:
    if trigger.unit in _DAYS:
        passed = (after - start).days // _DAYS[trigger.unit]
    else:
        months = (after.year - start.year) * 12 + after.month - start.month
        passed = months // _MONTHS[trigger.unit]
    return max(passed // trigger.every - 1, 0)


def month_later(local: datetime, months: int) -> datetime:
    """The same day so many months later; the last day of a month that is too short."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))
