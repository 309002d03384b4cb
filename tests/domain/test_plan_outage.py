"""What comes of a plan nobody looked at for a while, and of orders and assets that stand in its way."""

from __future__ import annotations

import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.time import local_time
from tests.domain.planning import BERLIN, FAN, PUMP, Life, by_rule, every, identities

BACK = "2026-03-09T12:00"
"""Three daily occurrences, of the 7th, 8th and 9th, were due while nobody looked."""


def outage(**more: Any) -> Life:
    life = Life(every(1, "day", "2026-03-06T08:00"), at="2026-03-05", **more)
    life.until("2026-03-06T12:00")
    life.catch_up(BACK)
    return life


def test_after_an_outage_all_makes_up_for_each_one() -> None:
    life = outage(catch_up="all")

    assert life.days == ["2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09"]


def test_after_an_outage_latest_makes_up_for_the_last_one_and_says_why_not_for_the_others() -> None:
    life = outage(catch_up="latest")

    assert life.days == ["2026-03-06", "2026-03-09"]
    assert life.left_out == [("2026-03-07", "missed"), ("2026-03-08", "missed")]


@pytest.mark.parametrize(("due_window", "days"), [("PT4H", []), ("PT6H", ["2026-03-09"])])
def test_after_an_outage_none_makes_up_only_for_what_is_still_in_its_window(
    due_window: str, days: list[str]
) -> None:
    life = outage(catch_up="none", due_window=due_window)

    assert life.days == ["2026-03-06", *days]
    assert [code for _, code in life.left_out] == ["missed"] * (3 - len(days))


def test_an_outage_is_made_up_for_in_bounded_looks() -> None:
    life = Life(every(1, "day", "2026-03-06T08:00"), at="2026-03-05")

    first = life.look("2026-12-31T12:00")
    life.catch_up("2026-12-31T12:00")

    assert len(first.opened) == 50
    assert len(life.days) == 301


def test_a_lead_longer_than_the_interval_opens_several_ahead_each_once() -> None:
    life = Life(every(1, "week", "2026-03-06T08:00"), at="2026-03-05", lead_time="P15D")

    life.until("2026-03-13")

    assert life.days == ["2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27"]
    assert life.dues[-1] == "2026-03-27T07:00"


def test_the_zone_of_the_machine_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = []
    for machine in ("UTC", "Pacific/Kiritimati", "America/St_Johns"):
        monkeypatch.setenv("TZ", machine)
        time.tzset()
        life = Life(by_rule("FREQ=DAILY", "2026-03-28T02:30"), at="2026-03-28", lead_time="PT12H")
        life.until("2026-03-31")
        brought.append((life.dues, identities(life.opened)))
    monkeypatch.undo()
    time.tzset()

    assert brought[0] == brought[1] == brought[2]
    # The 29th has no half past two in Berlin: it is half past three there.
    assert brought[0][0] == ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]


def test_a_zone_whose_rules_are_changed_moves_what_is_to_come_and_brings_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = Life(every(1, "day", "2026-11-01T08:00"), at="2026-10-30")
    life.until("2026-11-02T12:00")

    # A land keeps its summer time for good, and a release brings the new rules.
    monkeypatch.setattr(local_time, "zone", lambda _name: ZoneInfo("Etc/GMT-2"))
    life.catch_up("2026-11-02T13:00")
    life.until("2026-11-04T12:00")

    assert life.days == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
    # What had been worked out by the old rules is looked at an hour late, and due when it should be.
    assert life.dues[1:] == ["2026-11-02T07:00", "2026-11-03T06:00", "2026-11-04T06:00"]


@pytest.mark.parametrize(
    ("zone", "due"), [("Pacific/Kiritimati", "2026-03-06T10:00"), ("Etc/GMT+12", "2026-03-07T12:00")]
)
def test_midnight_at_the_edges_of_the_world_is_due_at_the_right_instant(zone: str, due: str) -> None:
    life = Life(every(1, "day", "2026-03-07T00:00", time_zone=zone), at="2026-03-05")

    life.until("2026-03-07T23:00")

    assert zone != BERLIN
    assert life.dues[0] == due


def test_an_hour_that_comes_twice_is_served_once_and_one_that_is_left_out_is_not_served_twice() -> None:
    autumn = Life(by_rule("FREQ=HOURLY", "2026-10-25T00:00"), at="2026-10-24T22:00")
    spring = Life(by_rule("FREQ=HOURLY", "2026-03-29T00:00"), at="2026-03-28T23:00")

    autumn.until("2026-10-25T03:00")
    spring.until("2026-03-29T02:00")

    assert [due[11:] for due in autumn.dues] == ["22:00", "23:00", "00:00", "02:00", "03:00"]
    assert [due[11:] for due in spring.dues] == ["23:00", "00:00", "01:00", "02:00"]
    assert [(one.occurrence, one.code) for one in spring.skipped] == [("2026-03-29T03:00", "coincides")]


def test_where_clocks_go_forward_over_several_times_none_is_due_twice() -> None:
    half_hourly = "FREQ=DAILY;BYHOUR=1,2,3,4;BYMINUTE=0,30"
    life = Life(by_rule(half_hourly, "2026-03-29T01:00", time_zone=BERLIN), at="2026-03-28")

    life.until("2026-03-29T03:00")

    assert life.dues == [f"2026-03-29T{at}" for at in ("00:00", "00:30", "01:00", "01:30", "02:00", "02:30")]
    assert life.left_out == [("2026-03-29", "coincides")] * 2


def test_an_asset_out_of_service_has_no_orders_and_the_others_go_on() -> None:
    life = Life(
        every(1, "day", "2026-03-06T08:00"),
        at="2026-03-05",
        targets=[{"asset_id": PUMP}, {"asset_id": FAN}],
    )
    life.retired = {PUMP}

    life.until("2026-03-07T12:00")

    assert {one.lane for one in life.opened} == {FAN}
    assert life.left_out == [("2026-03-06", "asset_decommissioned"), ("2026-03-07", "asset_decommissioned")]


def test_a_floating_plan_of_an_asset_out_of_service_leaves_out_and_does_not_wait() -> None:
    life = Life(every(1, "week", "2026-03-06T08:00", basis="floating"), at="2026-03-05")
    life.retired = {PUMP}
    life.until("2026-03-14")
    life.retired = set()

    life.until("2026-03-21")

    assert life.days == ["2026-03-20"]
    assert [code for _, code in life.left_out] == ["asset_decommissioned"] * 2


@pytest.mark.parametrize(
    ("policy", "orders", "superseded"),
    [("stack", 3, 0), ("skip", 1, 0), ("merge", 1, 0), ("supersede", 3, 2)],
)
def test_an_order_that_is_still_open_is_stacked_on_kept_joined_or_replaced(
    policy: str, orders: int, superseded: int
) -> None:
    life = Life(every(1, "day", "2026-03-06T08:00"), at="2026-03-05", open_policy=policy)

    life.until("2026-03-08T12:00")

    new = [one for one in life.opened if one.merged_into is None]
    assert len(new) == orders
    assert len(life.superseded) == superseded
    assert [code for _, code in life.left_out] == (["open_order"] * 2 if policy == "skip" else [])
    assert len(life.opened) == (1 if policy == "skip" else 3)
    open_now = {one.work_order_id for one in life.plan.open_orders}
    assert open_now == {one.work_order_id for one in new} - set(life.superseded)


@pytest.mark.parametrize(("now_like", "hour"), [("Europe/London", "08"), ("Europe/Moscow", "05")])
def test_a_zone_whose_rules_change_keeps_the_wall_clock_and_loses_or_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, now_like: str, hour: str
) -> None:
    life = Life(every(1, "day", "2026-03-02T08:00"), at="2026-03-01")
    life.until("2026-03-03T12:00")

    # Its lawmakers decide on another time; when to look next was worked out before that.
    monkeypatch.setattr(local_time, "zone", lambda _: ZoneInfo(now_like))
    life.until("2026-03-06T12:00")

    assert life.days == [f"2026-03-0{day}" for day in range(2, 7)]
    assert life.dues == [f"2026-03-0{day}T07:00" for day in (2, 3)] + [
        f"2026-03-0{day}T{hour}:00" for day in (4, 5, 6)
    ]
