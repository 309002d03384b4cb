"""Plans by a meter, and by time or meter, whichever comes first: from a reading to the order it brings."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.assets.meter import Meter
from domain.errors import Missing, Rejected
from domain.plan.meter_progress import MeterProgress
from domain.time.instants import rfc3339
from tests.tasks.fake_work import NOON, World, ident
from tests.tasks.planning import (
    BOSS,
    FAN,
    PLAN,
    PUMP,
    SYSTEM,
    ask,
    look,
    orders,
    plan,
    planned,
    plant,
    settle,
)

METER, OTHER = ident(700), ident(701)
DAY = timedelta(days=1)
HOURS = {"kind": "meter", "meter_id": METER, "every": 250}
WEEKLY = {
    "kind": "interval",
    "every": 7,
    "unit": "day",
    "start_local": "2026-03-03T08:00",
    "time_zone": "UTC",
}
"""On 3, 10, 17, 24 March 2026; NOON is on the 2nd."""


def metered(trigger: dict[str, Any], *, shown: int = 0, **rules: Any) -> World:
    """A plan that has heard of its meter, which shows this much."""
    world = plant()
    for id in (METER, OTHER):
        ask(world, "meter.create", id=id, asset_id=PUMP, name="Hours", unit="h")
    if shown:
        read(world, shown)
    planned(world, trigger=trigger, **rules)
    settle(world)
    return world


def either(**more: Any) -> dict[str, Any]:
    return {"kind": "first_of", "time": WEEKLY | more, "meter": HOURS}


def read(world: World, value: float, *, kind: str = "reading", meter_id: str = METER) -> None:
    """A minute later, with all that follows."""
    world.now += timedelta(minutes=1)
    ask(world, "meter.reading.record", BOSS, meter_id=meter_id, value=str(value), kind=kind)
    settle(world)


def correct(world: World, total: float) -> None:
    """What no command can do: the plan is told of a total that fell."""
    world.now += timedelta(minutes=1)
    payload = {"plan_id": PLAN, "meter_id": METER, "total": str(total), "read_at": rfc3339(world.now)}
    ask(world, "plan.meter_check", SYSTEM, **payload)
    settle(world)


def tick(world: World, now: datetime) -> None:
    """What the schedule asks for, if the plan is due by then."""
    world.now = now
    generate_at = plan(world).generate_at
    if generate_at is not None and generate_at <= now:
        look(world, now)


def came(world: World) -> list[str]:
    return [one.plan.occurrence for one in orders(world) if one.plan]


def left_out(world: World) -> list[tuple[str, str]]:
    return [(one.occurrence, one.code) for one in plan(world).skipped]


def progress(world: World) -> MeterProgress:
    found = plan(world).meter
    assert found is not None
    return found


def complete(world: World, now: datetime) -> None:
    world.now = now
    work_order_id = orders(world)[-1].id
    ask(world, "work_order.start", BOSS, work_order_id=work_order_id)
    ask(world, "work_order.complete", BOSS, work_order_id=work_order_id)
    settle(world)


# -- by a meter alone ---------------------------------------------------------------------------------------


def test_a_plan_counts_from_the_total_it_is_attached_at() -> None:
    world = metered(HOURS, shown=1000)

    read(world, 1249)
    before = came(world)
    read(world, 1250)

    assert (before, came(world)) == ([], ["meter@1250"])
    assert (progress(world).next_at, progress(world).fired_at) == (Decimal(1500), Decimal(1250))
    [order] = orders(world)
    assert (order.due_at, order.asset_id) == (world.now, PUMP)
    assert order.plan is not None
    assert order.plan.time_zone == "UTC"


def test_a_start_value_names_the_first_total_it_is_due_at() -> None:
    world = metered(HOURS | {"start_value": "1100"}, shown=1000)

    read(world, 1100)
    read(world, 1349)
    read(world, 1350)

    assert came(world) == ["meter@1100", "meter@1350"]


def test_a_start_value_that_is_passed_already_is_due_at_once() -> None:
    assert came(metered(HOURS | {"start_value": 500}, shown=600)) == ["meter@500"]


def test_a_meter_that_was_never_read_counts_from_zero() -> None:
    world = metered(HOURS)

    read(world, 250)

    assert came(world) == ["meter@250"]


@pytest.mark.parametrize("catch_up", ["all", "latest", "none"])
def test_thresholds_passed_in_one_jump_are_one_order_and_the_rest_is_on_record(catch_up: str) -> None:
    world = metered(HOURS, catch_up=catch_up)

    read(world, 1000.5)

    assert came(world) == ["meter@250"]
    assert left_out(world) == [("meter@1000", "missed")]
    assert progress(world).next_at == 1250
    assert any(name == "plan.occurrence_skipped" for name, _ in world.events)


def test_a_reset_and_a_rollover_neither_bring_nor_lose_an_order() -> None:
    world = metered(HOURS)
    read(world, 240)

    read(world, 0, kind="reset")
    read(world, 9)
    before = came(world)
    read(world, 10)

    assert (before, came(world)) == ([], ["meter@250"])


def test_hysteresis_a_total_that_falls_a_little_and_rises_again_fires_once() -> None:
    world = metered(HOURS | {"hysteresis": 20})
    read(world, 250)

    correct(world, 230)
    correct(world, 255)

    assert came(world) == ["meter@250"]
    assert progress(world).next_at == 500


def test_hysteresis_a_total_that_falls_by_more_counts_anew_under_another_name() -> None:
    world = metered(HOURS | {"hysteresis": 20})
    read(world, 250)

    correct(world, 0)
    correct(world, 249)
    before = came(world)
    correct(world, 250)

    assert (before, came(world)) == (["meter@250"], ["meter@250", "meter@250#2"])


@given(st.lists(st.integers(230, 260), max_size=15))
@settings(max_examples=30)
def test_hysteresis_a_threshold_that_totals_dance_around_fires_at_most_once(totals: list[int]) -> None:
    world = metered(HOURS | {"hysteresis": 20})

    for total in totals:
        correct(world, total)

    assert len(came(world)) <= 1


def test_what_is_older_than_what_the_plan_knows_changes_nothing() -> None:
    world = metered(HOURS, shown=100)
    before = plan(world)

    payload = {"plan_id": PLAN, "meter_id": METER, "total": "900", "read_at": rfc3339(NOON - DAY)}
    done = ask(world, "plan.meter_check", SYSTEM, **payload)

    assert (plan(world), done.events) == (before, [])


def test_a_paused_plan_hears_and_brings_one_order_once_resumed() -> None:
    world = metered(HOURS)
    ask(world, "plan.pause", plan_id=PLAN)
    read(world, 800)
    before = came(world)

    ask(world, "plan.resume", plan_id=PLAN)
    settle(world)
    at_once = plan(world).generate_at
    tick(world, world.now + DAY)
    tick(world, world.now + DAY)

    assert (before, at_once is not None, came(world)) == ([], True, ["meter@250"])


def test_a_meter_plan_ends_after_its_count_and_its_meter_forgets_it() -> None:
    world = metered(HOURS | {"count": 2})

    for value in (250, 500, 750):
        read(world, value)

    assert came(world) == ["meter@250", "meter@500"]
    assert plan(world).state == "ended"
    assert world.get(Meter, METER).plans == ()


def test_a_meter_plan_brings_nothing_after_its_last_day() -> None:
    world = metered(HOURS | {"ends_on": "2026-03-03"})
    world.now = datetime.fromisoformat("2026-03-03T23:50:00Z")
    read(world, 250)

    world.now += DAY
    read(world, 500)

    assert (came(world), plan(world).state) == (["meter@250"], "ended")


def test_an_open_order_may_stand_for_the_next_threshold_too() -> None:
    world = metered(HOURS, open_policy="skip")

    read(world, 250)
    read(world, 500)

    assert came(world) == ["meter@250"]
    assert left_out(world) == [("meter@500", "open_order")]


def test_a_plan_that_goes_by_another_meter_begins_anew_there() -> None:
    world = metered(HOURS, shown=100)
    read(world, 350)

    ask(world, "plan.revise", plan_id=PLAN, patch={"trigger": HOURS | {"meter_id": OTHER}})
    settle(world)
    read(world, 900)
    read(world, 350, meter_id=OTHER)

    assert came(world) == ["meter@350", "meter@250#2"]
    assert (world.get(Meter, METER).plans, world.get(Meter, OTHER).plans) == ((), (PLAN,))


def test_a_plan_asked_for_another_span_counts_it_from_the_total_of_now() -> None:
    world = metered(HOURS, shown=100)

    ask(world, "plan.revise", plan_id=PLAN, patch={"trigger": HOURS | {"every": "10.5"}})

    assert progress(world).next_at == Decimal("110.5")


def test_what_a_meter_cannot_mean_is_refused() -> None:
    world = metered(HOURS)

    def refusal(**rules: Any) -> str:
        with pytest.raises(Rejected) as caught:
            planned(world, **{"id": ident(401), "trigger": HOURS} | rules)
        return caught.value.code

    pair = [{"asset_id": PUMP}, {"asset_id": FAN}]
    assert refusal(lead_time="P1D") == "needs_time"
    assert refusal(skip_every=2) == "needs_time"
    assert refusal(trigger=either(basis="floating"), targets=pair) == "one_lane_only"
    with pytest.raises(Missing) as caught:
        planned(world, id=ident(401), trigger=HOURS | {"meter_id": ident(9)})
    assert (caught.value.code, caught.value.path) == ("unknown_meter", "trigger")
    with pytest.raises(Rejected, match="at once"):
        ask(world, "plan.revise", plan_id=PLAN, patch={"name": "X"}, effective_from="2027-01-01T00:00")


# -- by time or meter, whichever comes first ----------------------------------------------------------------


def test_the_meter_comes_first_and_time_goes_on_with_its_next() -> None:
    world = metered(either())

    read(world, 260)
    tick(world, NOON + DAY)

    assert came(world) == ["meter@250", "2026-03-03T08:00"]
    assert progress(world).next_at == 510


def test_time_comes_first_and_the_meter_counts_from_then() -> None:
    world = metered(either())
    read(world, 200)

    tick(world, NOON + DAY)
    read(world, 449)
    before = came(world)
    read(world, 450)

    assert (before, came(world)) == (["2026-03-03T08:00"], ["2026-03-03T08:00", "meter@450"])


def test_time_and_meter_both_due_bring_one_order_and_both_begin_anew() -> None:
    world = metered(either())
    ask(world, "plan.pause", plan_id=PLAN)
    read(world, 300)
    world.now = NOON + 9 * DAY
    ask(world, "plan.resume", plan_id=PLAN)
    settle(world)

    tick(world, NOON + 9 * DAY)
    tick(world, NOON + 9 * DAY)

    assert came(world) == ["2026-03-03T08:00"]
    assert left_out(world) == [("2026-03-10T08:00", "restarted")]
    assert progress(world).next_at == 550
    assert plan(world).next_occurrence == "2026-03-17T08:00"


def test_the_meter_finds_time_due_unseen_and_there_is_one_order_still() -> None:
    world = metered(either())
    world.now = NOON + 2 * DAY

    read(world, 300)

    assert came(world) == ["2026-03-03T08:00"]
    assert progress(world).next_at == 550


def test_a_floating_plan_counts_time_and_meter_from_when_its_order_was_done() -> None:
    world = metered(either(basis="floating"))
    read(world, 250)
    read(world, 900)
    tick(world, NOON + 3 * DAY)
    while_open = came(world)

    complete(world, NOON + 5 * DAY)
    next_at, next_occurrence = progress(world).next_at, plan(world).next_occurrence
    read(world, 1149)
    read(world, 1150)

    assert while_open == ["meter@250"]
    assert (next_at, next_occurrence) == (Decimal(1150), "2026-03-14T08:00")
    assert came(world) == ["meter@250", "meter@1150"]


def test_a_reopened_and_again_completed_order_has_one_successor_by_meter() -> None:
    world = metered(either(basis="floating"))
    read(world, 250)
    complete(world, NOON + DAY)

    ask(world, "work_order.reopen", BOSS, work_order_id=orders(world)[0].id, reason="leaks")
    settle(world)
    read(world, 600)
    while_open = came(world)
    ask(world, "work_order.complete", BOSS, work_order_id=orders(world)[0].id)
    settle(world)
    read(world, 850)

    assert while_open == ["meter@250"]
    assert came(world) == ["meter@250", "meter@850"]


def test_whatever_came_first_counts_towards_the_end() -> None:
    world = metered(either() | {"count": 2})
    read(world, 250)

    tick(world, NOON + DAY)
    read(world, 900)
    tick(world, NOON + 30 * DAY)

    assert came(world) == ["meter@250", "2026-03-03T08:00"]
    assert plan(world).state == "ended"


steps = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 12)), max_size=6)


@given(steps)
@settings(max_examples=20)
def test_no_look_brings_more_than_one_order_of_time_and_meter(found: list[tuple[int, int]]) -> None:
    world, shown = metered(either()), 0

    for more, days in found:
        before, shown = len(came(world)), shown + more
        world.now += days * DAY
        read(world, shown)
        assert len(came(world)) <= before + 1
        tick(world, world.now)
        assert len(came(world)) <= before + 1
    assert len(set(came(world))) == len(came(world))
