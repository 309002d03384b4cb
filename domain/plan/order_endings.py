"""How a plan changes when its orders are completed, cancelled or reopened."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from domain.plan import meter_due as by_meter
from domain.plan.changes import refreshed
from domain.plan.generate import with_lane
from domain.plan.model import OpenOrder, Plan
from domain.time.working_calendar import Calendar


def order_ended(
    plan: Plan, order: OpenOrder, calendar: Calendar | None, *, at: datetime, now: datetime
) -> Plan:
    """The plan after an order was completed or cancelled at that time: a floating lane counts from there.

    A second completion after a reopening counts as long as nothing was issued on the first; so does another
    time of the same, from which the meter, which has begun anew, does not begin once more.
    """
    left = tuple(one for one in plan.open_orders if one.work_order_id != order.work_order_id)
    after = replace(plan, open_orders=left)
    progress = next(
        (one for one in plan.lanes if order.work_order_id in (one.waiting_for, one.base_order)), None
    )
    if progress is None or (progress.waiting_for or order.work_order_id) != order.work_order_id:
        return after
    going_on = replace(progress, waiting_for=None, base_at=at, base_order=order.work_order_id)
    after = with_lane(after if progress.waiting_for is None else by_meter.restarted(after), going_on)
    return refreshed(after, calendar, now=now)


def order_reopened(plan: Plan, order: OpenOrder, calendar: Calendar | None, *, now: datetime) -> Plan:
    """The plan after an order was reopened; a floating lane that has issued nothing since waits for it
    again."""
    known = any(one.work_order_id == order.work_order_id for one in plan.open_orders)
    after = plan if known else replace(plan, open_orders=(*plan.open_orders, order))
    progress = next((one for one in plan.lanes if one.base_order == order.work_order_id), None)
    if progress is None or progress.waiting_for is not None:
        return after
    return refreshed(with_lane(after, replace(progress, waiting_for=order.work_order_id)), calendar, now=now)
