"""plan.order_lost"""

from __future__ import annotations

from collections.abc import Iterable

from domain.entity import Entity
from domain.fields import OccurrenceName, Word
from domain.ids import Id
from domain.plan.model import OpenOrder, Plan
from domain.plan.orders import order_lost
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.plans import calendar_of, settle
from tasks.work import Work


class OrderLost(Payload, frozen=True, kw_only=True):
    plan_id: Id
    work_order_id: Id
    lane: Word
    occurrence: OccurrenceName
    command_id: Id
    """The command that was to open the order, and how it ended."""
    state: Word


def reads(cmd: OrderLost) -> Iterable[tuple[type[Entity], str]]:
    return ((WorkOrder, cmd.work_order_id),)


@handles("plan.order_lost", permission=None, internal=True, reads=reads)
def lost(cmd: OrderLost, work: Work) -> None:
    """Tell a plan that an order it counts as open was never opened, and why."""
    if work.peek(WorkOrder, cmd.work_order_id) is not None:  # replayed meanwhile
        return
    plan = work.load(Plan)
    order = OpenOrder(work_order_id=cmd.work_order_id, lane=cmd.lane, occurrence=cmd.occurrence)
    reason = f"command {cmd.command_id}, which was to open its order, is {cmd.state}"
    after = order_lost(plan, order, calendar_of(work, plan.rules), reason=reason, now=work.now)
    settle(
        work,
        plan,
        after,
        "plan.occurrence_skipped",
        occurrence=cmd.occurrence,
        lane=cmd.lane,
        code="order_failed",
        reason=reason,
    )
