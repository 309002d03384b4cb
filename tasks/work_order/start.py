"""work_order.start"""

from __future__ import annotations

from domain.ids import Id
from tasks.command import Payload, handles
from tasks.flows.work_order import load_own, settle, told_as
from tasks.work import Work


class Start(Payload, frozen=True, kw_only=True):
    work_order_id: Id


@handles("work_order.start", permission="workorders.execute", touches=("status", "assignee_ids"))
def start(cmd: Start, work: Work) -> None:
    """Begin the work; beginning again what one has begun changes nothing."""
    order = load_own(work)
    begun = order.start(by=work.actor.user_id, at=work.occurred_at, measured=work.is_measured)
    settle(work, order, begun, told_as(order, begun, "work_order.started"))
