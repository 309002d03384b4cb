"""Plans that are due: somebody is to look at them and open their orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.plan.model import Plan
from schedules.declaration import CommandRequest, Due, DueCheck, Every, Latest, Schedule

DUE_CHECK = DueCheck(command="plan.generate", at=Plan, field="generate_at")


def due_plans(due: Due, _slot: datetime, now: datetime) -> Iterator[CommandRequest]:
    for plan in due.plans(now):
        yield DUE_CHECK.request(plan.tenant_id, plan.plan_id, plan.generate_at)


def quarantine(asked: CommandRequest, command_id: str, state: str) -> CommandRequest | None:
    """A plan whose look died would be asked for at every tick and never answer."""
    return CommandRequest(
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
    requests=due_plans,
    due_check=DUE_CHECK,
    on_bad_end=quarantine,
    summary="opens the orders of maintenance plans that are due",
)
