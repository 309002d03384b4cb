"""reminder.acknowledge"""

from __future__ import annotations

from functools import partial

from domain.ids import Id
from domain.order_clocks.clocks import with_ladder
from domain.order_clocks.reminders import acknowledged
from tasks.command import Payload, handles
from tasks.flows.order_clocks import policies
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class Acknowledge(Payload, frozen=True, kw_only=True):
    work_order_id: Id


@handles("reminder.acknowledge", permission="workorders.discuss", target="work_order")
def acknowledge(cmd: Acknowledge, work: Work) -> None:
    """Acknowledge reminders: no more are sent about this due date."""
    order = load_own(work)
    after = with_ladder(order, policies(work), partial(acknowledged, at=work.occurred_at))
    save_change(work, order, after, "work_order.reminder_acknowledged", due_at=order.due_at)
