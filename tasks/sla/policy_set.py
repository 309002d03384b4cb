"""sla.policy.set"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.entity import Entity
from domain.fields import Name
from domain.ids import Id
from domain.policies import Escalation, Policies, SlaPolicy, Trigger, with_sla
from domain.time.durations import Duration, SignedDuration
from domain.time.working_calendar import Calendar
from domain.work_order.model import HoldReason
from tasks.command import Payload, handles
from tasks.flows.policy_terms import Channels, For, Notify, applies, check_span, people
from tasks.work import Work

SHORTEST = timedelta(seconds=1)


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An escalation: whom to notify at `offset` from a clock's deadline."""

    trigger: Trigger
    offset: SignedDuration
    notify: Notify
    channels: Channels = ("in_app", "email")


class PolicySet(Payload, frozen=True, kw_only=True):
    """Response and resolution times, in the calendar's working hours; at least one of the two."""

    id: Id | None = None
    name: Name
    applies: For = For()
    response: Duration | None = None
    resolve: Duration | None = None
    calendar_id: Id | None = None
    pause_on: Annotated[tuple[HoldReason, ...], Meta(max_length=5)] = ()
    escalations: Annotated[tuple[Step, ...], Meta(max_length=10)] = ()

    def __post_init__(self) -> None:
        check_span(self.response, "response", least=SHORTEST)
        check_span(self.resolve, "resolve", least=SHORTEST)
        if self.response is None and self.resolve is None:
            raise ValueError("response or resolve is needed")
        for step in self.escalations:
            check_span(step.offset, "offset")
            if getattr(self, step.trigger) is None:
                raise ValueError(f"an escalation is on {step.trigger}, which has no duration")


def reads(cmd: PolicySet) -> Iterable[tuple[type[Entity], str]]:
    return ((Calendar, cmd.calendar_id),) if cmd.calendar_id else ()


@handles("sla.policy.set", permission="pm.write", target="policies", of="tenant", reads=reads)
def set_policy(cmd: PolicySet, work: Work) -> None:
    """Set how soon orders must be started and completed; existing orders keep their terms."""
    if cmd.calendar_id:
        work.require(Calendar, cmd.calendar_id, path="calendar_id")
    policy = SlaPolicy(
        id=cmd.id or work.new_id(),
        name=cmd.name,
        applies=applies(cmd.applies),
        response=cmd.response,
        resolve=cmd.resolve,
        calendar_id=cmd.calendar_id,
        pause_on=tuple(dict.fromkeys(cmd.pause_on)),
        escalations=tuple(
            Escalation(
                trigger=step.trigger, offset=step.offset, notify=people(step.notify), channels=step.channels
            )
            for step in cmd.escalations
        ),
    )
    before = work.find(Policies) or Policies(id=work.target_id)
    if policy not in before.sla:
        work.save(with_sla(before, policy))
        work.emit("policies.sla_policy_set", id=policy.id, name=policy.name)
