"""work_order.cancel_superseded"""

from __future__ import annotations

from domain.ids import Id
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work

REASON = "superseded by the plan's next occurrence"


class CancelSuperseded(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    plan_id: Id


@handles("work_order.cancel_superseded", permission=None, internal=True)
def cancel_superseded(cmd: CancelSuperseded, work: Work) -> None:
    """Cancel an open order that the plan's next order supersedes."""
    order = work.load(WorkOrder)
    if order.status in OPEN:
        cancelled = order.cancel(REASON, by=None, at=work.now)
        save_change(work, order, cancelled, "work_order.cancelled", reason=REASON)
