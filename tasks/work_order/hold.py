"""work_order.hold"""

from __future__ import annotations

from domain.fields import Instant, instant
from domain.ids import Id
from domain.work_order.model import HoldReason
from tasks.command import Payload, handles
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class Hold(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    reason: HoldReason
    until: Instant | None = None


@handles("work_order.hold", permission="workorders.execute", touches=("status", "assignee_ids"))
def hold(cmd: Hold, work: Work) -> None:
    """Put the work on hold, for a reason that decides whether its clocks stop."""
    order = load_own(work)
    until = instant(cmd.until) if cmd.until else None
    held = order.hold(cmd.reason, until, by=work.actor.user_id, at=work.occurred_at)
    save_change(work, order, held, "work_order.held", reason=cmd.reason, until=cmd.until)
