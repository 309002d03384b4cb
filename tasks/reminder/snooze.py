"""reminder.snooze"""

from __future__ import annotations

from functools import partial

from domain.errors import Rejected
from domain.fields import Instant, instant
from domain.ids import Id
from domain.order_clocks.clocks import with_ladder
from domain.order_clocks.reminders import snoozed
from tasks.command import Payload, handles
from tasks.flows.order_clocks import policies
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class Snooze(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    until: Instant


@handles("reminder.snooze", permission="workorders.discuss", target="work_order")
def snooze(cmd: Snooze, work: Work) -> None:
    """Send no reminders about an order's due date until a time; then the latest is sent again."""
    order = load_own(work)
    until = instant(cmd.until)
    if until <= work.now:
        raise Rejected("until_is_past", f"{cmd.until} is in the past", path="until")
    after = with_ladder(order, policies(work), partial(snoozed, until=until, at=work.now))
    save_change(work, order, after, "work_order.reminder_snoozed", until=cmd.until, due_at=order.due_at)
