"""Requests the generation of orders of plans that are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.plan.model import Plan
from schedules.declaration import CommandRequest, Due, DueCheck, Every, Latest, Schedule

DUE_CHECK = DueCheck(command="plan.generate", at=Plan, field="generate_at")


def due_plans(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    """One generation for each plan that is due."""
    for plan in due.plans(now):
        yield DUE_CHECK.request(plan.tenant_id, plan.plan_id, plan.generate_at)


def quarantine(request: CommandRequest, command_id: str, state: str) -> CommandRequest | None:
    """Quarantines a plan whose generation failed: otherwise it would be requested at every tick, in vain."""
    return CommandRequest(
        tenant_id=request.tenant_id,
        type="plan.quarantine",
        payload={
            "plan_id": request.payload["plan_id"],
            "code": "generation_failed",
            "message": f"the command {command_id} is {state}: see the dead letters",
        },
        key=f"quarantine:{command_id}",
    )


SCHEDULE = Schedule(
    name="plans",
    rule=Every(timedelta(seconds=5)),
    lock_ttl="pm_scheduler_lock_ttl",
    catch_up=Latest(),
    overlap="skip",
    requests=due_plans,
    due_check=DUE_CHECK,
    on_bad_end=quarantine,
    summary="opens the orders of maintenance plans that are due",
)
