"""plan.occurrence.override"""

from __future__ import annotations

from typing import Literal

from domain.errors import Rejected
from domain.fields import LocalTime, Reason
from domain.ids import Id
from domain.plan.changes import overridden
from domain.plan.model import Override, Plan
from domain.time.local_time import format_local, parse_local
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, save_change
from tasks.work import Work


class OverrideOccurrence(Payload, frozen=True, kw_only=True):
    plan_id: Id
    occurrence: LocalTime
    action: Literal["skip", "move"]
    to_local: LocalTime | None = None
    reason: Reason


@handles("plan.occurrence.override", permission="pm.run", touches=("overrides",))
def override(cmd: OverrideOccurrence, work: Work) -> None:
    """Skip or move one future occurrence."""
    plan = work.load(Plan)
    if (cmd.action == "move") != (cmd.to_local is not None):
        raise Rejected("invalid_override", "`move` needs to_local, and `skip` takes none", path="to_local")
    entry = Override(
        occurrence=format_local(parse_local(cmd.occurrence)),
        action=cmd.action,
        to_local=cmd.to_local,
        reason=cmd.reason,
    )
    after = overridden(plan, entry, calendar_of(work, plan.rules), now=work.now)
    save_change(
        work,
        plan,
        after,
        "plan.occurrence_overridden",
        occurrence=entry.occurrence,
        action=cmd.action,
        to_local=cmd.to_local,
        reason=cmd.reason,
    )
