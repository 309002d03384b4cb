"""plan.end"""

from __future__ import annotations

from domain.fields import Reason
from domain.ids import Id
from domain.plan.changes import ended
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import save_change
from tasks.work import Work


class End(Payload, frozen=True, kw_only=True):
    plan_id: Id
    reason: Reason


@handles("plan.end", permission="pm.write", touches=("state",))
def end(cmd: End, work: Work) -> None:
    """End a plan for good; its open orders stay open."""
    plan = work.load(Plan)
    if plan.state != "ended":
        save_change(work, plan, ended(plan, cmd.reason), "plan.ended", reason=cmd.reason)
