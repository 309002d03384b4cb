"""plan.refresh"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.ids import Id
from domain.plan.changes import refreshed
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, save_change
from tasks.work import Work


class Refresh(Payload, frozen=True, kw_only=True):
    plan_id: Id
    calendar_version: Annotated[int, Meta(ge=1)]


@handles("plan.refresh", permission=None, internal=True)
def refresh(cmd: Refresh, work: Work) -> None:
    """Recompute the next occurrences, because the calendar has changed."""
    plan = work.load(Plan)
    after = refreshed(plan, calendar_of(work, plan.rules), now=work.now)
    save_change(work, plan, after, "plan.refreshed", next_due_at=after.next_due_at)
