"""What people ask of plans and calendars, from payload to events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.assets.asset import Asset
from domain.assets.part import Part
from domain.errors import Rejected
from domain.time.working_calendar import Calendar
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
PART = ident(600)


@pytest.fixture
def world() -> World:
    return plant()


def refused(world: World, type: str, **payload: Any) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as caught:
        ask(world, type, **payload)
    return caught.value.code, caught.value.path


def test_a_plan_names_what_exists_and_is_in_service(world: World) -> None:
    body: dict[str, Any] = {
        "name": "Round",
        "trigger": DAILY,
        "targets": [{"asset_id": PUMP}],
        "template": {"title": "Look"},
    }
    needs_part = {"title": "Look", "parts": [{"part_id": PART, "quantity": "0.5"}]}

    unknown = refused(world, "plan.create", **body | {"targets": [{"asset_id": ident(9)}]})
    no_calendar = refused(world, "plan.create", **body, calendar_id=CALENDAR)
    no_part = refused(world, "plan.create", **body | {"template": needs_part})
    no_zone = refused(world, "plan.create", **body | {"trigger": {**DAILY, "time_zone": "Mars/Olympus"}})
    world.put(replace(world.get(Asset, PUMP), decommissioned_at=NOON))
    retired = refused(world, "plan.create", **body)

    assert unknown == ("unknown_asset", "asset_id")
    assert no_calendar == ("unknown_calendar", "calendar_id")
    assert no_part == ("unknown_part", "template")
    assert no_zone == ("unknown_time_zone", "time_zone")
    assert retired == ("asset_decommissioned", "asset_id")


def test_the_planned_parts_come_onto_the_order(world: World) -> None:
    world.put(Part(id=PART, name="Seal", unit="pc", created_at=NOON))
    planned(world, template={"title": "Look", "parts": [{"part_id": PART, "quantity": "0.5"}]})
    look(world, NOON + HOUR)

    [order] = orders(world)
    assert [(part.part_id, str(part.planned)) for part in order.parts] == [(PART, "0.5")]


def test_a_part_and_a_person_that_a_template_names_twice_are_one_line_and_one_person(world: World) -> None:
    world.put(Part(id=PART, name="Seal", unit="pc", created_at=NOON))
    seals = [{"part_id": PART, "quantity": quantity} for quantity in ("0.5", 2)]
    planned(world, template={"title": "Look", "parts": seals, "assignee_ids": [ident(7), ident(7)]})
    look(world, NOON + HOUR)

    [order] = orders(world)
    assert [(part.part_id, str(part.planned)) for part in order.parts] == [(PART, "2.5")]
    assert order.assignee_ids == (ident(7),)


def test_a_plan_id_is_taken_once_and_a_plan_with_nothing_to_come_is_none(world: World) -> None:
    planned(world)

    assert refused(
        world,
        "plan.create",
        id=PLAN,
        name="Again",
        trigger=DAILY,
        targets=[{"asset_id": PUMP}],
        template={"title": "Look"},
    ) == ("already_exists", "id")
    assert refused(
        world,
        "plan.create",
        name="Late",
        trigger={**DAILY, "ends_on": "2026-03-02", "start_local": "2026-03-02T08:00"},
        targets=[{"asset_id": PUMP}],
        template={"title": "Look"},
    ) == ("nothing_to_come", "trigger")


def test_a_template_too_large_for_so_many_targets_is_refused(world: World) -> None:
    targets = [{"asset_id": ident(1_000 + n)} for n in range(100)]

    code = refused(
        world,
        "plan.create",
        name="Huge",
        trigger=DAILY,
        targets=targets,
        template={"title": "Look", "description": "long " * 3_000},
    )

    assert code[0] == "unknown_asset"
    for target in targets:
        world.put(Asset(id=target["asset_id"], name="One of many", created_at=NOON))
    assert refused(
        world,
        "plan.create",
        name="Huge",
        trigger=DAILY,
        targets=targets,
        template={"title": "Look", "description": "long " * 3_000},
    ) == ("template_too_large", "template")


def test_a_paused_plan_is_not_looked_at_and_a_resumed_one_makes_up_for_it(world: World) -> None:
    planned(world)
    paused = ask(world, "plan.pause", plan_id=PLAN)
    twice = ask(world, "plan.pause", plan_id=PLAN)
    assert plan(world).generate_at is None

    look(world, NOON + 2 * DAY)
    assert not orders(world)

    resumed = ask(world, "plan.resume", plan_id=PLAN)
    look(world, NOON + 2 * DAY)

    assert (names(paused), names(twice), names(resumed)) == (["paused"], [], ["resumed"])
    assert len(orders(world)) == 2


def test_a_revision_changes_what_it_names_and_nothing_else(world: World) -> None:
    planned(world, lead_time="PT2H")
    look(world, NOON)

    done = ask(world, "plan.revise", plan_id=PLAN, patch={"name": "Round", "lead_time": None})

    revised = plan(world)
    assert (revised.rules.name, revised.rules.lead_time, revised.rules.trigger) == (
        "Round",
        None,
        plan(world).rules.trigger,
    )
    assert revised.revision == 2
    assert done.events[0][1]["fields"] == ["lead_time", "name"]
    assert refused(world, "plan.revise", plan_id=PLAN, patch={}) == ("nothing_to_revise", "patch")


def test_another_calendar_holds_at_once_or_not_at_all(world: World) -> None:
    world.put(Calendar(id=CALENDAR, name="Plant", time_zone="Europe/Berlin"))
    planned(world)

    later = {"plan_id": PLAN, "patch": {"calendar_id": CALENDAR}, "effective_from": "2026-04-01T00:00"}

    assert refused(world, "plan.revise", **later) == ("revised_at_once", "effective_from")
    ask(world, "plan.revise", plan_id=PLAN, patch={"calendar_id": CALENDAR})
    assert plan(world).rules.calendar_id == CALENDAR


def test_an_asset_retired_since_does_not_stand_in_the_way_of_a_revision(world: World) -> None:
    planned(world, targets=[{"asset_id": PUMP}, {"asset_id": FAN}])
    world.put(replace(world.get(Asset, FAN), decommissioned_at=NOON))

    ask(world, "plan.revise", plan_id=PLAN, patch={"name": "Round"})

    assert plan(world).rules.name == "Round"


def test_a_revised_trigger_does_not_issue_again_what_was_issued_ahead(world: World) -> None:
    planned(world, lead_time="P2D")
    look(world, NOON)
    issued = len(orders(world))

    ask(world, "plan.revise", plan_id=PLAN, patch={"trigger": {**DAILY, "start_local": "2026-03-02T13:30"}})
    look(world, NOON)

    days = [order.plan.occurrence[:10] for order in orders(world) if order.plan]
    assert issued == 2
    assert len(set(days)) == len(days)


def test_a_floating_plan_whose_trigger_is_revised_still_waits_for_its_open_order(world: World) -> None:
    floating = {**DAILY, "basis": "floating"}
    planned(world, trigger=floating)
    look(world, NOON + HOUR)

    ask(world, "plan.revise", plan_id=PLAN, patch={"trigger": {**floating, "every": 3}})

    assert plan(world).generate_at is None
    ask(world, "work_order.cancel", BOSS, work_order_id=orders(world)[0].id, reason="not today")
    settle(world)
    assert plan(world).next_occurrence == "2026-03-05T14:00"


def test_one_occurrence_is_left_out_or_moved_with_its_reason(world: World) -> None:
    planned(world)
    ask(
        world,
        "plan.occurrence.override",
        plan_id=PLAN,
        occurrence="2026-03-02T14:00:00",
        action="skip",
        reason="inventory",
    )
    ask(
        world,
        "plan.occurrence.override",
        plan_id=PLAN,
        occurrence="2026-03-03T14:00",
        action="move",
        to_local="2026-03-03T17:30",
        reason="delivery",
    )
    look(world, NOON + 2 * DAY)

    [order] = orders(world)
    assert order.plan is not None
    assert (order.plan.occurrence, order.due_at) == ("2026-03-03T14:00", NOON + DAY + 4.5 * HOUR)
    assert [(one.code, one.reason) for one in plan(world).skipped] == [("override", "inventory")]
    assert refused(
        world,
        "plan.occurrence.override",
        plan_id=PLAN,
        occurrence="2026-03-09T14:00",
        action="move",
        reason="when?",
    ) == ("invalid_override", "to_local")
    assert refused(
        world,
        "plan.occurrence.override",
        plan_id=PLAN,
        occurrence="2026-03-02T14:00",
        action="skip",
        reason="too late",
    ) == ("no_such_occurrence", "occurrence")


def test_a_plan_is_ended_for_good_and_its_orders_stay_open(world: World) -> None:
    planned(world)
    look(world, NOON + HOUR)
    done = ask(world, "plan.end", plan_id=PLAN, reason="sold")
    again = ask(world, "plan.end", plan_id=PLAN, reason="sold twice")

    ended = plan(world)
    assert (names(done), names(again)) == (["ended"], [])
    assert (ended.state, ended.ended_reason, ended.generate_at, ended.next_due_at) == (
        "ended",
        "sold",
        None,
        None,
    )
    assert orders(world)[0].status == "requested"
    assert refused(world, "plan.resume", plan_id=PLAN)[0] == "plan_ended"


def test_a_plan_whose_look_died_is_put_aside(world: World) -> None:
    planned(world)

    ask(world, "plan.quarantine", SYSTEM, plan_id=PLAN, code="generation_failed", message="see there")

    assert (plan(world).state, plan(world).generate_at) == ("quarantined", None)


def test_a_calendar_is_fresh_when_days_or_hours_change_and_settled_when_all_plans_know(world: World) -> None:
    def set_calendar(**changes: Any) -> Calendar:
        body = {"id": CALENDAR, "name": "Plant", "time_zone": "Europe/Berlin"}
        ask(world, "calendar.set", **{**body, **changes})
        return world.get(Calendar, CALENDAR)

    new = set_calendar()
    planned(world, calendar_id=CALENDAR, on_holiday="skip")
    renamed = set_calendar(name="The plant")
    changed = set_calendar(name="The plant", holidays=["2026-03-02", "2026-03-02"])
    ask(world, "plan.refresh", SYSTEM, plan_id=PLAN, calendar_version=changed.version)
    renamed_again = set_calendar(name="Plant", holidays=["2026-03-02"])
    ask(world, "calendar.settle", SYSTEM, calendar_id=CALENDAR, version=changed.version)
    too_early = world.get(Calendar, CALENDAR)
    ask(world, "calendar.settle", SYSTEM, calendar_id=CALENDAR, version=renamed_again.version)

    assert [one.fresh for one in (new, renamed, changed, renamed_again, too_early)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert not world.get(Calendar, CALENDAR).fresh
    assert changed.holidays == ("2026-03-02",)
    assert plan(world).next_occurrence == "2026-03-03T14:00"
    assert plan(world).calendar_version == changed.version


def test_hours_that_overlap_and_zones_that_are_none_make_no_calendar(world: World) -> None:
    hours = [{"weekday": 1, "from": "08:00", "to": "12:00"}, {"weekday": 1, "from": "11:00", "to": "16:00"}]
    body = {"name": "Plant", "time_zone": "Europe/Berlin"}

    assert refused(world, "calendar.set", **body, working_hours=hours) == ("invalid_hours", "working_hours")
    assert refused(world, "calendar.set", **body | {"time_zone": "Nowhere"}) == (
        "unknown_time_zone",
        "time_zone",
    )
