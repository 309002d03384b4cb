"""Plans that are due by a meter: its totals, what they make due, and restarting time and meter together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.fields import decimal
from domain.plan import meter_progress as meters
from domain.plan.meter_progress import MeterProgress
from domain.plan.model import Plan
from domain.plan.occurrences import Occurrence, Skip
from domain.recurrence.trigger import ByMeter, FirstOf


def _both(plan: Plan) -> tuple[MeterProgress, ByMeter] | None:
    if plan.meter is None:
        return None
    trigger = plan.rules.metering
    return (plan.meter, trigger) if trigger is not None else None


def plan_with_meter_total(plan: Plan, meter_id: str, *, total: Decimal, at: datetime | None) -> Plan:
    """The plan with the new meter total; unchanged if the plan no longer uses that meter."""
    both = _both(plan)
    if both is None or both[0].meter_id != meter_id or plan.state == "ended":
        return plan
    return replace(plan, meter=meters.with_meter_total(*both, total=total, at=at))


def due(plan: Plan) -> Occurrence | None:
    """The occurrence that the meter makes due; None if there is none, or a floating plan's order is still
    open."""
    both = _both(plan)
    if both is None or any(one.waiting_for for one in plan.lanes):
        return None
    progress, trigger = both
    reached = meters.threshold(progress)
    if reached is None or progress.last_at is None or not _counts(progress, trigger, progress.last_at):
        return None
    return Occurrence(
        occurrence=meters.occurrence_name(progress, reached),
        time_zone="UTC",
        index=progress.fired + 1,
        due_at=progress.last_at,
        generate_at=progress.last_at,
        revision=plan.revision,
    )


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The total at which a meter makes a plan due next; the time is unknown.

    `next_at` and `occurrence` are None before the first reading. `waiting_for`: the open order of a floating
    plan, whose end restarts the count.
    """

    meter_id: str
    every: Decimal
    next_at: Decimal | None
    occurrence: str | None
    last_total: Decimal | None
    last_read_at: datetime | None
    waiting_for: str | None


def expected_due(plan: Plan, now: datetime) -> Expected | None:
    """What the meter makes due next; None if the plan uses no meter, or no longer."""
    both = _both(plan)
    if both is None or plan.state == "ended" or is_over(plan) or not _counts(*both, now):
        return None
    progress, trigger = both
    next_at = progress.next_at
    return Expected(
        meter_id=progress.meter_id,
        every=decimal(trigger.every),
        next_at=next_at,
        occurrence=None if next_at is None else meters.occurrence_name(progress, next_at),
        last_total=progress.last_total,
        last_read_at=progress.last_at,
        waiting_for=next((one.waiting_for for one in plan.lanes if one.waiting_for), None),
    )


def lives(plan: Plan, now: datetime) -> bool:
    """Whether its meter may still make it due."""
    both = _both(plan)
    return both is not None and _counts(*both, now)


def is_over(plan: Plan) -> bool:
    """Whether time and meter together have reached the plan's count."""
    trigger, progress = plan.rules.trigger, plan.meter
    return (
        isinstance(trigger, FirstOf)
        and progress is not None
        and trigger.count is not None
        and progress.issued >= trigger.count
    )


def _counts(progress: MeterProgress, trigger: ByMeter, at: datetime) -> bool:
    in_time = trigger.ends_on is None or at.date().isoformat() <= trigger.ends_on
    return in_time and (trigger.count is None or progress.fired < trigger.count)


def fired(plan: Plan) -> tuple[Plan, tuple[str, Skip] | None]:
    """The plan after the meter made it due, and the thresholds skipped in the same jump."""
    both = _both(plan)
    if both is None:
        return plan, None
    before, trigger = both
    after, passed = meters.fired(before, trigger)
    after = replace(after, issued=after.issued + 1)
    skipped = None
    if passed and after.next_at is not None:
        last = after.next_at - decimal(trigger.every)
        why = f"{passed} more reached by the same reading: one order serves them all"
        skipped = meters.occurrence_name(before, last), Skip("missed", why)
    if plan.rules.timing is not None:
        after = meters.restarted(after, trigger)
    return replace(plan, meter=after), skipped


def restarted(plan: Plan, *, issued: int = 0) -> Plan:
    """The plan with its meter counting from now: an order was opened by time, or a floating one completed."""
    both = _both(plan)
    if both is None:
        return plan
    after = meters.restarted(*both)
    return replace(plan, meter=replace(after, issued=after.issued + issued))
