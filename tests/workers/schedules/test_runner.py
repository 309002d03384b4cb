"""Fires on a real store: once, whoever runs them and wherever they die."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.schedules import due
from adapters.schedules.fires import Fire, Fires
from domain.plan.model import SHARDS, shard_of
from domain.time.instants import rfc3339
from locks.lease import Lease, Unreachable
from schedules.declaration import CommandRequest, Due, Every, Latest, Schedule
from tests.support.scheduling import TENANT, House
from tests.support.seeds import new_id
from workers.schedules import runner as schedules
from workers.schedules.runner import PAGE


def test_a_plan_that_is_due_becomes_one_order_however_many_schedulers_tick(house: House) -> None:
    plan = house.plan(house.asset())
    one, other = house.runner(), house.runner()
    house.push(days=1.5)

    for runner in (one, other, one, other):
        runner.tick()
        house.push(seconds=5)
    house.drain()

    assert len(house.orders(plan)) == 1
    assert house.stored(plan)["generate_at"] > house.now
    assert house.db.commands.count_documents({"type": "plan.generate"}) == 1
    assert {fire["state"] for fire in house.db.fires.find()} == {"done"}


def test_an_outage_of_three_days_brings_each_order_once(house: House) -> None:
    plan = house.plan(house.asset())
    house.push(days=4)

    for _ in range(3):
        house.runner().tick()
        house.drain()
        house.push(seconds=5)

    days = [f"{house.now - timedelta(days=back):%Y-%m-%d}T08:00" for back in (3, 2, 1, 0)]
    assert house.orders(plan) == days


def test_a_fire_whose_process_died_is_finished_by_the_next(house: House) -> None:
    plan = house.plan(house.asset())
    house.push(days=1.5)
    dead = Fire(schedule="plans", slot=house.now.replace(second=0, microsecond=0))
    # It recorded that it began, and was killed before its first command.
    Fires(house.db).begin(dead, lease(token=1), now=house.now)

    house.runner().tick()
    house.drain()

    assert len(house.orders(plan)) == 1
    assert house.db.fires.count_documents({"state": "running"}) == 0


def test_a_fire_whose_process_died_with_nothing_left_to_ask_for_is_ended_by_the_next(house: House) -> None:
    dead = Fire(schedule="policies", slot=house.now.replace(second=0, microsecond=0))
    Fires(house.db).begin(dead, lease(token=1), now=house.now)

    house.push(minutes=1)
    house.runner("policies").tick()

    assert [fire["state"] for fire in house.db.fires.find()] == ["done"]


def test_a_later_leader_does_not_wait_for_the_lease_of_a_dead_one(house: House) -> None:
    plan = house.plan(house.asset())
    house.push(days=1.5)
    leases = house.runner(term=1)._leases
    assert leases.acquire("schedule:plans", ttl=timedelta(minutes=10), term=1) is not None

    assert house.runner(term=1).tick() == 0
    assert house.runner(term=None).tick() == 0
    assert house.runner(term=2).tick() == 1
    house.drain()

    assert len(house.orders(plan)) == 1


def test_a_paused_schedule_fires_nothing_and_catches_up_when_resumed(house: House) -> None:
    plan = house.plan(house.asset())
    runner = house.runner()
    house.db.schedules.update_one({"_id": "plans"}, {"$set": {"paused": {"by": "p"}}}, upsert=True)
    house.push(days=2)
    assert runner.tick() == 0

    house.db.schedules.update_one({"_id": "plans"}, {"$unset": {"paused": 1}})
    assert runner.tick() == 1
    house.drain()

    assert house.orders(plan)


def test_a_run_asked_for_by_a_person_fires_once_beside_the_rule(house: House) -> None:
    request = {"id": "r1", "at": house.now, "by": "p"}
    house.db.schedules.update_one({"_id": "plans"}, {"$push": {"requests": request}}, upsert=True)

    for _ in range(2):
        house.runner().tick()

    fires = list(house.db.fires.find())
    assert [(fire["by"], fire["state"]) for fire in fires] == [("person", "done")]


def test_a_plan_whose_look_died_is_quarantined_and_stops_no_other(house: House) -> None:
    asset = house.asset()
    bad, good = house.plan(asset), house.plan(asset)
    house.push(days=1.5)
    house.runner(by_hint=False).tick()
    dead = {"$set": {"state": "dead"}, "$unset": {"active": 1, "next_at": 1}}
    house.db.commands.update_one({"target": f"plan:{bad}", "type": "plan.generate"}, dead)
    house.drain()

    house.push(minutes=2)
    house.runner(by_hint=False).tick()
    house.drain()

    assert house.stored(bad)["state"] == "quarantined"
    assert "dead letters" in house.stored(bad)["quarantine"]["message"]
    assert house.orders(good)


def test_a_first_reminder_policy_reaches_open_orders_that_nothing_runs_on(house: House) -> None:
    house.do("sla.policy.set", name="Only critical", applies={"priorities": ["critical"]}, response="PT1H")
    order = {"type": "corrective", "priority": "low", "due_at": rfc3339(house.now + timedelta(days=1))}
    open_one = house.do("work_order.create", title="Open", **order)
    closed = house.do("work_order.create", title="Given up", **order)
    house.do("work_order.cancel", work_order_id=closed["target"].partition(":")[2], reason="no need")
    assert house.db.work_orders.count_documents({"look_at": {"$type": "date"}}) == 0

    house.do("reminder.policy.set", name="All", before_due=["PT1H"])
    asked = house.runner("policies").tick()
    house.drain()

    assert asked == 1
    (watched,) = house.db.work_orders.find({"look_at": {"$type": "date"}})
    assert watched["id"] == open_one["target"].partition(":")[2]


def test_an_order_that_was_being_opened_while_policies_changed_is_told_of_them_too(house: House) -> None:
    house.do("reminder.policy.set", name="All", before_due=["PT1H"])
    due_at = rfc3339(house.now + timedelta(days=1))
    house.do("work_order.create", title="Leak", type="corrective", priority="low", due_at=due_at)
    house.do("reminder.policy.set", name="Low", applies={"priorities": ["low"]}, before_due=["PT2H"])
    order = house.db.work_orders.find_one_and_delete({})
    assert order is not None
    house.runner("policies").tick()
    house.drain()

    # Its commit is seen after nobody was found who does not know yet.
    house.db.work_orders.insert_one(order)
    house.push(seconds=15)
    house.runner("policies").tick()
    house.drain()

    assert house.db.work_orders.find_one({}, ["look_at"]) == {
        "_id": order["_id"],
        "look_at": order["look_at"] - timedelta(hours=1),
    }


def test_slots_that_go_by_during_a_fire_are_passed_over_or_make_one_more(house: House) -> None:
    passed_over = slow(house, "skip")
    buffered = slow(house, "buffer_one")

    assert passed_over == 1
    assert buffered == 2


def test_a_calendar_that_changed_is_spread_to_its_plans_and_then_settled(house: House) -> None:
    asset = house.asset()
    calendar = house.do("calendar.set", name="Holidays", time_zone="Europe/Berlin")["target"].partition(":")[
        2
    ]
    plan = house.plan(asset, calendar_id=calendar, on_holiday="skip")
    tomorrow = f"{house.now + timedelta(days=1):%Y-%m-%d}"
    assert house.stored(plan)["next_occurrence"].startswith(tomorrow)

    house.do("calendar.set", id=calendar, name="Holidays", time_zone="Europe/Berlin", holidays=[tomorrow])
    for _ in range(2):
        house.runner("calendars").tick()
        house.drain()
        house.push(seconds=30)

    assert not house.stored(plan)["next_occurrence"].startswith(tomorrow)
    found = house.db.calendars.find_one({"_id": f"{TENANT}/{calendar}"})
    assert found is not None
    assert found["fresh"] is False


def test_a_calendar_that_changed_moves_the_deadlines_of_open_orders(house: House) -> None:
    def set_hours(until: str, **more: Any) -> Any:
        hours = [{"weekday": day, "from": "00:00", "to": until} for day in range(1, 8)]
        return house.do("calendar.set", name="Works", time_zone="UTC", working_hours=hours, **more)

    def deadline() -> datetime:
        (order,) = house.db.work_orders.find()
        assert order["look_at"] > order["watch"]["sla"]["resolve"]["deadline"]
        at: datetime = order["watch"]["sla"]["resolve"]["deadline"]
        return at

    calendar = set_hours("12:30")["target"].partition(":")[2]
    house.do("sla.policy.set", name="All", resolve="PT13H", calendar_id=calendar)
    house.do("work_order.create", title="Leak", type="corrective", priority="high")
    before = deadline()

    set_hours("23:59", id=calendar)
    asked = []
    for _ in range(3):
        asked.append(house.runner("calendars").tick())
        house.drain()
        house.push(seconds=30)

    assert asked == [1, 1, 0]
    assert deadline() < before


def slow(house: House, overlap: Any) -> int:
    """Fires of a schedule whose first takes three periods, in the three periods after it began."""
    period = timedelta(hours=1)

    def asks(_due: Due, slot: datetime, _now: datetime) -> Iterator[CommandRequest]:
        payload = {"id": house.seeds.part(), "name": "x", "unit": "piece"}
        yield CommandRequest(
            tenant_id=TENANT, type="part.create", payload=payload, key=f"{overlap}@{slot}" + "x" * 9
        )
        if not house.db.fires.count_documents({"schedule": overlap, "state": "done"}):
            house.push(hours=3)

    runner = house.runner(
        Schedule(
            name=overlap,
            rule=Every(period),
            lock_ttl="job_lock_ttl",
            catch_up=Latest(),
            overlap=overlap,
            requests=asks,
            summary="",
        )
    )
    runner.tick()
    runner.tick()
    found: int = house.db.fires.count_documents({"schedule": overlap})
    return found


def lease(*, token: int) -> Lease:
    return Lease(name="schedule:plans", owner="dead", token=token, ttl=timedelta(minutes=10), deadline=0)


def test_however_many_are_due_none_starves_behind_the_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "PAGE", 2)
    monkeypatch.setattr(schedules, "PAGE", 2)
    monkeypatch.setattr(schedules, "MOST", 4)
    asset = house.asset()
    plans = [house.plan(asset) for _ in range(7)]
    house.push(days=1.5)
    runner = house.runner()

    asked = []
    for _ in range(3):
        asked.append(runner.tick())
        house.push(seconds=5)
    house.drain()

    assert asked == [4, 3, 0]
    assert all(len(house.orders(plan)) == 1 for plan in plans)


def test_a_tick_reads_what_is_due_and_nothing_else(house: House) -> None:
    asset = house.asset()
    for _ in range(3):
        house.plan(asset)
    soon = house.now + timedelta(seconds=-1)
    plan = house.db.plans.find_one()
    assert plan is not None
    house.db.plans.update_one({"_id": plan["_id"]}, {"$set": {"generate_at": soon}})
    house.db.command("profile", 2)

    house.runner().tick()

    house.db.command("profile", 0)
    (look,) = house.db["system.profile"].find({"command.find": "plans", "command.hint": "due"})
    assert (look["nreturned"], look["docsExamined"]) == (1, 0)
    # One key beyond what is due ends each shard's range.
    assert look["keysExamined"] <= 1 + 2 * SHARDS


def test_a_fire_whose_lease_was_taken_over_in_the_middle_leaves_its_successors_record_alone(
    house: House,
) -> None:
    plan = house.plan(house.asset())
    house.push(days=1.5)
    late = house.runner(term=1)

    def taken_over(_queue: str, _lines: object) -> None:
        successor = house.runner(term=2)._leases.acquire("schedule:plans", ttl=timedelta(minutes=10), term=2)
        assert successor is not None
        begun = house.db.fires.find_one({"state": "running"})
        assert begun is not None
        Fires(house.db).begin(Fire(schedule="plans", slot=begun["slot"]), successor, now=house.now)

    late._hint = taken_over
    late.tick()

    fire = house.db.fires.find_one()
    assert fire is not None
    assert (fire["state"], fire["fence"]) == ("running", 2)
    house.runner(term=3).tick()
    house.drain()
    assert house.db.fires.count_documents({"state": "running"}) == 0
    assert len(house.orders(plan)) == 1


def test_a_plan_that_is_revised_while_a_tick_is_under_way_goes_by_its_new_rules(house: House) -> None:
    plan = house.plan(house.asset())
    house.push(days=1.5)
    # Accepted before the tick's command, and applied only with it: the tick has read the plan as it was.
    trigger = house.stored(plan)["rules"]["trigger"]
    house.seeds.accept("plan.revise", plan_id=plan, patch={"trigger": trigger | {"every": 30}})

    house.runner().tick()
    house.drain()

    assert house.orders(plan) == []
    assert house.stored(plan)["generate_at"] > house.now + timedelta(days=20)


def test_more_plans_than_a_page_are_asked_for_in_one_tick_each_once(house: House) -> None:
    house.plan(house.asset())
    like = house.db.plans.find_one()
    assert like is not None
    ids = [new_id() for _ in range(PAGE + 200)]
    house.db.plans.insert_many(
        {**like, "_id": f"{TENANT}/{id}", "id": id, "shard": shard_of(id)} for id in ids
    )
    house.push(days=1.5)

    assert house.runner().tick() == len(ids) + 1
    assert house.runner().tick() == 0


def test_a_leader_whose_lease_could_not_be_released_does_not_wait_for_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = house.plan(house.asset())
    house.push(days=1.5)
    leader = house.runner(term=1)

    def unreachable(_lease: Lease) -> None:
        raise Unreachable("the tick's time is over")

    with monkeypatch.context() as slow:
        slow.setattr(leader._leases, "release", unreachable)
        with pytest.raises(Unreachable):
            leader.tick()
    house.drain()
    house.push(days=1)

    assert leader.tick() == 1
    house.drain()
    assert len(house.orders(plan)) == 2


def test_a_clock_set_back_does_not_make_time_stand_still_until_it_is_there_again(house: House) -> None:
    house.push(days=1.5)
    house.runner().tick()
    house.push(hours=-2)
    plan = house.plan(house.asset())
    house.db.plans.update_one({"id": plan}, {"$set": {"generate_at": house.now}})

    house.runner().tick()
    house.push(seconds=5)
    house.runner().tick()
    house.drain()

    assert house.stored(plan)["generate_at"] > house.now
