"""work_order.labor.log"""

from __future__ import annotations

from datetime import timedelta

from domain.errors import Rejected
from domain.fields import Day, Minutes, Note, day
from domain.ids import Id
from domain.work_order.ledger import Labor, LaborKind
from tasks.command import Payload, handles
from tasks.flows.work_order import book, load_own
from tasks.work import Work


class LogLabor(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    minutes: Minutes
    worked_on: Day
    kind: LaborKind
    note: Note | None = None


@handles("work_order.labor.log", permission="workorders.execute")
def log_labor(cmd: LogLabor, work: Work) -> None:
    """Book time worked; possible until the order is closed."""
    worked_on = day(cmd.worked_on)
    # East of Greenwich the day begins up to 14 hours before it does in UTC.
    if worked_on > (work.now + timedelta(hours=14)).date():
        raise Rejected("worked_on_in_future", f"{worked_on} is in the future", path="worked_on")
    order = load_own(work)
    entry = Labor(
        id=work.new_id(),
        at=work.occurred_at,
        by=work.actor.user_id,
        minutes=cmd.minutes,
        worked_on=worked_on,
        category=cmd.kind,
        note=cmd.note,
    )
    book(work, order, entry, "work_order.labor_logged", minutes=cmd.minutes, worked_on=cmd.worked_on)
