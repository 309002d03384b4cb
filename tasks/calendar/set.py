"""calendar.set"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.fields import Day, Name, TimeZone
from domain.ids import Id
from domain.time.local_time import zone
from domain.time.working_calendar import Calendar, Hours, check_hours
from tasks.command import Payload, handles
from tasks.work import Work

DEPENDED_ON = ("holidays", "working_hours", "time_zone")
"""Fields that plans and SLA clocks depend on."""


class Set(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    name: Name
    time_zone: TimeZone
    holidays: Annotated[tuple[Day, ...], Meta(max_length=1_000)] = ()
    working_hours: Annotated[tuple[Hours, ...], Meta(max_length=50)] = ()


@handles("calendar.set", permission="pm.write", touches=DEPENDED_ON)
def set_calendar(cmd: Set, work: Work) -> None:
    """Set holidays and working hours; plans and SLA clocks that use the calendar are recomputed."""
    zone(cmd.time_zone)
    check_hours(cmd.working_hours)
    before = work.find(Calendar)
    after = replace(
        before or Calendar(id=work.target_id, name=cmd.name, time_zone=cmd.time_zone),
        name=cmd.name,
        time_zone=cmd.time_zone,
        holidays=tuple(sorted(set(cmd.holidays))),
        working_hours=cmd.working_hours,
    )
    if after != before:
        work.save(replace(after, fresh=_is_fresh(before, after)))
        work.emit("calendar.set", name=cmd.name, holidays=len(after.holidays))


def _is_fresh(before: Calendar | None, after: Calendar) -> bool:
    """Whether dependents must be updated: not for a new calendar, nor for a change of its name alone."""
    if before is None:
        return False
    return before.fresh or any(getattr(before, name) != getattr(after, name) for name in DEPENDED_ON)
