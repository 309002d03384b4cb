"""plan.order_ended"""

from __future__ import annotations

from typing import Literal

from domain.fields import Instant, OccurrenceName, Word, instant
from domain.ids import Id
from domain.plan.model import OpenOrder, Plan
from domain.plan.order_endings import order_ended
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, save_change
from tasks.work import Work


class OrderEnded(Payload, frozen=True, kw_only=True):
    plan_id: Id
    work_order_id: Id
    lane: Word
    occurrence: OccurrenceName
    outcome: Literal["completed", "cancelled"]
    at: Instant


@handles("plan.order_ended", permission=None, internal=True)
def ended(cmd: OrderEnded, work: Work) -> None:
    """Note that an order of the plan was completed or cancelled; a floating plan continues from that time."""
    plan = work.load(Plan)
    order = OpenOrder(work_order_id=cmd.work_order_id, lane=cmd.lane, occurrence=cmd.occurrence)
    after = order_ended(plan, order, calendar_of(work, plan.rules), at=instant(cmd.at), now=work.now)
    save_change(work, plan, after, "plan.order_ended", work_order_id=cmd.work_order_id, outcome=cmd.outcome)
