"""Generation: the orders of a plan to open, the occurrences to skip, and the plan's progress after that.

Pure: the same plan at the same time gives the same result; generating again gives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile, tee

import msgspec
from msgspec.structs import replace

from domain.plan import meter_due as by_meter
from domain.plan.identity import order_id
from domain.plan.model import KEPT, Generated, OpenOrder, Plan, Progress, Skipped
from domain.plan.next_look import LOOK_AHEAD, near, scheduled
from domain.plan.occurrences import Ahead, Occurrence, Skip, passed, unfold
from domain.plan.rules import Rules
from domain.time.durations import duration
from domain.time.local_time import parse_local, to_local
from domain.time.working_calendar import Calendar

LIMIT = 50
"""Most occurrences of one generation; the rest is due again at once."""

MOST_OPEN = 500
LATE = timedelta(hours=1)
"""An occurrence without a due window counts as missed after this, if the plan does not catch up."""

InService = Callable[[str], bool]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An order to open, or an occurrence to merge into the open order `merged_into`."""

    work_order_id: str
    lane: str
    asset_ids: tuple[str, ...]
    occurrence: Occurrence
    window_until: datetime | None
    merged_into: str | None = None


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    plan: Plan
    opened: tuple[Opened, ...]
    superseded: tuple[str, ...]
    skipped: tuple[Skipped, ...]


class _Look:
    """One generation in progress."""

    def __init__(self, plan: Plan, now: datetime, in_service: InService) -> None:
        self.plan = plan
        self.now = now
        self.in_service = in_service
        self.opened: list[Opened] = []
        self.superseded: list[str] = []
        self.skipped: list[Skipped] = []
        self.ahead: dict[str, Ahead] = {}

    def skip(self, occurrence: str, lane: str, why: Skip) -> None:
        left_out = Skipped(occurrence=occurrence, lane=lane, code=why.code, reason=why.reason, at=self.now)
        self.skipped.append(left_out)

    def leave_out(self, occurrence: Occurrence, progress: Progress, why: Skip) -> Progress:
        """Skip an occurrence; a floating lane then continues as if it had been done when due."""
        self.skip(occurrence.occurrence, progress.lane, why)
        base_at = occurrence.due_at if self.plan.rules.is_floating else None
        return replace(progress, cursor=occurrence.occurrence, index=occurrence.index, base_at=base_at)

    def issue(self, occurrence: Occurrence, progress: Progress) -> Progress:
        """Issue the orders of one occurrence, on every order lane of this lane."""
        rules, is_floating = self.plan.rules, self.plan.rules.is_floating
        lanes = (progress.lane,) if is_floating else rules.order_lanes
        first: str | None = None
        for lane in lanes:
            first = self._issue(rules, occurrence, lane) or first
        generated = Generated(occurrence=occurrence.occurrence, at=self.now)
        self.plan = replace(self.plan, last_generated=generated) if first else self.plan
        if not is_floating:
            return progress
        return replace(progress, waiting_for=first, base_at=None if first else occurrence.due_at)

    def _issue(self, rules: Rules, occurrence: Occurrence, lane: str) -> str | None:
        """The id of the order that is now open for this occurrence, if any."""
        assets = tuple(asset for asset in rules.assets(lane) if self.in_service(asset))
        if not assets:
            self.skip(
                occurrence.occurrence, lane, Skip("asset_decommissioned", "none of its assets is in service")
            )
            return None
        open_now = [one.work_order_id for one in self.plan.open_orders if one.lane == lane]
        if open_now and rules.open_policy == "skip":
            self.skip(occurrence.occurrence, lane, Skip("open_order", f"order {open_now[-1]} is still open"))
            return None
        merged = open_now[-1] if open_now and rules.open_policy == "merge" else None
        kept = self.plan.open_orders
        if open_now and rules.open_policy == "supersede":
            self.superseded += open_now
            kept = tuple(one for one in kept if one.work_order_id not in open_now)
        id = merged or order_id(self.plan.id, lane, occurrence.occurrence, occurrence.due_at)
        window = duration(rules.due_window) if rules.due_window else None
        self.opened.append(
            Opened(
                work_order_id=id,
                lane=lane,
                asset_ids=assets,
                occurrence=occurrence,
                window_until=occurrence.due_at + window if window else None,
                merged_into=merged,
            )
        )
        if merged is None:
            added = OpenOrder(work_order_id=id, lane=lane, occurrence=occurrence.occurrence)
            kept = (*kept, added)[-MOST_OPEN:]
        self.plan = replace(self.plan, open_orders=kept)
        return id


def generate(
    plan: Plan,
    calendar: Calendar | None,
    *,
    now: datetime,
    in_service: InService,
    limit: int = LIMIT,
) -> Generation:
    """Everything due by `now`, at most `limit` occurrences of each lane. Raises: Rejected: see the rules."""
    look = _Look(plan, now, in_service)
    if plan.state == "active":
        for name in plan.rules.lanes:
            if name in look.plan.rules.lanes:  # not after a revision that took it away
                _advance(look, calendar, name, limit)
        _measure(look, calendar)
        look.plan = scheduled(_tidy(look), calendar, now=now, ahead=look.ahead)
    return Generation(
        plan=look.plan,
        opened=tuple(look.opened),
        superseded=tuple(look.superseded),
        skipped=tuple(look.skipped),
    )


def _advance(look: _Look, calendar: Calendar | None, lane: str, limit: int) -> None:
    plan = look.plan
    progress = begun = plan.lane(lane)
    if begun.waiting_for is not None:
        return
    # Unfolding foresees neither when an order is done, nor a meter.
    foreseen = not plan.rules.is_floating and plan.meter is None
    coming, ahead = tee(unfold(plan, calendar, begun))
    for occurrence, follower in islice(_due(coming, look.now), limit):
        next(ahead)
        if occurrence.revision != look.plan.revision:
            look.plan = with_upcoming_rules(look.plan)
        if occurrence.skipped is None:  # missed or not, it lies where it lies: what coincides with it, does
            progress = passed(progress, occurrence, look.plan.rules)
        if why := occurrence.skipped or _missed(look.plan.rules, occurrence, follower, look.now):
            progress = look.leave_out(occurrence, progress, why)
            continue
        progress = look.issue(occurrence, progress)
        if look.plan.meter is not None:
            look.plan = by_meter.restarted(look.plan, issued=1)
            progress = _begun_anew(look, calendar, progress)
            break
        if progress.waiting_for is not None:
            break
    look.plan = with_lane(look.plan, progress)
    if foreseen or progress is begun:
        look.ahead[lane] = Ahead(plan=plan, progress=progress, coming=ahead)


def _measure(look: _Look, calendar: Calendar | None) -> None:
    """Issue what the meter makes due, unless time came first and restarted its count."""
    occurrence = by_meter.due(look.plan)
    if occurrence is None or by_meter.is_over(look.plan):
        return
    (lane,) = look.plan.rules.lanes
    progress = look.issue(occurrence, look.plan.lane(lane))
    look.plan, leapt = by_meter.fired(look.plan)
    if leapt is not None:
        look.skip(leapt[0], lane, leapt[1])
    look.plan = with_lane(look.plan, _begun_anew(look, calendar, progress))


def _begun_anew(look: _Look, calendar: Calendar | None, progress: Progress) -> Progress:
    """Time goes on with the first occurrence after now; a floating lane does so from its order's end."""
    rules = look.plan.rules
    if rules.is_floating:
        return progress
    here = to_local(look.now, rules.time_zone)
    for occurrence in islice(unfold(look.plan, calendar, progress), LOOK_AHEAD):
        if parse_local(occurrence.occurrence) > here:
            break
        why = occurrence.skipped or Skip("restarted", "one order came of time and meter together")
        look.skip(occurrence.occurrence, progress.lane, why)
        progress = replace(progress, cursor=occurrence.occurrence, index=occurrence.index)
    return progress


def _due(coming: Iterator[Occurrence], now: datetime) -> Iterator[tuple[Occurrence, Occurrence | None]]:
    """What is to be dealt with now, each with the one behind it that is not left out.

    Left-out ones are dealt with in their own time, or with one behind them that is due sooner.
    """
    left_out: list[Occurrence] = []
    kept: Occurrence | None = None
    for occurrence in near(coming):
        if occurrence.skipped is not None:
            left_out.append(occurrence)
            continue
        if kept is not None:
            yield kept, occurrence
            kept = None
        if occurrence.generate_at > now:
            break
        yield from ((skipped, None) for skipped in left_out)
        left_out, kept = [], occurrence
    if kept is not None:
        yield kept, None
    for skipped in takewhile(lambda one: one.generate_at <= now, left_out):
        yield skipped, None


def _missed(rules: Rules, occurrence: Occurrence, follower: Occurrence | None, now: datetime) -> Skip | None:
    if rules.catch_up == "latest" and follower is not None and follower.due_at <= now:
        return Skip("missed", f"the one of {follower.occurrence} is due already")
    if rules.catch_up == "none":
        window = duration(rules.due_window) if rules.due_window else LATE
        if now > occurrence.due_at + window:
            return Skip("missed", f"its time was over at {occurrence.due_at + window:%Y-%m-%dT%H:%MZ}")
    return None


def with_upcoming_rules(plan: Plan) -> Plan:
    """The plan with its upcoming rules in force."""
    if plan.upcoming is None:
        return plan
    return replace(plan, rules=plan.upcoming.rules, revision=plan.revision + 1, upcoming=None)


def with_lane(plan: Plan, progress: Progress) -> Plan:
    others = tuple(one for one in plan.lanes if one.lane != progress.lane)
    return replace(plan, lanes=(*others, progress))


def _tidy(look: _Look) -> Plan:
    """The plan without overrides of past occurrences, and with only its latest skips."""
    plan = look.plan
    behind = min((one.cursor for one in plan.lanes if one.cursor), default="")
    return replace(
        plan,
        overrides=tuple(one for one in plan.overrides if one.occurrence > behind),
        skipped=(*plan.skipped, *look.skipped)[-KEPT:],
    )
