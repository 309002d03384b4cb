"""A preview is what generation brings, whenever it is asked for and however busy the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import Rejected
from domain.plan.changes import ended, new_plan
from domain.plan.generate import generate
from domain.plan.model import Plan
from domain.plan.preview import Foreseen, preview
from domain.plan.rules import Rules
from domain.time.working_calendar import Calendar
from tests.tasks.fake_work import ident

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = START + 365 * DAY
CLOSED = tuple(f"2026-12-{day}" for day in range(24, 32))
CALENDAR = Calendar(id=ident(5), name="Plant", time_zone="Europe/Berlin", holidays=CLOSED)


def planned(**rules: Any) -> Plan:
    trigger = {
        "kind": "rrule",
        "rrule": "FREQ=DAILY",
        "start_local": "2026-03-02T02:30",
        "time_zone": "Europe/Berlin",
    }
    body = {
        "name": "Round",
        "trigger": trigger,
        "targets": [{"asset_id": ident(1)}, {"asset_id": ident(2)}],
        "template": {"title": "Look"},
    }
    return new_plan(ident(9), msgspec.convert(body | rules, Rules), CALENDAR, at=START, now=START)


def brought(plan: Plan, until: datetime, ends: Callable[[datetime], datetime]) -> list[tuple[str, str]]:
    """(lane, occurrence) of every order of a year in which a scheduler looks when `ends` says it may."""
    orders = []
    while plan.generate_at is not None and plan.generate_at < until:
        found = generate(plan, CALENDAR, now=ends(plan.generate_at), in_service=lambda _: True)
        orders += [(one.lane, one.occurrence.occurrence) for one in found.opened]
        plan = found.plan
    return orders


def names(foreseen: list[Foreseen]) -> list[tuple[str, str]]:
    return [(lane, found.occurrence) for lane, found in foreseen if found.skipped is None]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"skip_every": 3, "seasons": [{"from": "10-01", "to": "04-30"}]},
        {"calendar_id": ident(5), "on_holiday": "skip", "per_target": "route"},
        {"calendar_id": ident(5), "on_holiday": "after", "lead_time": "P3D"},
    ],
)
def test_a_year_brings_what_was_foreseen_also_with_three_outages(rules: dict[str, Any]) -> None:
    plan = planned(**rules)

    def after_outages(at: datetime) -> datetime:
        for begin in (START + 20 * DAY, START + 100 * DAY, START + 290 * DAY):
            if begin <= at < begin + 9 * DAY:
                return begin + 9 * DAY
        return at

    asked = list(preview(plan, CALENDAR, START, YEAR, now=START))
    lead = timedelta(days=3) if rules.get("lead_time") else timedelta()
    orders = brought(plan, YEAR - lead, after_outages)

    assert sorted(orders) == sorted(names(asked))
    assert len(set(orders)) == len(orders)


def test_what_lies_behind_is_told_as_it_was_foreseen() -> None:
    plan = planned(skip_every=2)
    foreseen = list(preview(plan, CALENDAR, START, YEAR, now=START))
    later = generate(plan, CALENDAR, now=START + 30 * DAY, in_service=lambda _: True).plan

    told = list(preview(later, CALENDAR, START - 90 * DAY, YEAR, now=START + 30 * DAY))

    assert told == foreseen


def test_floating_lanes_are_told_in_one_order_of_time() -> None:
    plan = planned(
        trigger={
            "kind": "interval",
            "every": 2,
            "unit": "week",
            "start_local": "2026-03-02T08:00",
            "time_zone": "Europe/Berlin",
            "basis": "floating",
        }
    )

    due = [found.due_at for _, found in preview(plan, CALENDAR, START, START + 60 * DAY, now=START)]

    assert due == sorted(due)
    assert len(due) == 10


def test_nothing_is_foreseen_of_a_plan_that_has_ended_and_a_walk_too_far_is_refused() -> None:
    over = ended(planned(), "sold")
    hours = ",".join(map(str, range(24)))
    busy = planned(
        trigger={
            "kind": "rrule",
            "rrule": f"FREQ=DAILY;BYHOUR={hours};BYMINUTE=0",
            "start_local": "2026-03-02T08:00",
            "time_zone": "UTC",
        }
    )
    distant = START + 3_000 * DAY

    assert list(preview(over, CALENDAR, START, YEAR, now=START)) == []
    with pytest.raises(Rejected) as refused:
        next(preview(busy, CALENDAR, distant, distant + DAY, now=START))
    assert refused.value.code == "preview_too_far"
