"""Plans that count from when the last order was done."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Rejected
from tests.domain.planning import FAN, PUMP, Life, by_rule, every


def monthly(**more: Any) -> Life:
    return Life(every(1, "month", "2026-03-10T08:00", basis="floating"), at="2026-03-01", **more)


@pytest.mark.parametrize(
    ("done", "following"),
    [
        ("2026-03-05T10:00", "2026-04-05"),  # Early: it was issued a week ahead.
        ("2026-03-10T06:00", "2026-04-10"),  # The day it was due, before its time.
        ("2026-03-10T22:30", "2026-04-10"),  # The same day, still the same in Berlin.
        ("2026-03-31T10:00", "2026-04-30"),  # Late, from the end of a longer month.
    ],
)
def test_the_next_one_is_due_an_interval_after_the_last_was_done(done: str, following: str) -> None:
    life = monthly(lead_time="P7D")
    life.until("2026-03-04")

    life.end(life.opened[0], done)

    assert life.plan.next_occurrence == f"{following}T08:00"


def test_a_plan_that_does_not_float_does_not_care_when_the_last_was_done() -> None:
    life = Life(every(1, "month", "2026-03-10T08:00"), at="2026-03-01")
    life.until("2026-03-10T08:00")

    life.end(life.opened[0], "2026-03-31T10:00")

    assert life.plan.next_occurrence == "2026-04-10T08:00"
    assert life.plan.open_orders == ()


def test_nothing_comes_while_its_order_is_never_done() -> None:
    life = monthly()

    life.until("2027-03-01")
    life.look("2027-03-01")

    assert life.days == ["2026-03-10"]
    assert (life.plan.state, life.plan.generate_at) == ("active", None)


def test_a_cancelled_order_does_not_stop_the_plan() -> None:
    life = monthly()
    life.until("2026-03-10T08:00")

    life.end(life.opened[0], "2026-03-12T08:00")
    life.until("2026-04-20")

    assert life.days == ["2026-03-10", "2026-04-12"]


def test_an_order_done_long_ago_on_a_device_counts_from_when_it_was_done() -> None:
    life = monthly()
    life.until("2026-03-10T08:00")

    life.end(life.opened[0], "2026-03-11T09:00", now="2026-05-20T12:00")
    life.catch_up("2026-05-20T12:00")

    assert life.days == ["2026-03-10", "2026-04-11"]


def test_an_order_reopened_and_done_again_has_one_successor_counted_from_the_second_time() -> None:
    life = monthly()
    life.until("2026-03-10T08:00")
    first = life.opened[0]

    life.end(first, "2026-03-11T09:00")
    life.reopen(first, "2026-03-12T09:00")
    waiting = life.plan.generate_at
    life.end(first, "2026-03-20T09:00")
    life.until("2026-05-01")

    assert waiting is None
    assert life.days == ["2026-03-10", "2026-04-20"]


def test_reopened_after_its_successor_was_issued_it_changes_nothing_for_that() -> None:
    life = monthly()
    life.until("2026-03-10T08:00")
    life.end(life.opened[0], "2026-03-11T09:00")
    life.until("2026-04-11T08:00")
    first, second = life.opened

    life.reopen(first, "2026-04-12T09:00")
    life.end(first, "2026-04-20T09:00")
    life.until("2026-06-01")

    assert life.plan.lanes[0].waiting_for == second.work_order_id
    assert len(life.opened) == 2


def test_what_is_told_twice_counts_once() -> None:
    life = monthly()
    life.until("2026-03-10T08:00")

    life.end(life.opened[0], "2026-03-11T09:00")
    once = life.plan
    life.end(life.opened[0], "2026-03-11T09:00")

    assert life.plan == once


def test_issued_ahead_by_more_than_its_interval_and_done_at_once_no_name_comes_twice() -> None:
    life = Life(every(1, "day", "2026-03-10T08:00", basis="floating"), at="2026-03-01", lead_time="P2D")

    for day in range(8, 13):
        life.until(f"2026-03-{day:02}T08:00")
        life.end(life.opened[-1], f"2026-03-{day:02}T08:30")

    assert life.days == sorted(set(life.days))
    assert life.days[:3] == ["2026-03-10", "2026-03-11", "2026-03-12"]


def test_each_asset_goes_at_its_own_pace() -> None:
    life = monthly(targets=[{"asset_id": PUMP}, {"asset_id": FAN}])
    life.until("2026-03-10T08:00")
    pump = next(one for one in life.opened if one.lane == PUMP)

    life.end(pump, "2026-03-11T09:00")
    life.until("2026-07-01")

    assert [(one.lane, one.occurrence.occurrence[:10]) for one in life.opened[2:]] == [(PUMP, "2026-04-11")]


def test_a_rule_goes_on_with_its_first_time_after_the_last_was_done() -> None:
    first_monday = by_rule("FREQ=MONTHLY;BYDAY=1MO", "2026-03-02T08:00", basis="floating")
    life = Life(first_monday, at="2026-03-01")
    life.until("2026-03-02T08:00")

    life.end(life.opened[0], "2026-04-08T09:00")

    assert life.plan.next_occurrence == "2026-05-04T08:00"


def test_one_left_out_counts_as_done_when_it_was_due() -> None:
    life = monthly(seasons=[{"from": "03-01", "to": "03-31"}, {"from": "06-01", "to": "08-31"}])
    life.until("2026-03-10T08:00")

    life.end(life.opened[0], "2026-03-12T08:00")
    life.until("2026-06-20")

    assert life.days == ["2026-03-10", "2026-06-12"]
    assert life.left_out == [("2026-04-12", "out_of_season"), ("2026-05-12", "out_of_season")]


def test_after_its_last_count_a_floating_plan_has_ended_once_the_order_is_done() -> None:
    life = Life(every(1, "month", "2026-03-10T08:00", basis="floating", count=2), at="2026-03-01")

    for done in ("2026-03-10T09:00", "2026-04-10T09:00"):
        life.until(done)
        life.end(life.opened[-1], done)

    assert len(life.opened) == 2
    assert life.plan.state == "ended"


def test_a_floating_rule_cannot_count_by_itself() -> None:
    with pytest.raises(Rejected) as refused:
        Life(by_rule("FREQ=DAILY;COUNT=3", "2026-03-02T08:00", basis="floating"), at="2026-03-01")

    assert (refused.value.code, refused.value.path) == ("invalid_rule", "rrule")
