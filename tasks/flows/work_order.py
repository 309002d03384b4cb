"""How every work order command loads and ends: whose work it is, what it saves, what it emits."""

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
    """The order, if it is the actor's to work on. Raises: Missing, Rejected: not_assigned."""
    order = work.load(WorkOrder)
    order.must_be_worked_by(work.actor)
    return order


def create_order(work: Work, order: WorkOrder, rows: Sequence[Entry] = (), **why: str) -> None:
    """Open an order beside the command's target, on watch like any other."""
    work.create(clocks.with_clocks(work, order), "work_order.created", rows, **created_data(order), **why)


def created_data(order: WorkOrder) -> dict[str, str]:
    """What is told of every new order."""
    return {"number": order.number, "title": order.title, "status": order.status}


def save_change(work: Work, before: WorkOrder, after: WorkOrder, event: str, **data: Any) -> None:
    """Save and tell, unless nothing changed: then the command is applied and leaves no trace.

    The clocks move with it: what this change makes of them is told behind it. Whom it takes the order from is
    told by name: the devices of those hear of it by this event alone.
    """
    if after is not before:
        looked = clocks.update_clocks(work, before, after)
        work.save(looked.order)
        if lost := taken_from(before.holders, after.holders):
            data["taken_from"] = list(lost)
        work.emit(event, **{name: value for name, value in data.items() if value is not None})
        clocks.announce(work, looked)
        notify_plan(work, before, after)


def event_name(before: WorkOrder, after: WorkOrder, event: str) -> str:
    """The event's name; what moves no status puts a time right."""
    return event if after.status != before.status else "work_order.time_corrected"


def notify_plan(work: Work, before: WorkOrder, after: WorkOrder) -> None:
    """The plan an order is of hears that it has ended, or at another time than was told, or is open again."""
    same = (after.status, after.completed_at) == (before.status, before.completed_at)
    if after.plan is None or same:
        return
    named = {
        "plan_id": after.plan.id,
        "work_order_id": after.id,
        "lane": after.plan.lane,
        "occurrence": after.plan.occurrence,
    }
    if after.status in ("completed", "cancelled"):
        at = after.completed_at if after.status == "completed" else after.cancelled_at
        ended = {"outcome": after.status, "at": at or work.now}
        work.follow_up("plan.order_ended", named | ended, step="plan")
    elif before.status == "completed" and after.status == "in_progress":
        work.follow_up("plan.order_reopened", named, step="plan")


def book(work: Work, order: WorkOrder, entry: Line, event: str, **data: Any) -> None:
    """Append the row and count it. Raises: Rejected: as `booked`."""
    after = with_entry(order, entry)
    work.record(entry)
    save_change(work, order, after, event, entry_id=entry.id, **data)
