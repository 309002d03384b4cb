"""What work order commands share: loading with an ownership check, and saving with events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.entity import Entry
from domain.work_order.books import with_entry
from domain.work_order.holders import taken_from
from domain.work_order.ledger import Line
from domain.work_order.model import WorkOrder
from tasks.flows import order_clocks as clocks
from tasks.work import Work


def load_own(work: Work) -> WorkOrder:
    """The order, if the actor may work on it. Raises: Missing; Rejected: not_assigned."""
    order = work.load(WorkOrder)
    order.must_be_worked_by(work.actor)
    return order


def create_order(work: Work, order: WorkOrder, rows: Sequence[Entry] = (), **origin: str) -> None:
    """Create an order beside the command's target, with its clocks started."""
    work.create(clocks.with_clocks(work, order), "work_order.created", rows, **created_data(order), **origin)


def created_data(order: WorkOrder) -> dict[str, str]:
    """The data of `work_order.created`."""
    return {"number": order.number, "title": order.title, "status": order.status}


def save_change(work: Work, before: WorkOrder, after: WorkOrder, event: str, **data: Any) -> None:
    """Save the changed order and emit the event; if it is unchanged, the command is applied without a trace.

    Also updates the order's clocks, emitting their events after this one, and notifies its plan. `taken_from`
    names the holders that lost the order: their devices learn it from this event alone.
    """
    if after is not before:
        check = clocks.update_clocks(work, before, after)
        work.save(check.order)
        if lost := taken_from(before.holders, after.holders):
            data["taken_from"] = list(lost)
        work.emit(event, **{name: value for name, value in data.items() if value is not None})
        clocks.announce(work, check)
        notify_plan(work, before, after)


def event_name(before: WorkOrder, after: WorkOrder, event: str) -> str:
    """The event's name: `work_order.time_corrected` if the status did not change."""
    return event if after.status != before.status else "work_order.time_corrected"


def notify_plan(work: Work, before: WorkOrder, after: WorkOrder) -> None:
    """Notify the order's plan, by a follow-up, that it has ended (or at a corrected time) or was reopened."""
    is_same = (after.status, after.completed_at) == (before.status, before.completed_at)
    if after.plan is None or is_same:
        return
    order = {
        "plan_id": after.plan.id,
        "work_order_id": after.id,
        "lane": after.plan.lane,
        "occurrence": after.plan.occurrence,
    }
    if after.status in ("completed", "cancelled"):
        at = after.completed_at if after.status == "completed" else after.cancelled_at
        outcome = {"outcome": after.status, "at": at or work.now}
        work.follow_up("plan.order_ended", order | outcome, step="plan")
    elif before.status == "completed" and after.status == "in_progress":
        work.follow_up("plan.order_reopened", order, step="plan")


def book(work: Work, order: WorkOrder, entry: Line, event: str, **data: Any) -> None:
    """Append a ledger row and add it to the totals. Raises: Rejected: as `with_entry`."""
    after = with_entry(order, entry)
    work.record(entry)
    save_change(work, order, after, event, entry_id=entry.id, **data)
