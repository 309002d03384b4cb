"""work_order.approval.decide"""

from __future__ import annotations

from domain.fields import Note
from domain.ids import Id
from domain.work_order.approvals import Verdict, decide
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.work_order import save_change
from tasks.work import Work


class Decide(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    verdict: Verdict
    note: Note | None = None


@handles("work_order.approval.decide", permission="workorders.approve", touches=("approvals",))
def decide_approval(cmd: Decide, work: Work) -> None:
    """Approve or reject the next approval step, if it is one's own to decide."""
    order = work.load(WorkOrder)
    after = decide(order, cmd.verdict, actor=work.actor, at=work.occurred_at, note=cmd.note)
    event = {"approved": "work_order.approved", "draft": "work_order.approval_rejected"}
    save_change(
        work, order, after, event.get(after.status, "work_order.approval_step_approved"), note=cmd.note
    )
