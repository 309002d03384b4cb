"""work_order.resume"""

from __future__ import annotations

from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class Resume(Payload, frozen=True, kw_only=True):
    work_order_id: Id


@handles("work_order.resume", permission="workorders.execute", touches=("status", "assignee_ids"))
def resume(cmd: Resume, work: Work) -> None:
    """Resume work after a hold."""
    order = load_own(work)
    save_change(work, order, order.resume(by=work.actor.user_id, at=work.occurred_at), "work_order.resumed")
