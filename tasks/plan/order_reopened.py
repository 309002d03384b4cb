"""plan.order_reopened"""

from __future__ import annotations

from domain.fields import OccurrenceName, Word
from domain.ids import Id
from domain.plan.model import OpenOrder, Plan
from domain.plan.order_endings import order_reopened
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, save_change
from tasks.work import Work


class OrderReopened(Payload, frozen=True, kw_only=True):
    plan_id: Id
    work_order_id: Id
    lane: Word
    occurrence: OccurrenceName


@handles("plan.order_reopened", permission=None, internal=True)
def reopened(cmd: OrderReopened, work: Work) -> None:
    """Note that an order of the plan is open again, so that it gets only one successor."""
    plan = work.load(Plan)
    order = OpenOrder(work_order_id=cmd.work_order_id, lane=cmd.lane, occurrence=cmd.occurrence)
    after = order_reopened(plan, order, calendar_of(work, plan.rules), now=work.now)
    save_change(work, plan, after, "plan.order_reopened", work_order_id=cmd.work_order_id)
