"""work_order.complete"""

from __future__ import annotations

from domain.fields import Note, Word
from domain.ids import Id
from domain.work_order.ledger import Comment
from tasks.command import Payload, handles
from tasks.flows.work_order import book, event_name, load_own, save_change
from tasks.work import Work


class Complete(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    note: Note | None = None
    failure_code: Word | None = None
    cause_code: Word | None = None
    remedy_code: Word | None = None


@handles("work_order.complete", permission="workorders.execute", touches=("status",))
def complete(cmd: Complete, work: Work) -> None:
    """Complete the work. Completing again changes nothing, but a new note is kept as a comment."""
    order = load_own(work)
    at, by = work.occurred_at, work.actor.user_id
    codes = {"failure_code": cmd.failure_code, "cause_code": cmd.cause_code, "remedy_code": cmd.remedy_code}
    done = order.complete(by=by, at=at, measured=work.is_measured, note=cmd.note, **codes)
    if order.status == "completed" and cmd.note and cmd.note != order.completion_note:
        book(work, done, Comment(id=work.new_id(), at=at, by=by, text=cmd.note), "work_order.commented")
    elif done.status == order.status:
        save_change(work, order, done, event_name(order, done, "work_order.completed"))
    else:
        save_change(work, order, done, "work_order.completed", note=cmd.note, **codes)
