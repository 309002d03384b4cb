"""reminder.policy.set"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.fields import Name
from domain.ids import Id
from domain.policies import Policies, ReminderPolicy, Rung, with_reminders
from domain.time.durations import Duration
from tasks.command import Payload, handles
from tasks.flows.policy_terms import Channels, For, Notify, applies, check_span, people
from tasks.work import Work


class Late(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rung of the ladder: whom to notify when an order is overdue by `after`."""

    after: Duration
    notify: Notify
    channels: Channels = ("in_app", "email")


class PolicySet(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    name: Name
    applies: For = For()
    before_due: Annotated[tuple[Duration, ...], Meta(max_length=10)] = ()
    overdue: Annotated[tuple[Late, ...], Meta(max_length=10)] = ()

    def __post_init__(self) -> None:
        for text in (*self.before_due, *(rung.after for rung in self.overdue)):
            check_span(text, "a distance from the due date")


@handles("reminder.policy.set", permission="pm.write", target="policies", of="tenant")
def set_policy(cmd: PolicySet, work: Work) -> None:
    """Set when assignees are reminded before a due date, and who is notified when an order is overdue."""
    policy = ReminderPolicy(
        id=cmd.id or work.new_id(),
        name=cmd.name,
        applies=applies(cmd.applies),
        before_due=tuple(dict.fromkeys(cmd.before_due)),
        overdue=tuple(
            Rung(after=rung.after, notify=people(rung.notify), channels=rung.channels) for rung in cmd.overdue
        ),
    )
    before = work.find(Policies) or Policies(id=work.target_id)
    if policy not in before.reminders:
        work.save(with_reminders(before, policy))
        work.emit("policies.reminder_policy_set", id=policy.id, name=policy.name)
