"""An order's SLA and its reminders together: begun at birth, moved by what happens, looked at in time.

A new reminder policy applies to orders opened or moved after it, and to those whose clocks run already. A
promise made later does not bind: SLA clocks run for orders opened when there were policies, under the terms
of that day, and are chosen anew when type or priority change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from domain.errors import Rejected
from domain.notices.notice import Notice
from domain.order_clocks import announcements as telling
from domain.order_clocks import reminders, sla
from domain.order_clocks.reminders import ReminderCheck
from domain.order_clocks.sla import HISTORY, MOMENT, SlaCheck
from domain.policies import Policies, best_policy
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from domain.work_order.transitions import OPEN
from domain.work_order.watch import Hold, Ladder, Rest, Sla, Watch

MOST_SPANS = 200
"""Holds, and times taken up again, that are kept on an order: each moves its deadlines."""

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
"""Fields of an order whose change its clocks heed."""


class ClockCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The order with its clocks as they are now; what happened by that; what people are to be told."""

    order: WorkOrder
    events: tuple[telling.Event, ...] = ()
    notices: tuple[Notice, ...] = ()


def affects_clocks(before: WorkOrder, after: WorkOrder) -> bool:
    """Whether this change concerns the clocks at all."""
    return any(getattr(before, field) != getattr(after, field) for field in CLOCK_FIELDS)


def start_watch(
    order: WorkOrder, policies: Policies | None, calendars: Calendars, *, now: datetime
) -> WorkOrder:
    """A new order on watch. Nothing is told yet: what is due at birth is found by the first look."""
    if policies is None or order.status not in OPEN:
        return order
    since = order.created_at if now - order.created_at <= HISTORY else None
    watch = _chosen(Watch(policies_version=policies.version, since=since), order, policies)
    eve = min(order.created_at, order.due_at or order.created_at) - MOMENT
    judgement, ripe = _weighed(watch, order, policies, calendars, now=eve)
    return _kept(order, watch, judgement, ripe, now=now)


def update_clocks(
    before: WorkOrder,
    after: WorkOrder,
    policies: Policies | None,
    calendars: Calendars,
    *,
    at: datetime,
    now: datetime,
) -> ClockCheck:
    """The order after a change that happened `at` and became known `now`.

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
    """The order at `now`: the very same one when nothing has come of it."""
    watch = order.watch
    if watch is None:
        return ClockCheck(order=order)
    judgement, ripe = _weighed(watch, order, policies, calendars, now=now)
    if policies:
        watch = replace(watch, policies_version=policies.version)
    kept = _kept(order, watch, judgement, ripe, now=now)
    return ClockCheck(
        order=order if kept == order else kept,
        events=tuple(telling.events(judgement, ripe)),
        notices=tuple(telling.notices(kept, judgement, ripe)),
    )


def with_ladder(order: WorkOrder, policies: Policies | None, change: Callable[[Ladder], Ladder]) -> WorkOrder:
    """With the ladder of its due date changed. Raises: Rejected: no_reminders."""
    watch = order.watch or (Watch(policies_version=policies.version) if policies else None)
    if watch is None or order.due_at is None or order.status not in OPEN:
        raise Rejected("no_reminders", f"nobody is reminded of {order.number}", status=order.status)
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


def _weighed(
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


def _kept(
    order: WorkOrder, watch: Watch, judgement: SlaCheck | None, ripe: ReminderCheck | None, *, now: datetime
) -> WorkOrder:
    coming = [found.next_at for found in (judgement, ripe) if found and found.next_at]
    is_open = order.status in OPEN
    return replace(
        order,
        watch=replace(
            watch,
            sla=judgement.sla if judgement else watch.sla,
            ladder=ripe.ladder if ripe else watch.ladder,
        ),
        # Later than now: the looks of an order are named by their instants, and no name may come again.
        look_at=max(min(coming), now + MOMENT) if coming and is_open else None,
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
            raise Rejected("too_many_holds", f"{after.number} was put on hold {MOST_SPANS} times before")
        holds.append(Hold(since=at, reason=held))
    return replace(watch, holds=tuple(holds))


def _with_rest(watch: Watch, before: WorkOrder, after: WorkOrder, at: datetime) -> Watch:
    done_at = before.completed_at
    if done_at is None or after.completed_at is not None:
        return watch
    if len(watch.rests) >= MOST_SPANS:
        raise Rejected("too_many_reopenings", f"{after.number} was taken up again {MOST_SPANS} times before")
    return replace(watch, rests=(*watch.rests, Rest(since=done_at, until=max(at, done_at))))
