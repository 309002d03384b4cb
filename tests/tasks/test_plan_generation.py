"""From a plan that is due to its orders and back: what is opened, merged, cancelled, left out and told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.assets.asset import Asset
from domain.assets.part import Part
from domain.plan.model import Plan
from domain.time.instants import rfc3339
from domain.time.working_calendar import Calendar
from domain.work_order.model import WorkOrder
from tasks.work_order.complete import Complete, complete
from tests.tasks.fake_work import NOON, World, ident
from tests.tasks.planning import (
    BOSS,
    CALENDAR,
    DAILY,
    FAN,
    PLAN,
    PUMP,
    SYSTEM,
    ask,
    look,
    names,
    orders,
    plan,
    planned,
    plant,
    settle,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHECK = {"text": "Is it tight?", "kind": "check", "required": True}


@pytest.fixture
def world() -> World:
    return plant()


def end(world: World, order: WorkOrder, verb: str = "complete", **payload: Any) -> None:
    if verb == "complete" and order.status != "in_progress":
        ask(world, "work_order.start", BOSS, work_order_id=order.id)
    ask(world, f"work_order.{verb}", BOSS, work_order_id=order.id, **payload)
    settle(world)


def test_nothing_comes_of_a_plan_before_it_is_due_and_one_order_when_it_is(world: World) -> None:
    due_at = planned(world).generate_at
    assert due_at == NOON + HOUR

    early = ask(world, "plan.generate", SYSTEM, plan_id=PLAN, at=rfc3339(NOON))
    look(world, due_at)
    again = ask(world, "plan.generate", SYSTEM, plan_id=PLAN, at=rfc3339(due_at))

    [order] = orders(world)
    assert (order.title, order.asset_id, order.due_at, order.status) == (
        "Look after it",
        PUMP,
        due_at,
        "requested",
    )
    assert order.plan is not None
    assert (order.plan.id, order.plan.occurrence, order.plan.lane) == (PLAN, "2026-03-02T14:00", PUMP)
    assert not [*names(early), *names(again), *early.created, *again.created]


def test_a_clock_set_back_neither_loses_an_occurrence_nor_brings_it_twice(world: World) -> None:
    asked_at = planned(world).generate_at
    assert asked_at is not None
    world.now = asked_at - timedelta(minutes=5)

    for _ in range(2):
        ask(world, "plan.generate", SYSTEM, plan_id=PLAN, at=rfc3339(asked_at))
    settle(world)

    assert len(orders(world)) == 1
    assert plan(world).generate_at == asked_at + DAY


def test_what_an_outage_missed_is_made_up_for_in_bounded_looks_none_of_which_asks_the_same_again(
    world: World,
) -> None:
    planned(world)
    asked: list[Any] = []
    world.now = NOON + 119 * DAY

    while (at := plan(world).generate_at) and at <= world.now:
        asked.append(at)
        ask(world, "plan.generate", SYSTEM, plan_id=PLAN, at=rfc3339(at))
        settle(world)
        world.now = max(world.now, at) + timedelta(milliseconds=1)

    assert len(orders(world)) == 120  # summer time has brought the last one forward by an hour
    assert len(set(asked)) == len(asked) == 3


def test_every_target_has_an_order_of_its_own_or_a_round_has_lines_for_each(world: World) -> None:
    both = [{"asset_id": PUMP}, {"asset_id": FAN}]
    template = {"title": "Round", "checklist": [CHECK], "assignee_ids": [ident(7)]}
    planned(world, targets=both, template=template)
    look(world, NOON + HOUR)
    apart = orders(world)

    other = plant()
    planned(other, targets=both, template=template, per_target="route")
    look(other, NOON + HOUR)
    [round_] = orders(other)

    assert [(order.asset_id, len(order.checklist), order.status) for order in apart] == [
        (PUMP, 1, "assigned"),
        (FAN, 1, "assigned"),
    ]
    assert (round_.asset_id, round_.route) == (None, (PUMP, FAN))
    assert [item.asset_id for item in round_.checklist] == [PUMP, FAN]
    assert len({item.item_id for item in round_.checklist}) == 2


def test_a_round_goes_past_an_asset_that_was_retired_and_an_order_for_it_is_not_opened(world: World) -> None:
    planned(world, targets=[{"asset_id": PUMP}, {"asset_id": FAN}], per_target="route")
    world.put(replace(world.get(Asset, PUMP), decommissioned_at=NOON))
    look(world, NOON + HOUR)

    [order] = orders(world)
    assert order.route == (FAN,)

    other = plant()
    planned(other)
    other.put(replace(other.get(Asset, PUMP), decommissioned_at=NOON))
    done = look(other, NOON + HOUR)

    assert not orders(other)
    assert [data["code"] for _, data in done.events] == ["asset_decommissioned"]
    assert plan(other).skipped[-1].code == "asset_decommissioned"


def test_an_order_that_is_still_open_may_keep_the_next_one_from_coming(world: World) -> None:
    planned(world, open_policy="skip")
    look(world, NOON + HOUR)
    done = look(world, NOON + HOUR + DAY)

    assert len(orders(world)) == 1
    assert done.events[0] == (
        "plan.occurrence_skipped",
        {
            "occurrence": "2026-03-03T14:00",
            "lane": PUMP,
            "code": "open_order",
            "reason": f"order {orders(world)[0].id} is still open",
        },
    )

    end(world, orders(world)[0])
    look(world, NOON + HOUR + 2 * DAY)

    assert len(orders(world)) == 2


def test_the_next_one_may_be_added_to_the_order_that_is_still_open(world: World) -> None:
    planned(world, open_policy="merge", template={"title": "Look", "checklist": [CHECK]})
    look(world, NOON + HOUR)
    look(world, NOON + HOUR + DAY)

    [order] = orders(world)
    assert len(order.checklist) == 2
    assert world.events[-1] == ("work_order.occurrence_merged", {"occurrence": "2026-03-03T14:00"})


def test_an_occurrence_that_was_to_join_an_order_just_finished_gets_one_of_its_own(world: World) -> None:
    planned(world, open_policy="merge")
    look(world, NOON + HOUR)
    [first] = orders(world)
    ask(world, "work_order.start", BOSS, work_order_id=first.id)
    ask(world, "work_order.complete", BOSS, work_order_id=first.id)
    told, world.follow_ups = world.follow_ups, []

    look(world, NOON + HOUR + DAY)
    world.follow_ups = told
    settle(world)

    _, second = orders(world)
    assert second.plan is not None
    assert second.plan.occurrence == "2026-03-03T14:00"
    assert [one.work_order_id for one in plan(world).open_orders] == [second.id]


def test_the_next_one_may_take_the_place_of_the_order_that_is_still_open(world: World) -> None:
    planned(world, open_policy="supersede")
    look(world, NOON + HOUR)
    look(world, NOON + HOUR + DAY)

    assert [order.status for order in orders(world)] == ["cancelled", "requested"]
    assert [one.work_order_id for one in plan(world).open_orders] == [orders(world)[1].id]


def test_of_the_orders_that_an_outage_missed_each_takes_the_place_of_the_one_before(world: World) -> None:
    planned(world, open_policy="supersede")
    look(world, NOON + HOUR + 2 * DAY)

    assert [order.status for order in orders(world)] == ["cancelled", "cancelled", "requested"]
    assert [one.work_order_id for one in plan(world).open_orders] == [orders(world)[2].id]


@pytest.mark.parametrize(("verb", "payload"), [("complete", {}), ("cancel", {"reason": "sold"})])
def test_a_floating_plan_waits_for_its_order_and_counts_from_its_end(
    world: World, verb: str, payload: dict[str, str]
) -> None:
    planned(world, trigger={**DAILY, "every": 7, "basis": "floating"})
    look(world, NOON + HOUR)
    assert plan(world).generate_at is None

    world.now = NOON + 4 * DAY
    end(world, orders(world)[0], verb, **payload)

    assert plan(world).next_occurrence == "2026-03-13T14:00"


def test_a_floating_plan_counts_from_when_a_device_knows_that_it_was_done_and_not_from_what_was_told(
    world: World,
) -> None:
    planned(world, trigger={**DAILY, "every": 7, "basis": "floating"})
    look(world, NOON + HOUR)
    [order] = orders(world)
    ask(world, "work_order.start", BOSS, work_order_id=order.id)
    world.now = NOON + 4 * DAY
    end(world, world.get(WorkOrder, order.id))
    told_only = plan(world).next_occurrence

    noted = Complete(work_order_id=order.id)
    world.run(complete, noted, actor=BOSS, occurred_at=NOON + 2 * DAY, is_measured=True)
    settle(world)

    assert (told_only, plan(world).next_occurrence) == ("2026-03-13T14:00", "2026-03-11T14:00")


def test_an_order_done_again_after_a_reopening_has_one_successor(world: World) -> None:
    planned(world, trigger={**DAILY, "basis": "floating"})
    look(world, NOON + HOUR)
    [order] = orders(world)
    end(world, order)
    ask(world, "work_order.reopen", BOSS, work_order_id=order.id, reason="it leaks again")
    settle(world)
    assert plan(world).generate_at is None

    world.now += 3 * DAY
    ask(world, "work_order.complete", BOSS, work_order_id=order.id)
    settle(world)
    look(world, plan(world).generate_at or NOON)

    assert [one.plan.occurrence for one in orders(world) if one.plan] == [
        "2026-03-02T14:00",
        "2026-03-06T14:00",
    ]


def test_a_part_that_is_gone_is_left_out_with_a_warning(world: World) -> None:
    part, other = ident(998), ident(999)
    for id in (part, other):
        world.put(Part(id=id, name="Seal", unit="piece", created_at=NOON))
    named = [{"part_id": id, "quantity": 1} for id in (part, other)]
    planned(world, template={"title": "Look", "parts": named})
    del world.entities["part", other]

    done = look(world, NOON + HOUR)

    assert [code for code, _, _ in done.warnings] == ["unknown_part"]
    assert [line.part_id for line in orders(world)[0].parts] == [part]


def test_a_plan_that_cannot_be_unfolded_is_put_aside_until_it_is_resumed(world: World) -> None:
    holidays = tuple(f"{NOON + n * DAY:%Y-%m-%d}" for n in range(500))
    world.put(Calendar(id=CALENDAR, name="Never", time_zone="Europe/Berlin"))
    planned(world, calendar_id=CALENDAR, on_holiday="after")
    world.put(replace(world.get(Calendar, CALENDAR), holidays=holidays))

    done = look(world, NOON + HOUR)
    stuck = plan(world)
    world.put(replace(world.get(Calendar, CALENDAR), holidays=()))
    ask(world, "plan.resume", plan_id=PLAN)

    assert names(done) == ["quarantined"]
    assert (stuck.state, stuck.generate_at) == ("quarantined", None)
    assert stuck.quarantine is not None
    assert stuck.quarantine.code == "no_working_day"
    assert (plan(world).state, plan(world).quarantine) == ("active", None)
    assert plan(world).generate_at == NOON + HOUR


def test_that_an_order_was_done_is_not_lost_on_a_plan_that_cannot_be_unfolded(world: World) -> None:
    world.put(Calendar(id=CALENDAR, name="Never", time_zone="Europe/Berlin"))
    floating = {**DAILY, "basis": "floating"}
    planned(world, trigger=floating, calendar_id=CALENDAR, on_holiday="after")
    look(world, NOON + HOUR)
    holidays = tuple(f"{NOON + n * DAY:%Y-%m-%d}" for n in range(500))
    world.put(replace(world.get(Calendar, CALENDAR), holidays=holidays))

    end(world, orders(world)[0])
    aside = plan(world)
    world.put(replace(world.get(Calendar, CALENDAR), holidays=()))
    ask(world, "plan.resume", plan_id=PLAN)

    assert (aside.state, aside.open_orders) == ("quarantined", ())
    assert [name for name, _ in world.events][-3:] == [
        "plan.order_ended",
        "plan.quarantined",
        "plan.resumed",
    ]
    assert plan(world).next_occurrence == "2026-03-03T14:00"


def test_orders_of_one_look_follow_the_rules_that_held_for_each(world: World) -> None:
    planned(world)
    ask(
        world,
        "plan.revise",
        plan_id=PLAN,
        patch={"template": {"title": "Look twice"}},
        effective_from="2026-03-04T00:00",
    )

    look(world, NOON + 3 * DAY)

    issued = [(one.title, one.plan.revision) for one in orders(world) if one.plan]
    assert issued == [("Look after it", 1), ("Look after it", 1), ("Look twice", 2)]


def test_a_plan_ends_with_its_last_occurrence_and_says_so(world: World) -> None:
    planned(world, trigger={**DAILY, "count": 2})
    look(world, NOON + HOUR)
    done = look(world, NOON + HOUR + DAY)

    ended: Plan = plan(world)
    assert names(done) == ["generated", "ended"]
    assert (ended.state, ended.generate_at, ended.next_due_at) == ("ended", None, None)
