"""plan.revise"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from domain.errors import Rejected
from domain.fields import LocalTime
from domain.ids import Id
from domain.plan.changes import revised
from domain.plan.model import Plan
from domain.plan.rules import Rules
from tasks.command import Payload, handles
from tasks.flows.plan import calendar_of, check_references, save_change
from tasks.work import Work

if TYPE_CHECKING:
    Patch = Any
else:
    # Every field of Rules, each optional, so that they are defined once, in domain/plan/rules.py.
    Patch = msgspec.defstruct(
        "Patch",
        [
            (field.name, field.type | msgspec.UnsetType, msgspec.UNSET)
            for field in msgspec.structs.fields(Rules)
        ],
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


class Revise(Payload, frozen=True, kw_only=True):
    plan_id: Id
    patch: Patch
    effective_from: LocalTime | None = None


@handles("plan.revise", permission="pm.write", touches=("rules",))
def revise(cmd: Revise, work: Work) -> None:
    """Change a plan's rules, now or from a local time on; orders already opened stay as they are."""
    plan = work.load(Plan)
    changes = {
        name: value for name, value in msgspec.structs.asdict(cmd.patch).items() if value is not msgspec.UNSET
    }
    if not changes:
        raise Rejected("nothing_to_revise", "the patch is empty", path="patch")
    rules = msgspec.structs.replace(plan.rules, **changes)
    check_references(work, rules, known=plan.rules)
    after = revised(plan, rules, calendar_of(work, rules), effective_from=cmd.effective_from, now=work.now)
    save_change(work, plan, after, "plan.revised", fields=sorted(changes), effective_from=cmd.effective_from)
