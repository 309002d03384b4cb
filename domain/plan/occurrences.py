"""The occurrences of a plan, one by one. Preview and generation both use `unfold`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from domain.plan.model import Override, Plan, Progress
from domain.plan.rules import Rules
from domain.recurrence.times import Nominal, following, occurrences
from domain.time.durations import duration
from domain.time.local_time import format_local, in_gap, parse_local, to_instant, to_local
from domain.time.working_calendar import Calendar

_MOMENT = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Skip(msgspec.Struct, frozen=True):
    code: str
    reason: str


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence. `occurrence` is its nominal local time: its identity, even if `due_at` was moved."""

    occurrence: str
    time_zone: str
    index: int
    due_at: datetime
    generate_at: datetime
    revision: int
    skipped: Skip | None = None


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """Occurrences of a lane already unfolded, but not issued or skipped. Can be read once."""

    plan: Plan
    progress: Progress
    coming: Iterator[Occurrence]

    def holds(self, plan: Plan, progress: Progress) -> bool:
        """Whether unfolding again, with the same calendar, would give the same occurrences."""
        known = self.plan
        return (
            progress is self.progress
            and plan.rules is known.rules
            and plan.upcoming is known.upcoming
            and plan.overrides == known.overrides
        )


def unfold(plan: Plan, calendar: Calendar | None, progress: Progress) -> Iterator[Occurrence]:
    """The occurrences after `progress`, oldest first, with skipped ones, across an upcoming revision.

    For a floating lane, as if each order were completed when it is due.
    """
    for rules, revision, nominal in _across(plan, progress):
        occurrence = _judged(plan, rules, revision, nominal, calendar, progress)
        progress = passed(progress, occurrence, rules) if occurrence.skipped is None else progress
        yield occurrence


def passed(progress: Progress, occurrence: Occurrence, rules: Rules) -> Progress:
    """The progress after this occurrence, with its due time remembered for later ones."""
    return msgspec.structs.replace(
        progress,
        cursor=occurrence.occurrence,
        index=occurrence.index,
        last_due_at=occurrence.due_at,
        landed=_landed(progress, occurrence, rules),
    )


def _landed(progress: Progress, occurrence: Occurrence, rules: Rules) -> tuple[datetime, ...]:
    """Where one to come may yet fall, by a holiday or because clocks go forward over several times."""
    all_of_them = (*progress.landed, occurrence.due_at)
    if rules.on_holiday in ("before", "after"):
        # Only the last day of work can be landed on again.
        return tuple(at for at in all_of_them if at > max(all_of_them) - _DAY)
    if in_gap(parse_local(occurrence.occurrence), occurrence.time_zone):
        return all_of_them
    return tuple(at for at in progress.landed if at > occurrence.due_at)


def _across(plan: Plan, progress: Progress) -> Iterator[tuple[Rules, int, Nominal]]:
    """Each nominal time with the rules that apply to it."""
    turn = parse_local(plan.upcoming.effective_from) if plan.upcoming else None
    last: Nominal | None = None
    for nominal in _nominal(plan.rules, progress):
        if turn is not None and nominal.local >= turn:
            break
        yield plan.rules, plan.revision, nominal
        last = nominal
    if plan.upcoming is None or turn is None:
        return
    if last is not None:
        progress = msgspec.structs.replace(
            progress, cursor=format_local(last.local), index=last.index, base_at=None
        )
    new, since = plan.upcoming.rules, turn - _MOMENT
    if new.timing != plan.rules.timing:
        since = max(since, parse_local(plan.upcoming.cursor)) if plan.upcoming.cursor else since
        progress = msgspec.structs.replace(progress, index=plan.upcoming.index)
    for nominal in _nominal(new, progress, since):
        yield new, plan.revision + 1, nominal


def _nominal(rules: Rules, progress: Progress, since: datetime | None = None) -> Iterator[Nominal]:
    """The nominal times after the lane's progress and after `since`."""
    trigger = rules.timing
    if trigger is None:
        return
    after = parse_local(progress.cursor) if progress.cursor else None
    late = max(filter(None, (after, since)), default=None)
    if trigger.basis == "fixed":
        yield from occurrences(trigger, after=late, index=progress.index)
        return
    base = _base(rules, progress, after)
    if base is None:
        nominal = next(occurrences(trigger, after=late, index=progress.index), None)
    else:
        nominal = following(trigger, base, index=progress.index, after=late)
    while nominal is not None:
        yield nominal
        nominal = following(trigger, nominal.local, index=nominal.index)


def _base(rules: Rules, progress: Progress, after: datetime | None) -> datetime | None:
    """From where a floating lane counts: when its last order was done; until then, when that is due."""
    if progress.waiting_for is None and progress.base_at is not None:
        return to_local(progress.base_at, rules.time_zone)
    return after


def _judged(
    plan: Plan,
    rules: Rules,
    revision: int,
    nominal: Nominal,
    calendar: Calendar | None,
    progress: Progress,
) -> Occurrence:
    """The final due time of an occurrence, or why it is skipped."""
    identity, time_zone = format_local(nominal.local), rules.time_zone
    override = next((one for one in plan.overrides if one.occurrence == identity), None)
    local, skip = _placed(rules, nominal, calendar, override)
    due_at = to_instant(local, time_zone)
    if skip is None and (due_at == progress.last_due_at or due_at in progress.landed):
        skip = Skip("coincides", "one before it came to lie at the same time")
    return Occurrence(
        occurrence=identity,
        time_zone=time_zone,
        index=nominal.index,
        due_at=due_at,
        generate_at=due_at - duration(rules.lead_time) if rules.lead_time else due_at,
        revision=revision,
        skipped=skip,
    )


def _placed(
    rules: Rules, nominal: Nominal, calendar: Calendar | None, override: Override | None
) -> tuple[datetime, Skip | None]:
    local = nominal.local
    if override is not None:
        if override.action == "skip" or override.to_local is None:
            return local, Skip("override", override.reason)
        return parse_local(override.to_local), None
    if rules.seasons and not any(season.holds(f"{local:%m-%d}") for season in rules.seasons):
        return local, Skip("out_of_season", f"{local:%m-%d} is in none of its seasons")
    if rules.skip_every and nominal.index % rules.skip_every == 0:
        return local, Skip("skip_every", f"number {nominal.index}: one in {rules.skip_every} is left out")
    if calendar is None or rules.on_holiday == "keep" or not calendar.is_holiday(local.date()):
        return local, None
    if rules.on_holiday == "skip":
        return local, Skip("holiday", f"{local.date()} is a holiday of {calendar.name}")
    day = calendar.working_day(local.date(), step=-1 if rules.on_holiday == "before" else 1)
    return datetime.combine(day, local.time()), None
