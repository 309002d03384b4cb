"""Plans that are due: somebody is to look at them and open their orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.instants import told
from schedules.declaration import Asked, Due, Every, Latest, Schedule


def due_plans(due: Due, _slot: datetime, now: datetime) -> Iterator[Asked]:
    """One look per plan and `generate_at`, which never takes the same value twice."""
    for plan in due.plans(now):
        at = told(plan.generate_at)
        yield Asked(
            tenant_id=plan.tenant_id,
            type="plan.generate",
            payload={"plan_id": plan.plan_id, "at": at},
            key=f"plan:{plan.plan_id}@{at}",
        )


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
    on_bad_end=quarantine,
    summary="opens the orders of maintenance plans that are due",
)
