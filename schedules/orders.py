"""Orders whose clocks are due: a promise of an SLA may be broken, a reminder is to go out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.work_order.model import WorkOrder
from schedules.declaration import CommandRequest, Due, DueCheck, Every, Latest, Schedule

DUE_CHECK = DueCheck(command="work_order.look", at=WorkOrder, field="look_at")


def due_orders(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
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
    summary="looks at the SLA clocks and reminders of open orders",
)
