"""work_order.cancel"""

from __future__ import annotations

from domain.fields import Reason
from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class Cancel(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    reason: Reason


@handles("work_order.cancel", permission="workorders.write", touches=("status",))
def cancel(cmd: Cancel, work: Work) -> None:
    """Cancel an open order."""
    order = work.load(WorkOrder)
    after = order.cancel(cmd.reason, by=work.actor.user_id, at=work.occurred_at)
    save_change(work, order, after, "work_order.cancelled", reason=cmd.reason)
