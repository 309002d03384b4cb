"""Calendars that were changed: the plans and the SLA clocks that go by them are worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from domain.due import ChangedTerms
from schedules.declaration import WRITE_LAG, CommandRequest, Due, Every, Latest, Schedule


def request_updates(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """Each plan and order behind the calendar's version once; when none is left or to come, it is settled."""
    for calendar in due.changed_calendars():
        told_all = True
        for asked in _behind(due, calendar):
            told_all = False
            yield asked
        if told_all and now - calendar.at >= WRITE_LAG:
            yield _asked(
                calendar, "calendar.settle", "settled", calendar_id=calendar.id, version=calendar.version
            )


def _behind(due: Due, calendar: ChangedTerms) -> Iterator[CommandRequest]:
    version = calendar.version
    for id in due.plans_behind(calendar):
        yield _asked(calendar, "plan.refresh", f"plan:{id}", plan_id=id, calendar_version=version)
    for id in due.orders_counting_by(calendar):
        yield _asked(calendar, "work_order.retime", f"order:{id}", work_order_id=id, calendar_version=version)


def _asked(calendar: ChangedTerms, type: str, what: str, **payload: Any) -> CommandRequest:
    key = f"calendar:{calendar.id}:{calendar.version}:{what}"
    return CommandRequest(tenant_id=calendar.tenant_id, type=type, payload=payload, key=key)


SCHEDULE = Schedule(
    name="calendars",
    rule=Every(timedelta(seconds=15)),
    lock_ttl="job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    requests=request_updates,
    summary="works plans and SLA clocks out anew whose calendar has changed",
)
