"""Requests due checks of orders whose SLA clocks or reminders are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.work_order.model import WorkOrder
from schedules.declaration import CommandRequest, Due, DueCheck, Every, Latest, Schedule

DUE_CHECK = DueCheck(command="work_order.look", at=WorkOrder, field="look_at")


def due_orders(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """One due check for each order that is due."""
    for order in due.orders(now):
        yield DUE_CHECK.request(order.tenant_id, order.work_order_id, order.look_at)


SCHEDULE = Schedule(
    name="orders",
    rule=Every(timedelta(seconds=5)),
    lock_ttl="reminder_job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    requests=due_orders,
    due_check=DUE_CHECK,
    summary="checks the SLA clocks and reminders of open orders",
)
