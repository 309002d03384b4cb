"""The events and notices that follow from a check of an order's clocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from domain.notices.notice import Audience, Notice, Params, Valid, notice_id
from domain.order_clocks.reminders import ReminderCheck, ReminderStep
from domain.order_clocks.sla import DueEscalation, SlaCheck
from domain.policies import Channel
from domain.time.instants import rfc3339
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN

ROLES = ("supervisor", "manager")
"""Recipients in a policy that are roles. `assignee` stands for the order's assignees; all others are user
ids."""

Event = tuple[str, dict[str, Any]]


def events(sla: SlaCheck | None, reminders: ReminderCheck | None) -> Iterator[Event]:
    """The events of a check, for the timeline."""
    if sla:
        yield from _of_sla(sla)
    if reminders:
        yield from _of_reminders(reminders)


def notices(order: WorkOrder, sla: SlaCheck | None, reminders: ReminderCheck | None) -> Iterator[Notice]:
    """The notices of a check."""
    if sla:
        for due in sla.escalations:
            yield _escalation(order, due)
    if reminders and reminders.ladder.due_at:
        for step in reminders.fired:
            yield _reminder(order, step, reminders.ladder.due_at)


def audience(order: WorkOrder, notify: Iterable[str]) -> Audience:
    """The recipients of a policy resolved for this order. Without assignees, supervisors stand in for
    them."""
    people: list[str] = []
    roles: list[str] = []
    assignees: list[str] = []
    for word in notify:
        if word == "assignee":
            assignees += order.assignee_ids
            roles += [] if order.assignee_ids else ["supervisor"]
        elif word in ROLES:
            roles.append(word)
        else:
            people.append(word)
    return Audience(user_ids=_each(people), assignee_ids=_each(assignees), roles=_each(roles))


def _each(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _of_sla(sla: SlaCheck) -> Iterator[Event]:
    policy_id = sla.sla.policy.id
    for change in sla.changes:
        data = {"clock": change.trigger, "deadline": change.deadline, "policy_id": policy_id}
        yield f"work_order.sla_{change.what}", data
    for due in sla.escalations:
        data = {"clock": due.escalation.trigger, "deadline": due.deadline, "policy_id": policy_id}
        yield "work_order.sla_escalated", data | {"step": due.step, "notify": list(due.escalation.notify)}


def _of_reminders(reminders: ReminderCheck) -> Iterator[Event]:
    due_at = reminders.ladder.due_at
    for step in reminders.fired:
        yield "work_order.reminded", {"step": step.name, "due_at": due_at, "notify": list(step.notify)}
    if reminders.skipped:
        late = [step.name for step in reminders.skipped]
        yield "work_order.reminders_skipped", {"steps": late, "due_at": due_at, "code": "overtaken"}


def _reminder(order: WorkOrder, step: ReminderStep, due_at: datetime) -> Notice:
    """A notice that is valid while the order is open and still due at that time. Its step contains the due
    date: a moved due date gives new notices, and one moved back does not repeat them."""
    due = rfc3339(due_at)
    params: Params = {"step": step.name.partition("~")[0], "due_at": due}
    valid = Valid(due_at=due, statuses=tuple(OPEN))
    return _notice(order, f"{step.name}@{due}", step.kind, step.notify, step.channels, params, valid)


def _escalation(order: WorkOrder, due: DueEscalation) -> Notice:
    """A notice that is valid while the order is open and, for the response clock, not yet started."""
    escalation = due.escalation
    started = () if escalation.trigger == "resolve" else ("in_progress", "on_hold")
    params: Params = {
        "clock": escalation.trigger,
        "offset": escalation.offset,
        "deadline": rfc3339(due.deadline),
    }
    valid = Valid(statuses=tuple(status for status in OPEN if status not in started))
    kind = f"sla_{escalation.trigger}"
    return _notice(order, due.step, kind, escalation.notify, escalation.channels, params, valid)


def _notice(
    order: WorkOrder,
    step: str,
    kind: str,
    notify: Iterable[str],
    channels: Iterable[Channel],
    params: Params,
    valid: Valid,
) -> Notice:
    about = f"work_order:{order.id}"
    return Notice(
        id=notice_id(about, step),
        about=about,
        step=step,
        template=kind,
        audience=audience(order, notify),
        channels=tuple(dict.fromkeys(channels)),
        critical=order.priority == "critical",
        params={"number": order.number, "title": order.title, "priority": order.priority, **params},
        valid=valid,
    )
