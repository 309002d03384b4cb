"""plan.meter_check"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from domain.fields import Instant, instant
from domain.ids import Id
from domain.plan.meter_due import plan_with_meter_total
from domain.plan.model import Plan
from tasks.command import Payload, handles
from tasks.flows.plan import generate_due, save_change
from tasks.work import Work

Total = Annotated[str, Meta(pattern=r"^[0-9]{1,22}(\.[0-9]{1,6})?$(?!\n)", description="decimal text")]


class MeterCheck(Payload, frozen=True, kw_only=True):
    plan_id: Id
    meter_id: Id
    total: Total
    read_at: Instant | None = None
    """None: the meter was never read."""


@handles("plan.meter_check", permission=None, internal=True)
def check(cmd: MeterCheck, work: Work) -> None:
    """Take over a meter's total, and open the orders that it makes due."""
    plan = work.load(Plan)
    read_at = instant(cmd.read_at) if cmd.read_at else None
    after = plan_with_meter_total(plan, cmd.meter_id, total=Decimal(cmd.total), at=read_at)
    save_change(work, plan, after, "plan.meter_heard", meter_id=cmd.meter_id, total=cmd.total)
    generate_due(work, after, at=work.now)
