"""work_order.close"""

from __future__ import annotations

from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class Close(Payload, frozen=True, kw_only=True):
    work_order_id: Id


@handles("work_order.close", permission="workorders.close", touches=("status",))
def close(cmd: Close, work: Work) -> None:
    """Close a completed order: no more hours, parts or costs can be booked."""
    order = work.load(WorkOrder)
    save_change(work, order, order.close(by=work.actor.user_id, at=work.occurred_at), "work_order.closed")
