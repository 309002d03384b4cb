"""Seasons, holidays, left-out numbers, ends, and what a person decides about one occurrence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from domain.errors import Rejected
from domain.plan import changes
from domain.plan import next_look as schedule
from domain.plan.changes import overridden, refreshed
from domain.plan.model import Override
from domain.plan.occurrences import Occurrence, unfold
from tests.domain.planning import Life, by_rule, every, holidays, utc

NEW_YEARS_DAY = "2027-01-01"
MANY = [{"asset_id": f"01900000-0000-7000-8000-{number:012d}"} for number in range(200)]


def test_a_season_over_new_year_holds_on_both_sides_of_it_and_on_both_its_ends() -> None:
    life = Life(
        every(1, "day", "2026-10-30T08:00"), at="2026-10-30", seasons=[{"from": "11-01", "to": "02-28"}]
    )

    life.until("2027-02-28T12:00")

    assert (life.days[0], life.days[-1], len(life.days)) == ("2026-11-01", "2027-02-28", 120)
    assert life.left_out == [("2026-10-30", "out_of_season"), ("2026-10-31", "out_of_season")]


def test_out_of_season_for_most_of_a_year_a_busy_plan_still_goes_on() -> None:
    hourly = by_rule("FREQ=HOURLY", "2026-01-01T00:00")

    life = Life(hourly, at="2026-03-05", seasons=[{"from": "01-10", "to": "01-11"}])

    assert life.plan.state == "active"
    assert life.plan.next_occurrence == "2027-01-10T00:00"


def test_a_plan_that_is_never_in_season_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        Life(
            every(1, "year", "2026-07-01T08:00"), at="2026-01-01", seasons=[{"from": "01-01", "to": "02-01"}]
        )

    assert refused.value.code == "nothing_to_come"


@pytest.mark.parametrize(
    ("on_holiday", "days", "left_out"),
    [
        ("keep", ["2026-12-25", "2027-01-01"], []),
        ("skip", [], [("2026-12-25", "holiday"), ("2027-01-01", "holiday")]),
        # Two holidays in a row: over both of them.
        ("before", ["2026-12-24", "2026-12-31"], []),
        ("after", ["2026-12-27", "2027-01-02"], []),
    ],
)
def test_a_holiday_keeps_leaves_out_or_moves_an_occurrence_that_keeps_its_name(
    on_holiday: str, days: list[str], left_out: list[tuple[str, str]]
) -> None:
    feast = holidays("2026-12-25", "2026-12-26", NEW_YEARS_DAY)
    weekly = every(1, "week", "2026-12-25T08:00")

    life = Life(weekly, at="2026-12-20", calendar=feast, on_holiday=on_holiday)
    life.until("2027-01-02T12:00")

    assert [due[:10] for due in life.dues] == days
    assert life.left_out == left_out
    assert set(life.days) <= {"2026-12-25", NEW_YEARS_DAY}


@pytest.mark.parametrize(
    ("on_holiday", "left_out"),
    [("before", ["2026-05-01", "2026-05-02"]), ("after", ["2026-05-02", "2026-05-03"])],
)
def test_a_holiday_that_moves_one_onto_another_brings_one_order_for_both(
    on_holiday: str, left_out: list[str]
) -> None:
    twice_a_day = by_rule("FREQ=DAILY;BYHOUR=8,16", "2026-04-29T08:00")

    life = Life(
        twice_a_day, at="2026-04-30", calendar=holidays("2026-05-01", "2026-05-02"), on_holiday=on_holiday
    )
    life.until("2026-05-05")

    assert len(set(life.dues)) == len(life.dues)
    assert life.left_out == [(day, "coincides") for day in left_out for _ in range(2)]


def test_a_year_of_holidays_leaves_no_day_to_move_to() -> None:
    days = [
        f"{date.fromordinal(day)}"
        for day in range(utc("2026-01-01").toordinal(), utc("2027-02-01").toordinal())
    ]
    always = holidays(*days)

    with pytest.raises(Rejected) as refused:
        Life(every(1, "day", "2026-01-01T08:00"), at="2026-01-01", calendar=always, on_holiday="after")

    assert refused.value.code == "no_working_day"


def test_a_calendar_that_changes_moves_what_is_to_come_and_nothing_that_was_issued() -> None:
    life = Life(
        every(1, "week", "2026-03-06T08:00"), at="2026-03-05", calendar=holidays(), on_holiday="before"
    )
    life.until("2026-03-07")

    life.override_calendar(holidays("2026-03-06", "2026-03-13"))
    life.plan = refreshed(life.plan, life.calendar, now=utc("2026-03-08"))

    assert life.plan.calendar_version == 2
    assert life.plan.next_due_at == utc("2026-03-12T07:00")
    assert life.dues == ["2026-03-06T07:00"]


def test_each_twelfth_month_is_left_to_the_yearly_plan() -> None:
    monthly = Life(every(1, "month", "2026-01-31T08:00"), at="2026-01-01", skip_every=12)
    yearly = Life(every(1, "year", "2026-12-31T08:00"), at="2026-01-01")

    for plan in (monthly, yearly):
        plan.until("2028-01-15")

    assert monthly.left_out == [("2026-12-31", "skip_every"), ("2027-12-31", "skip_every")]
    assert yearly.days == ["2026-12-31", "2027-12-31"]
    assert len(monthly.days) == 22


def test_the_last_day_and_the_last_count_are_still_served_and_then_the_plan_has_ended() -> None:
    by_day = Life(every(1, "day", "2026-03-06T08:00", ends_on="2026-03-08"), at="2026-03-05")
    by_count = Life(every(1, "day", "2026-03-06T08:00", count=3), at="2026-03-05")

    for life in (by_day, by_count):
        life.until("2026-04-01")

        assert life.days == ["2026-03-06", "2026-03-07", "2026-03-08"]
        assert (life.plan.state, life.plan.generate_at) == ("ended", None)


def test_one_occurrence_is_left_out_and_one_moved_and_those_behind_stay_where_they_were() -> None:
    life = Life(every(1, "week", "2026-03-06T08:00"), at="2026-03-05")

    decide(life, "2026-03-13T08:00", action="skip")
    decide(life, "2026-03-20T08:00", action="move", to_local="2026-03-23T10:00")
    life.until("2026-04-01")

    assert life.dues == ["2026-03-06T07:00", "2026-03-23T09:00", "2026-03-27T07:00"]
    assert life.days == ["2026-03-06", "2026-03-20", "2026-03-27"]
    assert life.left_out == [("2026-03-13", "override")]
    assert life.plan.overrides == ()


def test_what_never_comes_is_looked_for_up_to_the_end_of_time_and_no_further() -> None:
    new_york = {"time_zone": "America/New_York"}
    life = Life(by_rule("FREQ=YEARLY", "2026-12-31T20:00", **new_york), at="2026-03-01")
    never = Override(occurrence="2027-01-01T20:00", action="skip", reason="x")

    with pytest.raises(Rejected) as refused:
        overridden(life.plan, never, None, now=utc("2026-03-01"))

    assert refused.value.code == "no_such_occurrence"


def test_of_many_lanes_one_short_search_tells_that_none_of_them_ever_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = watched(monkeypatch, schedule)
    yearly = every(1, "year", "2026-03-15T08:00", basis="floating")

    with pytest.raises(Rejected) as refused:
        Life(yearly, at="2026-03-01", seasons=[{"from": "06-01", "to": "08-31"}], targets=MANY)

    assert refused.value.code == "nothing_to_come"
    assert 28 <= len(seen) <= 50, "years, and those of one lane"


def test_an_occurrence_that_is_named_by_mistake_is_looked_for_as_far_as_its_name_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = Life(every(1, "day", "2026-03-02T08:00", basis="floating"), at="2026-03-01", targets=MANY)
    seen = watched(monkeypatch, changes)

    for mistaken in ("2026-03-03T09:00", "2126-03-03T09:00"):
        never = Override(occurrence=mistaken, action="skip", reason="x")
        with pytest.raises(Rejected) as refused:
            overridden(life.plan, never, None, now=utc("2026-03-01"))
        assert refused.value.code == "no_such_occurrence"

    assert len(seen) == len(MANY) * (3 + changes.FEWEST_AHEAD)


def watched(monkeypatch: pytest.MonkeyPatch, where: ModuleType) -> list[Occurrence]:
    """What is unfolded there from now on."""
    seen: list[Occurrence] = []

    def told(*given: Any) -> Iterator[Occurrence]:
        for one in unfold(*given):
            seen.append(one)
            yield one

    monkeypatch.setattr(where, "unfold", told)
    return seen


@pytest.mark.parametrize(
    ("occurrence", "to_local", "code"),
    [
        ("2026-03-14T08:00", None, "no_such_occurrence"),
        ("2026-03-06T08:00", None, "no_such_occurrence"),
        ("2026-03-20T08:00", "2026-03-27T08:00", "move_out_of_order"),
        ("2026-03-20T08:00", "2026-03-13T07:00", "move_out_of_order"),
    ],
)
def test_only_what_is_to_come_can_be_moved_and_only_between_its_neighbours(
    occurrence: str, to_local: str | None, code: str
) -> None:
    life = Life(every(1, "week", "2026-03-06T08:00"), at="2026-03-05")
    life.until("2026-03-07")

    with pytest.raises(Rejected) as refused:
        decide(life, occurrence, action="move" if to_local else "skip", to_local=to_local)

    assert refused.value.code == code


def decide(life: Life, occurrence: str, **what: Any) -> None:
    decision = Override(occurrence=occurrence, reason="the hall is let", **what)
    now = life.plan.generate_at or life.plan.begins_at
    life.plan = overridden(life.plan, decision, life.calendar, now=min(now, life.plan.begins_at))


def test_left_out_is_on_record_when_its_time_has_come_and_not_only_with_the_next_order() -> None:
    weekdays = every(1, "day", "2026-03-06T08:00", count=4)
    life = Life(weekdays, at="2026-03-05", seasons=[{"from": "03-01", "to": "03-06"}])

    life.until("2026-03-08T12:00")
    before = life.plan.state
    life.until("2026-03-10")

    assert before == "active"
    assert life.left_out == [(f"2026-03-0{day}", "out_of_season") for day in (7, 8, 9)]
    assert life.plan.state == "ended"
