"""The SLA and reminder clocks of an order: started with it, updated by its changes, checked when due.

A new reminder policy applies to orders opened or changed after it, and to watched orders. A new SLA policy
does not apply to existing orders: an order keeps the terms of the day it was opened, and gets new ones only
when its type or priority changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from domain.errors import Rejected
from domain.notices.notice import Notice
from domain.order_clocks import announcements, reminders, sla
from domain.order_clocks.reminders import ReminderCheck
from domain.order_clocks.sla import HISTORY, MOMENT, SlaCheck
from domain.policies import Policies, best_policy
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from domain.work_order.watch import Hold, Ladder, Rest, Sla, Watch

MOST_SPANS = 200
"""Most holds, and most reopenings, of an order: each is stored, because it moves the deadlines."""

Calendars = Callable[[str], Calendar | None]

CLOCK_FIELDS = (
    "status",
    "started_at",
    "completed_at",
    "hold_reason",
    "type",
    "priority",
    "due_at",
    "watch",
)
"""Fields of an order that affect its clocks."""


class ClockCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The order with updated clocks, and the events and notices that follow."""

    order: WorkOrder
    events: tuple[announcements.Event, ...] = ()
    notices: tuple[Notice, ...] = ()


def affects_clocks(before: WorkOrder, after: WorkOrder) -> bool:
    """Whether this change affects the clocks."""
    return any(getattr(before, field) != getattr(after, field) for field in CLOCK_FIELDS)


def start_watch(
    order: WorkOrder, policies: Policies | None, calendars: Calendars, *, now: datetime
) -> WorkOrder:
    """The new order with its clocks started. No notices yet: the first due check opens those due at once."""
    if policies is None or order.status not in OPEN:
        return order
    since = order.created_at if now - order.created_at <= HISTORY else None
    watch = _chosen(Watch(policies_version=policies.version, since=since), order, policies)
    eve = min(order.created_at, order.due_at or order.created_at) - MOMENT
    sla_check, reminder_check = _checked(watch, order, policies, calendars, now=eve)
    return _with_watch(order, watch, sla_check, reminder_check, now=now)


def update_clocks(
    before: WorkOrder,
    after: WorkOrder,
    policies: Policies | None,
    calendars: Calendars,
    *,
    at: datetime,
    now: datetime,
) -> ClockCheck:
    """The order after a change that happened at `at` and reached the server at `now`.

    Raises: Rejected: too_many_holds, too_many_reopenings.
    """
    watch = after.watch
    if watch is None:
        if policies is None or after.status not in OPEN:
            return ClockCheck(order=after)
        watch = Watch(policies_version=policies.version)
    watch = _with_hold(_with_rest(watch, before, after, at), before, after, at)
    if policies and (before.type, before.priority) != (after.type, after.priority):
        watch = _chosen(watch, after, policies)
    return check_clocks(replace(after, watch=watch), policies, calendars, now=now)


def check_clocks(
    order: WorkOrder, policies: Policies | None, calendars: Calendars, *, now: datetime
) -> ClockCheck:
    """The order with its clocks checked at `now`; the same object if nothing changed."""
    watch = order.watch
    if watch is None:
        return ClockCheck(order=order)
    sla_check, reminder_check = _checked(watch, order, policies, calendars, now=now)
    if policies:
        watch = replace(watch, policies_version=policies.version)
    kept = _with_watch(order, watch, sla_check, reminder_check, now=now)
    return ClockCheck(
        order=order if kept == order else kept,
        events=tuple(announcements.events(sla_check, reminder_check)),
        notices=tuple(announcements.notices(kept, sla_check, reminder_check)),
    )


def with_ladder(order: WorkOrder, policies: Policies | None, change: Callable[[Ladder], Ladder]) -> WorkOrder:
    """The order with its ladder changed. Raises: Rejected: no_reminders."""
    watch = order.watch or (Watch(policies_version=policies.version) if policies else None)
    if watch is None or order.due_at is None or order.status not in OPEN:
        raise Rejected("no_reminders", f"{order.number} has no reminders", status=order.status)
    before = reminders.ladder_for(order, watch.ladder)
    after = change(before)
    return order if after is before else replace(order, watch=replace(watch, ladder=after))


def _chosen(watch: Watch, order: WorkOrder, policies: Policies) -> Watch:
    """With the SLA policy that fits now; one that it has already keeps its terms."""
    policy = best_policy(policies.sla, order.type, order.priority) if watch.since else None
    if policy is None:
        return replace(watch, sla=None)
    if watch.sla is None:
        return replace(watch, sla=Sla(policy=policy))
    return (
        watch if watch.sla.policy.id == policy.id else replace(watch, sla=replace(watch.sla, policy=policy))
    )


def _checked(
    watch: Watch, order: WorkOrder, policies: Policies | None, calendars: Calendars, *, now: datetime
) -> tuple[SlaCheck | None, ReminderCheck | None]:
    calendar_id = watch.sla.policy.calendar_id if watch.sla else None
    calendar = calendars(calendar_id) if calendar_id else None
    judgement = sla.check_sla(watch, order, calendar, now=now)
    if judgement and calendar:
        by_now = replace(judgement.sla, calendar_version=calendar.version)
        judgement = replace(judgement, sla=by_now)
    if order.status not in OPEN:
        return judgement, None
    policy = best_policy(policies.reminders, order.type, order.priority) if policies else None
    return judgement, reminders.check_reminders(watch.ladder, order, policy, now=now)


def _with_watch(
    order: WorkOrder,
    watch: Watch,
    sla_check: SlaCheck | None,
    reminder_check: ReminderCheck | None,
    *,
    now: datetime,
) -> WorkOrder:
    times = [check.next_at for check in (sla_check, reminder_check) if check and check.next_at]
    is_open = order.status in OPEN
    return replace(
        order,
        watch=replace(
            watch,
            sla=sla_check.sla if sla_check else watch.sla,
            ladder=reminder_check.ladder if reminder_check else watch.ladder,
        ),
        # Later than now: due checks are named by their instants, and no name may recur.
        look_at=max(min(times), now + MOMENT) if times and is_open else None,
    )


def _with_hold(watch: Watch, before: WorkOrder, after: WorkOrder, at: datetime) -> Watch:
    was, held = before.hold_reason, after.hold_reason if after.status == "on_hold" else None
    if was == held:
        return watch
    holds = list(watch.holds)
    if holds and holds[-1].until is None:
        holds[-1] = replace(holds[-1], until=max(at, holds[-1].since))
    if held is not None:
        if len(holds) >= MOST_SPANS:
            raise Rejected("too_many_holds", f"{after.number} has been put on hold {MOST_SPANS} times")
        holds.append(Hold(since=at, reason=held))
    return replace(watch, holds=tuple(holds))


def _with_rest(watch: Watch, before: WorkOrder, after: WorkOrder, at: datetime) -> Watch:
    done_at = before.completed_at
    if done_at is None or after.completed_at is not None:
        return watch
    if len(watch.rests) >= MOST_SPANS:
        raise Rejected("too_many_reopenings", f"{after.number} has been reopened {MOST_SPANS} times")
    return replace(watch, rests=(*watch.rests, Rest(since=done_at, until=max(at, done_at))))
