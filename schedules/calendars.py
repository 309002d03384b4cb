"""Calendars that were changed: the plans that go by them are worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schedules.declaration import Asked, Due, Every, Latest, Schedule


def spread(due: Due, _slot: datetime, _now: datetime) -> Iterator[Asked]:
    """Each plan behind the calendar's version once; when there is none left, the calendar is settled."""
    for calendar in due.changed_calendars():
        told_all = True
        for plan_id in due.plans_behind(calendar):
            told_all = False
            yield Asked(
                tenant_id=calendar.tenant_id,
                type="plan.refresh",
                payload={"plan_id": plan_id, "calendar_version": calendar.version},
                key=f"calendar:{calendar.id}:{calendar.version}:plan:{plan_id}",
            )
        if told_all:
            yield Asked(
                tenant_id=calendar.tenant_id,
                type="calendar.settle",
                payload={"calendar_id": calendar.id, "version": calendar.version},
                key=f"calendar:{calendar.id}:{calendar.version}:settled",
            )


SCHEDULE = Schedule(
    name="calendars",
    rule=Every(timedelta(seconds=15)),
    lock_ttl="job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    asks=spread,
    summary="works plans out anew whose calendar has changed",
)
