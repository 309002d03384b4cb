"""plan.create"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.asset import Asset
from domain.entity import Entity
from domain.errors import Rejected
from domain.ids import Id
from domain.plan.changes import begun
from domain.plan.model import Plan
from domain.plan.rules import Rules
from domain.working_calendar import Calendar
from tasks.command import Payload, handles
from tasks.plans import calendar_of, check_names, settle
from tasks.work import Work


class Create(Payload, Rules, frozen=True, kw_only=True):
    id: Id | None = None


def reads(cmd: Create) -> Iterable[tuple[type[Entity], str]]:
    yield from ((Asset, target.asset_id) for target in cmd.targets)
    if cmd.calendar_id:
        yield Calendar, cmd.calendar_id


@handles("plan.create", permission="pm.write", reads=reads)
def create(cmd: Create, work: Work) -> None:
    """Plan maintenance that recurs: what is due from now on becomes work orders."""
    if work.find(Plan) is not None:
        raise Rejected("already_exists", f"there is a plan {work.target_id}", path="id")
    rules = msgspec.convert(cmd, Rules, from_attributes=True)
    check_names(work, rules)
    calendar = calendar_of(work, rules)
    plan = begun(work.target_id, rules, calendar, at=work.occurred_at, now=work.now)
    settle(work, None, plan, "plan.created", name=rules.name, next_due_at=plan.next_due_at)
