"""Orders whose clocks are due: a promise of an SLA may be broken, a reminder is to go out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.instants import told
from schedules.declaration import Asked, Due, Every, Latest, Schedule


def due_orders(due: Due, _slot: datetime, now: datetime) -> Iterator[Asked]:
    """One look per order and `look_at`, which never takes the same value twice."""
    for order in due.orders(now):
        at = told(order.look_at)
        yield Asked(
            tenant_id=order.tenant_id,
            type="work_order.look",
            payload={"work_order_id": order.work_order_id, "at": at},
            key=f"look:{order.work_order_id}@{at}",
        )


SCHEDULE = Schedule(
    name="orders",
    rule=Every(timedelta(seconds=5)),
    lock_ttl="reminder_job_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    asks=due_orders,
    summary="looks at the SLA clocks and reminders of open orders",
)
