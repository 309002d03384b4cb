"""Working calendars: holidays, and the working hours of all other days."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from domain.entity import Entity
from domain.errors import Rejected
from domain.fields import ClockTime, Day

MOST_MOVED = 366
"""Most consecutive holidays that are stepped over to find a working day."""


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """Working time on one weekday, 1 for Monday; `to` may be 24:00."""

    weekday: Annotated[int, Meta(ge=1, le=7)]
    start: ClockTime
    to: ClockTime


class Calendar(Entity, frozen=True, kw_only=True):
    """`fresh`: some plans that use it have not been updated to its latest version."""

    kind: ClassVar[str] = "calendar"
    collection: ClassVar[str] = "calendars"

    name: str
    time_zone: str
    holidays: tuple[Day, ...] = ()
    working_hours: tuple[Hours, ...] = ()
    fresh: bool = False

    def is_holiday(self, day: date) -> bool:
        return day.isoformat() in self.holidays

    def working_day(self, day: date, *, step: int) -> date:
        """The nearest day that is no holiday, from `day` back (-1) or on (1). Raises: Rejected:
        no_working_day."""
        for _ in range(MOST_MOVED):
            if not self.is_holiday(day):
                return day
            day += timedelta(days=step)
        raise Rejected(
            "no_working_day", f"calendar {self.name} has nothing but holidays for a year around {day}"
        )


def check_hours(hours: tuple[Hours, ...]) -> None:
    """Check working hours. Raises: Rejected: invalid_hours: they end before they start, or overlap."""
    ordered = sorted(hours, key=lambda span: (span.weekday, span.start))
    for span in ordered:
        if span.start >= span.to:
            raise Rejected("invalid_hours", "working hours end before they start", path="working_hours")
    for one, following in pairwise(ordered):
        if one.weekday == following.weekday and following.start < one.to:
            raise Rejected("invalid_hours", "working hours overlap", path="working_hours")
