"""plan.resume"""

from __future__ import annotations

from domain.ids import Id
from domain.plan.changes import resumed
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, save_change
from tasks.work import Work


class Resume(Payload, frozen=True, kw_only=True):
    plan_id: Id


@handles("plan.resume", permission="pm.write", touches=("state",))
def resume(cmd: Resume, work: Work) -> None:
    """Resume a plan after a pause or a quarantine; `catch_up` says what happens to missed occurrences."""
    plan = work.load(Plan)
    if plan.state == "active":
        return
    after = resumed(plan, calendar_of(work, plan.rules), now=work.now)
    save_change(work, plan, after, "plan.resumed", next_due_at=after.next_due_at)
