"""plan.pause"""

from __future__ import annotations

from domain.ids import Id
from domain.plan.changes import paused
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import save_change
from tasks.work import Work


class Pause(Payload, frozen=True, kw_only=True):
    plan_id: Id


@handles("plan.pause", permission="pm.write", touches=("state",))
def pause(cmd: Pause, work: Work) -> None:
    """Open no orders until the plan is resumed."""
    plan = work.load(Plan)
    save_change(work, plan, paused(plan), "plan.paused")
