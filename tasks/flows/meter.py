"""How plans are attached to the meter they count by, and detached from it."""

from __future__ import annotations

from domain.assets.meter import Meter, attached
from domain.plan.model import Plan
from tasks.work import Work


def update_attachment(work: Work, before: Plan | None, after: Plan) -> None:
    """Attach the plan to its new meter and detach it from its old one, by follow-up commands.

    Raises: Rejected: too_many_plans. The check is advisory (a peek): if another plan takes the last place at
    the same moment, the follow-up is refused.
    """
    old, new = _meter_of(before), _meter_of(after)
    if old == new:
        return
    if old is not None:
        work.follow_up("meter.detach_plan", {"meter_id": old, "plan_id": after.id}, step="meter:detach")
    if new is not None:
        meter = work.peek(Meter, new)
        if meter is not None:
            attached(meter, after.id)
        work.follow_up("meter.attach_plan", {"meter_id": new, "plan_id": after.id}, step="meter:attach")


def _meter_of(plan: Plan | None) -> str | None:
    if plan is None or plan.state == "ended" or plan.rules.metering is None:
        return None
    return plan.rules.metering.meter_id
