"""What comes next is told by what a look has unfolded, unless the look itself has made that untrue."""

from __future__ import annotations

from decimal import Decimal

from domain.plan import meter_due as by_meter
from domain.plan.changes import refreshed
from tests.domain.planning import FAN, PUMP, Life, every, holidays, utc

METER = "01900000-0000-7000-8000-000000000900"
EASTER = holidays("2026-04-03", "2026-04-05", "2026-04-06")


def test_what_coincides_with_one_that_was_missed_does_so_wherever_a_look_ends() -> None:
    daily = every(1, "day", "2026-04-04T08:00")
    one, other = (
        Life(daily, at="2026-04-04T12:00", calendar=EASTER, on_holiday="after", catch_up="none")
        for _ in range(2)
    )

    one.look("2026-04-08T12:00")
    for _ in range(4):
        other.look("2026-04-08T12:00", limit=1)

    assert one.left_out == other.left_out
    assert one.left_out[:3] == [
        ("2026-04-05", "missed"),
        ("2026-04-06", "coincides"),
        ("2026-04-07", "coincides"),
    ]
    assert one.plan == other.plan


def test_a_floating_lane_that_left_one_out_counts_from_where_a_holiday_had_moved_it() -> None:
    weekly = every(1, "week", "2026-04-03T08:00", basis="floating")
    life = Life(weekly, at="2026-04-01", calendar=EASTER, on_holiday="after")
    life.retired = {PUMP}

    life.look("2026-04-04T12:00")

    assert life.left_out == [("2026-04-03", "asset_decommissioned")]
    assert life.plan.next_occurrence == "2026-04-11T08:00"


def test_time_that_begins_anew_by_the_meter_leaves_out_what_a_holiday_had_put_off() -> None:
    weekly = every(1, "week", "2026-04-05T08:00")
    meter = {"kind": "meter", "meter_id": METER, "every": 100}
    both = {"kind": "first_of", "time": weekly, "meter": meter}
    life = Life(both, at="2026-04-01", calendar=EASTER, on_holiday="after")
    for total, day in ((0, "2026-04-01"), (150, "2026-04-06")):
        life.plan = by_meter.plan_with_meter_total(life.plan, METER, total=Decimal(total), at=utc(day))

    life.look("2026-04-06T12:00")

    assert life.left_out == [("2026-04-05", "restarted")]
    assert life.plan.next_occurrence == "2026-04-12T08:00"


def test_a_lane_that_turns_to_the_new_rules_turns_the_others_too() -> None:
    weekly = every(1, "week", "2026-03-06T08:00", basis="floating")
    life = Life(weekly, at="2026-03-05", targets=[{"asset_id": FAN}, {"asset_id": PUMP}])
    life.look("2026-03-06T12:00")
    fan, pump = life.opened
    life.revise("2026-03-12", "2026-03-25T00:00", lead_time="P30D")
    life.end(fan, "2026-03-13T12:00")
    life.end(pump, "2026-03-19T12:00")
    now = utc("2026-03-19T12:00")

    life.look(now)

    # The pump's next is one for the new rules, and issued; by these the fan's is due by now, too.
    assert life.days == ["2026-03-06", "2026-03-06", "2026-03-26"]
    assert (life.plan.next_occurrence, life.plan.generate_at) == ("2026-03-20T08:00", now)
    assert life.plan == refreshed(life.plan, None, now=now)
