"""work_order.start"""

from __future__ import annotations

from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.work_order import event_name, load_own, save_change
from tasks.work import Work


class Start(Payload, frozen=True, kw_only=True):
    work_order_id: Id


@handles("work_order.start", permission="workorders.execute", touches=("status", "assignee_ids"))
def start(cmd: Start, work: Work) -> None:
    """Start the work; starting again changes nothing."""
    order = load_own(work)
    after = order.start(by=work.actor.user_id, at=work.occurred_at, measured=work.is_measured)
    save_change(work, order, after, event_name(order, after, "work_order.started"))
