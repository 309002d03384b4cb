"""meter.attach_plan"""

from __future__ import annotations

from domain.assets.meter import Meter, attached, decimal_text
from domain.ids import Id
from domain.time.instants import rfc3339
from tasks.command import Payload, handles
from tasks.work import Work


class AttachPlan(Payload, frozen=True, kw_only=True):
    meter_id: Id
    plan_id: Id


@handles("meter.attach_plan", permission=None, internal=True)
def attach(cmd: AttachPlan, work: Work) -> None:
    """Attach a plan to a meter: it is sent the present total and each reading."""
    meter = work.load(Meter)
    after = attached(meter, cmd.plan_id)
    if after is not meter:
        work.save(after)
        work.emit("meter.plan_attached", plan_id=cmd.plan_id)
    work.follow_up(
        "plan.meter_check",
        {
            "plan_id": cmd.plan_id,
            "meter_id": meter.id,
            "total": decimal_text(meter.total),
            "read_at": rfc3339(meter.last_read_at) if meter.last_read_at else None,
        },
        step=f"plan:{cmd.plan_id}",
    )
