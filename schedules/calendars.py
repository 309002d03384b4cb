"""Requests updates of the plans and SLA clocks that use a changed calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from domain.due import ChangedTerms
from schedules.declaration import WRITE_LAG, CommandRequest, Due, Every, Latest, Schedule


def request_updates(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """One command for each plan and order with an older version of the calendar; then `calendar.settle`."""
    for calendar in due.changed_calendars():
        is_done = True
        for request in _behind(due, calendar):
            is_done = False
            yield request
        if is_done and now - calendar.at >= WRITE_LAG:
            yield _request(
                calendar, "calendar.settle", "settled", calendar_id=calendar.id, version=calendar.version
            )


def _behind(due: Due, calendar: ChangedTerms) -> Iterator[CommandRequest]:
    version = calendar.version
    for id in due.plans_behind(calendar):
        yield _request(calendar, "plan.refresh", f"plan:{id}", plan_id=id, calendar_version=version)
    for id in due.orders_counting_by(calendar):
        yield _request(
            calendar, "work_order.retime", f"order:{id}", work_order_id=id, calendar_version=version
        )


def _request(calendar: ChangedTerms, type: str, purpose: str, **payload: Any) -> CommandRequest:
    key = f"calendar:{calendar.id}:{calendar.version}:{purpose}"
    return CommandRequest(tenant_id=calendar.tenant_id, type=type, payload=payload, key=key)


SCHEDULE = Schedule(
    name="calendars",
    rule=Every(timedelta(seconds=15)),
    lock_ttl="job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    requests=request_updates,
    summary="recomputes plans and SLA clocks whose calendar has changed",
)
