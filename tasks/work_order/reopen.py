"""work_order.reopen"""

from __future__ import annotations

from domain.fields import Reason
from domain.ids import Id
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class Reopen(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    reason: Reason


@handles("work_order.reopen", permission="workorders.close", touches=("status",))
def reopen(cmd: Reopen, work: Work) -> None:
    """Reopen a completed order."""
    order = work.load(WorkOrder)
    after = order.reopen(cmd.reason, by=work.actor.user_id, at=work.occurred_at)
    save_change(work, order, after, "work_order.reopened", reason=cmd.reason)
