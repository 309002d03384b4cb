"""RFC 5545 recurrence rules over naive local times, by python-dateutil.

python-dateutil walks a rule from its start. For a plan that is years old the start is moved forward by whole
periods first, with everything that the rule takes from its start written out; a property test holds both
equal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from threading import Lock
from typing import Annotated

from dateutil.rrule import rrule, rrulestr
from msgspec import Meta

from domain.errors import Rejected
from domain.time.local_time import to_local

RuleText = Annotated[
    str,
    Meta(
        min_length=10,
        max_length=512,
        pattern=r"^[A-Za-z0-9=;,+-]+$(?!\n)",
        description="RFC 5545 without DTSTART: FREQ=MONTHLY;BYDAY=1MO",
    ),
]

Parts = dict[str, str]

_KNOWN = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS", "BYMONTH", "BYMONTHDAY", "BYYEARDAY",
    "BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND",
}  # fmt: skip
HEAD = 32
"""Times of a rule that are kept, from the beginning of a period on: a look at a plan needs few."""

_DAYS = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY"})
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def parts_of(rule: str) -> Parts:
    """The rule's parts by upper-case name. Raises: Rejected: invalid_rule."""
    parts: Parts = {}
    for part in rule.upper().removeprefix("RRULE:").strip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name not in _KNOWN or name in parts:
            raise Rejected(
                "invalid_rule", f"{part[:40]!r} is no part of a rule, or is there twice", path="rrule"
            )
        parts[name] = value
    return parts


def rule_times(rule: str, start: datetime, time_zone: str, *, after: datetime | None) -> Iterator[datetime]:
    """Local times of the rule later than `after`, in order; without it from the start on."""
    parts = _read(rule, time_zone)
    if after is not None and "COUNT" not in parts:
        nearer = _nearer(parts, start, after)
        if nearer is not None:
            return _walked(rule, time_zone, _taken(parts, start), nearer).later(after)
    return _walked(rule, time_zone, "", start).later(after)


class _Walked:
    """A rule's times from its start on, the first of them kept once they are found. Threads may share it."""

    def __init__(self, rule: rrule) -> None:
        self._rule = rule
        self._ahead = iter(rule)
        self._head: list[datetime] = []
        self._lock = Lock()

    def later(self, after: datetime | None) -> Iterator[datetime]:
        place = bisect_right(self._head, after) if after is not None else 0
        while place < HEAD:
            if not self._reaches(place):
                return
            if after is None or self._head[place] > after:
                yield self._head[place]
            place += 1
        last = self._head[-1] if after is None else max(self._head[-1], after)
        yield from self._rule.xafter(last, inc=False)

    def _reaches(self, place: int) -> bool:
        if place < len(self._head):
            return True
        with self._lock:  # a generator is walked by one thread at a time
            while len(self._head) <= place:
                time = next(self._ahead, None)
                if time is None:
                    return False
                self._head.append(time)
        return True


# Plans by the thousand have the same few rules and times of day, and near its time a rule written out is the
# same for all of them: reading and walking it anew for each took a quarter of what generating takes.
@lru_cache(maxsize=500)
def _read(rule: str, time_zone: str) -> Parts:
    return until_local(parts_of(rule), time_zone)


@lru_cache(maxsize=500)
def _walked(rule: str, time_zone: str, taken: str, start: datetime) -> _Walked:
    """From `start` on, with the parts `taken` from an earlier start where the rule itself has none."""
    parts = _read(rule, time_zone)
    parsed = rrulestr(text_of(parts_of(taken) | parts if taken else parts), dtstart=start)
    assert isinstance(parsed, rrule), "a text of one rule is no set"
    return _Walked(parsed)


def text_of(parts: Parts, *, without: str = "") -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items() if name != without)


def until_local(parts: Parts, time_zone: str) -> Parts:
    """UNTIL as a local time: in UTC it is an instant, a bare day lasts to its end."""
    until = parts.get("UNTIL", "")
    if until.endswith("Z"):
        instant = datetime.strptime(f"{until}+0000", "%Y%m%dT%H%M%SZ%z")
        return {**parts, "UNTIL": f"{to_local(instant, time_zone):%Y%m%dT%H%M%S}"}
    if until and "T" not in until:
        return {**parts, "UNTIL": f"{until}T235959"}
    return parts


def _nearer(parts: Parts, start: datetime, after: datetime) -> datetime | None:
    """The beginning of the last period that the rule visits, not behind `after`; None: its start's own."""
    interval, freq = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if freq == "YEARLY":
        years = _whole(after.year - start.year, interval)
        return _midnight(start).replace(year=start.year + years, month=1, day=1) if years else None
    if freq == "MONTHLY":
        months = _whole((after.year - start.year) * 12 + after.month - start.month, interval)
        return month_later(_midnight(start).replace(day=1), months) if months else None
    if freq in ("WEEKLY", "DAILY"):
        length = 7 if freq == "WEEKLY" else 1
        day = start.toordinal() - (start.weekday() - _WEEKDAYS.index(parts.get("WKST", "MO"))) % length
        periods = _whole((after.toordinal() - day) // length, interval)
        return datetime.fromordinal(day + periods * length) if periods else None
    if freq == "HOURLY":
        first = start.replace(minute=0, second=0)
        hours = _whole((after - first) // timedelta(hours=1), interval)
        return first + timedelta(hours=hours) if hours else None
    return None


def _whole(passed: int, interval: int) -> int:
    """Periods between the first visit and the last one that has begun."""
    return max(passed // interval, 0) * interval


def _midnight(local: datetime) -> datetime:
    return datetime.combine(local, time())


def _taken(parts: Parts, start: datetime) -> str:
    """What a rule takes from its start where it says nothing else, as RFC 5545 (3.3.10) has it."""
    freq = parts["FREQ"]
    taken = f"BYMINUTE={start.minute};BYSECOND={start.second}"
    if freq != "HOURLY":
        taken += f";BYHOUR={start.hour}"
    if not _DAYS.isdisjoint(parts):
        return taken
    if freq == "YEARLY":
        return f"{taken};BYMONTH={start.month};BYMONTHDAY={start.day}"
    if freq == "MONTHLY":
        return f"{taken};BYMONTHDAY={start.day}"
    if freq == "WEEKLY":
        return f"{taken};BYDAY={_WEEKDAYS[start.weekday()]}"
    return taken


def month_later(local: datetime, months: int) -> datetime:
    """The same day so many months later; the last day of a month that is too short."""
    month = local.year * 12 + local.month - 1 + months
    year, month = divmod(month, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, _length(year, month + 1)))


def _length(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - local times have no zone
    return (following - timedelta(days=1)).day
