"""plan.quarantine"""

from __future__ import annotations

from domain.fields import Note, Word
from domain.ids import Id
from domain.plan.changes import quarantined
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import QUARANTINED, save_change
from tasks.work import Work


class QuarantinePlan(Payload, frozen=True, kw_only=True):
    plan_id: Id
    code: Word
    message: Note


@handles("plan.quarantine", permission=None, internal=True)
def quarantine(cmd: QuarantinePlan, work: Work) -> None:
    """Quarantine a plan whose generation failed, and show why."""
    plan = work.load(Plan)
    after = quarantined(plan, code=cmd.code, message=cmd.message, at=work.now)
    save_change(work, plan, after, QUARANTINED, code=cmd.code, message=cmd.message)
