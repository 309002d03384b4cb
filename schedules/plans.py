"""Plans that are due: somebody is to look at them and open their orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.plan.model import Plan
from schedules.declaration import Asked, Due, Every, Latest, Look, Schedule

LOOK = Look(command="plan.generate", at=Plan, field="generate_at")


def due_plans(due: Due, _slot: datetime, now: datetime) -> Iterator[Asked]:
    for plan in due.plans(now):
        yield LOOK.asked(plan.tenant_id, plan.plan_id, plan.generate_at)


def quarantine(asked: Asked, command_id: str, state: str) -> Asked | None:
    """A plan whose look died would be asked for at every tick and never answer."""
    return Asked(
        tenant_id=asked.tenant_id,
        type="plan.quarantine",
        payload={
            "plan_id": asked.payload["plan_id"],
            "code": "generation_failed",
            "message": f"its command {command_id} is {state}: see the dead letters",
        },
        key=f"quarantine:{command_id}",
    )


SCHEDULE = Schedule(
    name="plans",
    rule=Every(timedelta(seconds=5)),
    lock_ttl="pm_scheduler_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    asks=due_plans,
    look=LOOK,
    on_bad_end=quarantine,
    summary="opens the orders of maintenance plans that are due",
)
