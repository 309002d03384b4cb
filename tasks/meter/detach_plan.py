"""meter.detach_plan"""

from __future__ import annotations

from domain.assets.meter import Meter, detached
from domain.ids import Id
from tasks.command import Payload, handles
from tasks.work import Work


class DetachPlan(Payload, frozen=True, kw_only=True):
    meter_id: Id
    plan_id: Id


@handles("meter.detach_plan", permission=None, internal=True)
def detach(cmd: DetachPlan, work: Work) -> None:
    """Detach a plan that has ended or uses another meter."""
    meter = work.load(Meter)
    if cmd.plan_id in meter.plans:
        work.save(detached(meter, cmd.plan_id))
        work.emit("meter.plan_detached", plan_id=cmd.plan_id)
