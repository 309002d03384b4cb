"""What an order's clocks have to say: events, and notices: whom each is for, how it goes, for how long it
holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from domain.notices.notice import Audience, Notice, Params, Valid, notice_id
from domain.order_clocks.reminders import ReminderCheck, ReminderStep
from domain.order_clocks.sla import DueEscalation, SlaCheck
from domain.policies import Channel
from domain.time import instants
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN

ROLES = ("supervisor", "manager")
"""Words of a policy that are roles; `assignee` is whoever is to do the order, all else is somebody's id."""

Event = tuple[str, dict[str, Any]]


def events(judgement: SlaCheck | None, ripe: ReminderCheck | None) -> Iterator[Event]:
    """What has come of the clocks, for the timeline."""
    if judgement:
        yield from _of_sla(judgement)
    if ripe:
        yield from _of_reminders(ripe)


def notices(order: WorkOrder, judgement: SlaCheck | None, ripe: ReminderCheck | None) -> Iterator[Notice]:
    """What people are to be told of it."""
    if judgement:
        for told in judgement.escalations:
            yield _escalation(order, told)
    if ripe and ripe.ladder.due_at:
        for step in ripe.fired:
            yield _reminder(order, step, ripe.ladder.due_at)


def audience(order: WorkOrder, notify: Iterable[str]) -> Audience:
    """The words of a policy as people and roles of this order; nobody assigned: supervisors hear of it."""
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


def _of_sla(judgement: SlaCheck) -> Iterator[Event]:
    policy_id = judgement.sla.policy.id
    for turn in judgement.turns:
        said = {"clock": turn.trigger, "deadline": turn.deadline, "policy_id": policy_id}
        yield f"work_order.sla_{turn.what}", said
    for told in judgement.escalations:
        said = {"clock": told.escalation.trigger, "deadline": told.deadline, "policy_id": policy_id}
        yield "work_order.sla_escalated", said | {"step": told.step, "notify": list(told.escalation.notify)}


def _of_reminders(ripe: ReminderCheck) -> Iterator[Event]:
    due_at = ripe.ladder.due_at
    for step in ripe.fired:
        yield "work_order.reminded", {"step": step.name, "due_at": due_at, "notify": list(step.notify)}
    if ripe.skipped:
        late = [step.name for step in ripe.skipped]
        yield "work_order.reminders_skipped", {"steps": late, "due_at": due_at, "code": "overtaken"}


def _reminder(order: WorkOrder, step: ReminderStep, due_at: datetime) -> Notice:
    """Holds while the order is open and due at that time. Its name has the due date in it: a moved one is
    another matter, and one that is moved back was said already."""
    due = instants.rfc3339(due_at)
    params: Params = {"step": step.name.partition("~")[0], "due_at": due}
    valid = Valid(due_at=due, statuses=tuple(OPEN))
    return _notice(order, f"{step.name}@{due}", step.kind, step.notify, step.channels, params, valid)


def _escalation(order: WorkOrder, told: DueEscalation) -> Notice:
    """Holds while the order is open and, where a first start is asked for, while none was made."""
    step = told.escalation
    begun = () if step.trigger == "resolve" else ("in_progress", "on_hold")
    params: Params = {
        "clock": step.trigger,
        "offset": step.offset,
        "deadline": instants.rfc3339(told.deadline),
    }
    valid = Valid(statuses=tuple(status for status in OPEN if status not in begun))
    return _notice(order, told.step, f"sla_{step.trigger}", step.notify, step.channels, params, valid)


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
