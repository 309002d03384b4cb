"""work_order.checklist.answer"""

from __future__ import annotations

from domain.fields import Sha256
from domain.ids import Id
from domain.work_order.checklist import Answer
from tasks.command import Payload, handles
from tasks.flows.work_order import load_own, save_change
from tasks.work import Work


class AnswerItem(Payload, frozen=True, kw_only=True):
    work_order_id: Id
    item_id: Id
    value: Answer
    evidence_sha256: Sha256 | None = None


# Two people may answer two items of one list at the same time: commands contend only for the same item.
@handles("work_order.checklist.answer", permission="workorders.execute", touches=("checklist/{item_id}",))
def answer_item(cmd: AnswerItem, work: Work) -> None:
    """Answer one checklist item; the latest answer counts."""
    order = load_own(work)
    after = order.answer(
        cmd.item_id,
        cmd.value,
        by=work.actor.user_id,
        at=work.occurred_at,
        evidence_sha256=cmd.evidence_sha256,
    )
    save_change(
        work,
        order,
        after,
        "work_order.checklist_answered",
        item_id=cmd.item_id,
        value=cmd.value,
        evidence_sha256=cmd.evidence_sha256,
    )
