"""The changes that people make to plans. Each returns a new plan with its next occurrence computed."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from msgspec.structs import fields, replace

from domain.errors import Rejected
from domain.plan import meter_progress as meters
from domain.plan.model import Override, Plan, Progress, Quarantine, State, Upcoming, shard_of
from domain.plan.next_look import LOOK_AHEAD, has_more, scheduled
from domain.plan.occurrences import Occurrence, unfold
from domain.plan.rules import Rules, check_rules
from domain.recurrence.times import occurrences
from domain.time.local_time import format_local, parse_local, to_instant, to_local
from domain.time.working_calendar import Calendar

MOST_OVERRIDES = 400
MOST_PAST = 20_000
"""Most occurrences between a trigger's start and today; a plan that starts earlier is refused."""

FEWEST_AHEAD = 100
"""Occurrences of each of many lanes among which one is looked for that a person names."""

_MOMENT = timedelta(seconds=1)


def new_plan(id: str, rules: Rules, calendar: Calendar | None, *, at: datetime, now: datetime) -> Plan:
    """A new plan that starts at `at`; earlier occurrences of its trigger are ignored. Raises: Rejected."""
    check_rules(rules)
    meter = meters.new_progress(rules.metering)
    plan = Plan(id=id, rules=rules, shard=shard_of(id), begins_at=at, created_at=at, meter=meter)
    return _to_come(replace(plan, lanes=starting(rules, at)), calendar, now)


def _to_come(plan: Plan, calendar: Calendar | None, now: datetime) -> Plan:
    after = scheduled(plan, calendar, now=now)
    if after.state == "ended" or not has_more(after, now=now):
        raise Rejected("nothing_to_come", "no occurrence of it lies ahead", path="trigger")
    return after


def starting(rules: Rules, at: datetime, *, behind: datetime | None = None) -> tuple[Progress, ...]:
    """Every lane just before its first occurrence at or after that instant, and later than the nominal local
    time `behind`; numbering begins at the start."""
    trigger = rules.timing
    if trigger is None:
        return tuple(Progress(lane=lane) for lane in rules.lanes)
    until = to_local(at, trigger.time_zone)
    reached, index = behind, 0
    for nominal in islice(occurrences(trigger), MOST_PAST + 1):
        if nominal.local >= until and (behind is None or nominal.local > behind):
            break
        reached, index = max(nominal.local, behind or nominal.local), nominal.index
    else:
        if index > MOST_PAST:
            raise Rejected("starts_too_early", "its start is too far in the past", path="start_local")
    cursor = format_local(reached) if reached else None
    return tuple(Progress(lane=lane, cursor=cursor, index=index) for lane in rules.lanes)


def revised(
    plan: Plan, rules: Rules, calendar: Calendar | None, *, effective_from: str | None, now: datetime
) -> Plan:
    """The plan with other rules, at once or from a local time on. Orders already opened stay, as does a
    revision scheduled for later.

    Occurrence numbers continue unless the trigger changes. Raises: Rejected.
    """
    _must_live(plan)
    check_rules(rules)
    if effective_from and to_instant(parse_local(effective_from), rules.time_zone) > now:
        if plan.rules.metering or rules.metering or rules.calendar_id != plan.rules.calendar_id:
            raise Rejected(
                "revised_at_once",
                "what goes by a meter, and which calendar, is revised at once",
                path="effective_from",
            )
        return scheduled(replace(plan, upcoming=_upcoming(plan, rules, effective_from)), calendar, now=now)
    same = rules.timing == plan.rules.timing
    lanes = _kept(plan, rules, now) if same else _anew(plan, rules, now)
    state: State = "active" if plan.state == "quarantined" else plan.state
    after = replace(
        plan,
        rules=rules,
        state=state,
        quarantine=None,
        revision=plan.revision + 1,
        upcoming=None,
        lanes=lanes,
    )
    if rules.metering != plan.rules.metering:
        after = replace(after, meter=meters.new_progress(rules.metering, plan.meter))
    return _to_come(replace(after, upcoming=_still_to_come(plan, after)), calendar, now)


def _still_to_come(before: Plan, after: Plan) -> Upcoming | None:
    """What was revised for a day to come still is, but for what has just been revised at once; also where
    that day is over and nothing has come since. Raises: Rejected."""
    if before.upcoming is None:
        return None
    names = (field.name for field in fields(Rules))
    revised_rules = {name: getattr(after.rules, name) for name in names}
    changed = {name: value for name, value in revised_rules.items() if value != getattr(before.rules, name)}
    rules = replace(before.upcoming.rules, **changed)
    if rules == after.rules:
        return None
    check_rules(rules)
    return _upcoming(after, rules, before.upcoming.effective_from)


def _kept(plan: Plan, rules: Rules, now: datetime) -> tuple[Progress, ...]:
    known = {one.lane: one for one in plan.lanes}
    if known.keys() >= set(rules.lanes):  # however long ago it began: nobody is to count from there
        return tuple(known[lane] for lane in rules.lanes)
    fresh = {one.lane: one for one in starting(rules, now)}
    return tuple(known.get(lane, fresh[lane]) for lane in rules.lanes)


def _anew(plan: Plan, rules: Rules, now: datetime) -> tuple[Progress, ...]:
    """By another trigger, behind what was issued ahead by the old one, in time and by name: in another zone,
    or after a person has brought it forward, what was issued would come once more under the name it had.

    A lane that waits for an order still does, and one that counts from a completion counts from that.
    """
    known = {one.lane: one for one in plan.lanes}
    fresh = starting(rules, _behind_issued(plan, now), behind=_last_name(plan))
    return tuple(replace(known.get(one.lane, one), cursor=one.cursor, index=one.index) for one in fresh)


def _behind_issued(plan: Plan, at: datetime) -> datetime:
    return max([at, *(one.last_due_at + _MOMENT for one in plan.lanes if one.last_due_at is not None)])


def _last_name(plan: Plan) -> datetime | None:
    """The nominal local time of the last occurrence issued; None if there is none, or a meter made it due."""
    last = plan.last_generated
    return parse_local(last.occurrence) if last and not meters.is_named(last.occurrence) else None


def _upcoming(plan: Plan, rules: Rules, effective_from: str) -> Upcoming:
    """Raises: Rejected: revised_at_once, when one lane would have to become several or several one."""
    if rules.lanes != plan.rules.lanes:
        raise Rejected(
            "revised_at_once", "what counts from completions, and of whom, is revised at once", path="patch"
        )
    upcoming = Upcoming(effective_from=effective_from, rules=rules)
    if rules.timing == plan.rules.timing:
        return upcoming
    turn = to_instant(parse_local(effective_from), rules.time_zone)
    start = starting(rules, _behind_issued(plan, turn))[0]
    return replace(upcoming, cursor=start.cursor, index=start.index)


def paused(plan: Plan) -> Plan:
    """The paused plan: it opens no orders until it is resumed."""
    _must_live(plan)
    return replace(plan, state="paused", generate_at=None)


def resumed(plan: Plan, calendar: Calendar | None, *, now: datetime) -> Plan:
    """The active plan, after a pause or quarantine. `catch_up` decides about missed occurrences."""
    if plan.state == "ended":
        _must_live(plan)
    return scheduled(replace(plan, state="active", quarantine=None), calendar, now=now)


def ended(plan: Plan, reason: str) -> Plan:
    return replace(
        plan,
        state="ended",
        ended_reason=reason,
        generate_at=None,
        next_occurrence=None,
        next_due_at=None,
        upcoming=None,
    )


def quarantined(plan: Plan, *, code: str, message: str, at: datetime) -> Plan:
    """The quarantined plan: it opens no orders until a person resumes or revises it."""
    if plan.state != "active":
        return plan
    why = Quarantine(code=code, message=message, at=at)
    return replace(plan, state="quarantined", quarantine=why, generate_at=None)


def overridden(plan: Plan, override: Override, calendar: Calendar | None, *, now: datetime) -> Plan:
    """The plan with one future occurrence skipped or moved, between its neighbours.

    Raises: Rejected: no_such_occurrence, move_out_of_order, too_many_overrides.
    """
    _must_live(plan)
    others = tuple(one for one in plan.overrides if one.occurrence != override.occurrence)
    if len(others) >= MOST_OVERRIDES:
        raise Rejected("too_many_overrides", f"a plan has at most {MOST_OVERRIDES} overrides to come")
    bare = replace(plan, overrides=others)
    before, behind = _neighbours(bare, calendar, override.occurrence)
    if override.to_local is not None:
        due_at = to_instant(parse_local(override.to_local), plan.rules.time_zone)
        if (before and due_at <= before) or (behind and due_at >= behind.due_at):
            raise Rejected(
                "move_out_of_order", "an occurrence is moved between its neighbours", path="to_local"
            )
    return scheduled(replace(bare, overrides=(*others, override)), calendar, now=now)


def _neighbours(
    plan: Plan, calendar: Calendar | None, occurrence: str
) -> tuple[datetime | None, Occurrence | None]:
    name_time = parse_local(occurrence)
    most = max(LOOK_AHEAD // len(plan.rules.lanes), FEWEST_AHEAD)
    for name in plan.rules.lanes:
        progress = plan.lane(name)
        before = progress.last_due_at
        ahead = unfold(plan, calendar, progress)
        for neighbour in islice(ahead, most):
            if neighbour.occurrence == occurrence:
                return before, next(ahead, None)
            if parse_local(neighbour.occurrence) > name_time:
                break
            before = neighbour.due_at
    raise Rejected("no_such_occurrence", f"{occurrence} is not to come", path="occurrence")


def refreshed(plan: Plan, calendar: Calendar | None, *, now: datetime) -> Plan:
    """The plan with its next occurrences recomputed, after a change of its calendar or of an order.

    If they cannot be computed, the plan is quarantined, and the change is kept.
    """
    if plan.state != "active":
        return plan
    try:
        return scheduled(plan, calendar, now=now)
    except Rejected as refusal:
        return quarantined(plan, code=refusal.code, message=refusal.message, at=now)


def _must_live(plan: Plan) -> None:
    if plan.state == "ended":
        raise Rejected("plan_ended", f"the plan has ended: {plan.ended_reason}")
