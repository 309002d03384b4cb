"""Orders that were never opened, because the command that was to open them ended badly: their plans learn of
it. Nobody else would tell them, and a plan that waits for such an order would wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schedules.declaration import Asked, Due, Every, Latest, Schedule


def lost_orders(due: Due, _slot: datetime, now: datetime) -> Iterator[Asked]:
    """Once for each such command."""
    for lost in due.lost_orders(now):
        yield Asked(
            tenant_id=lost.tenant_id,
            type="plan.order_lost",
            payload={
                "plan_id": lost.plan_id,
                "work_order_id": lost.work_order_id,
                "lane": lost.lane,
                "occurrence": lost.occurrence,
                "command_id": lost.command_id,
                "state": lost.state,
            },
            key=f"lost:{lost.command_id}",
        )


SCHEDULE = Schedule(
    name="lost-orders",
    rule=Every(timedelta(seconds=15)),
    lock_ttl="pm_scheduler_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    asks=lost_orders,
    summary="tells plans of orders that could not be opened",
)
