"""plan.create"""

from __future__ import annotations

import msgspec

from domain.errors import Rejected
from domain.ids import Id
from domain.plan.changes import new_plan
from domain.plan.model import Plan
from domain.plan.rules import Rules
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, check_references, references_of, save_change
from tasks.work import Work


class Create(Payload, Rules, frozen=True, kw_only=True):
    id: Id | None = None


@handles("plan.create", permission="pm.write", reads=references_of)
def create(cmd: Create, work: Work) -> None:
    """Create a maintenance plan: occurrences due from now on become work orders."""
    if work.find(Plan) is not None:
        raise Rejected("already_exists", f"there is a plan {work.target_id}", path="id")
    rules = msgspec.convert(cmd, Rules, from_attributes=True)
    check_references(work, rules)
    plan = new_plan(work.target_id, rules, calendar_of(work, rules), at=work.occurred_at, now=work.now)
    save_change(work, None, plan, "plan.created", name=rules.name, next_due_at=plan.next_due_at)
