"""Looks that are made where they are applied: what they leave, when there is none, and who asks again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.commands.document import Origin
from adapters.commands.unit_of_work import UnitOfWork
from adapters.mongo.client import Document
from domain.errors import Transient
from domain.time.instants import rfc3339
from tasks.command import handles
from tasks.plan.generate import Generate
from tasks.work import Work
from tests.support.patience import InThread
from tests.support.scheduling import TENANT, House
from tests.support.trial import NOT_IN_BSON
from workers.schedules.requests import ASK_AGAIN


@handles("plan.generate", permission=None, internal=True)
def failing(cmd: Generate, work: Work) -> None:  # noqa: ARG001
    raise Transient("something outside is down")


@handles("plan.generate", permission=None, internal=True)
def unwritable(cmd: Generate, work: Work) -> None:  # noqa: ARG001
    work.emit("plan.generated", count=NOT_IN_BSON)


def looks_at(house: House, plan: str) -> list[Document]:
    of_it = {"tenant_id": TENANT, "target": f"plan:{plan}", "type": "plan.generate"}
    return list(house.db.commands.find(of_it).sort("_id", 1))


def due_plans(house: House, count: int = 1, **rules: Any) -> list[str]:
    asset = house.asset()
    plans = [house.plan(asset, **rules) for _ in range(count)]
    house.push(days=1.5)
    return plans


def test_one_that_is_hinted_leaves_what_one_leaves_that_was_accepted_ahead(house: House) -> None:
    hinted, accepted = due_plans(house, 2)
    house.runner().tick()
    house.hinted.remove((TENANT, f"plan:{accepted}"))
    drained = house.look()
    house.push(seconds=5)
    house.runner(by_hint=False).tick()
    house.drain()

    [made], [like] = looks_at(house, hinted), looks_at(house, accepted)
    assert (made["state"], like["state"]) == ("applied", "applied")
    assert made.keys() == like.keys(), "whoever reads it cannot tell"
    same = ("origin", "attempts", "events", "queue", "schema_version")
    assert [made[name] for name in same] == [like[name] for name in same]
    assert made["idempotency"]["key"] == like["idempotency"]["key"].replace(accepted, hinted)
    assert made["seq"].time, "the server gave it its place"
    assert [house.orders(hinted), house.orders(accepted)] == 2 * [house.orders(hinted)]
    assert drained.accepted == {"plan.generate": 1}
    assert drained.states == {("plan.generate", "applied"): 1}


def test_where_nothing_is_due_a_hint_leaves_nothing(house: House) -> None:
    plan = house.plan(house.asset())
    house.hinted.append((TENANT, f"plan:{plan}"))
    house.hinted.append((TENANT, "plan:that-never-was"))

    drained = house.look()

    assert (drained.verdicts, drained.again, drained.failure) == ([], [], None)
    assert looks_at(house, plan) == []


def test_a_hint_that_is_said_again_brings_nothing_twice(house: House) -> None:
    plans = due_plans(house, 30)
    lines = [(TENANT, f"plan:{plan}") for plan in plans]

    def drain(chance: int) -> None:
        executor = house.drains.executor(chance=chance)
        for _ in range(3):
            executor.drain(lines[chance * 10 :] + lines[: chance * 10], checking=True)

    for thread in [InThread(lambda n=n: drain(n)) for n in range(3)]:  # type: ignore[misc]
        thread.result()

    assert [len(looks_at(house, plan)) for plan in plans] == [1] * 30
    assert [len(house.orders(plan)) for plan in plans] == [1] * 30


def test_it_does_not_overtake_what_waits_in_its_line(house: House) -> None:
    [plan] = due_plans(house)
    later = house.seeds.document("plan.pause", {"plan_id": plan}, origin=Origin(via="api"))
    house.seeds.accept_all([later | {"next_at": house.now + timedelta(hours=1), "state": "retrying"}])
    house.hinted.append((TENANT, f"plan:{plan}"))

    house.look()

    assert looks_at(house, plan) == []


def test_what_has_run_in_its_line_and_what_was_in_its_batch_puts_it_off_and_no_more(house: House) -> None:
    one, other = due_plans(house, 2)
    ahead = house.seeds.accept("plan.revise", plan_id=one, patch={"name": "Grease it well"})
    house.seeds.db.commands.update_one({"_id": ahead["_id"]}, {"$set": {"suspect": True}})
    house.hinted += [(TENANT, f"plan:{one}"), (TENANT, f"plan:{other}")]

    while house.hinted:
        house.hinted += house.look().again

    assert house.seeds.state(ahead) == "applied"
    assert [len(house.orders(plan)) for plan in (one, other)] == [1, 1]
    ran = [row["at"] for row in house.seeds.found(ahead)["history"]]
    assert ran < [looks_at(house, one)[0]["finished_at"]]


def test_a_suspect_runs_in_no_look_s_company(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = due_plans(house, 2)
    suspect = house.seeds.accept("plan.revise", plan_id=one, patch={"name": "Grease it well"})
    house.seeds.db.commands.update_one({"_id": suspect["_id"]}, {"$set": {"suspect": True}})
    announced: list[list[str]] = []
    honest = UnitOfWork.announce

    def noted(self: UnitOfWork, ids: list[str], at: datetime) -> None:
        announced.append(ids)
        honest(self, ids, at)

    monkeypatch.setattr(UnitOfWork, "announce", noted)
    house.hinted += [(TENANT, f"plan:{one}"), (TENANT, f"plan:{other}")]

    house.look()

    assert [suspect["_id"]] in announced
    assert not any(suspect["_id"] in ids for ids in announced if len(ids) > 1)


def test_a_clock_a_little_behind_that_of_who_asked_finds_it_due_all_the_same(house: House) -> None:
    [plan] = due_plans(house)
    house.runner().tick()
    behind = house.now - house.stored(plan)["generate_at"] + timedelta(seconds=1)
    house.push(seconds=-behind.total_seconds())

    house.look()

    assert len(house.orders(plan)) == 1


def test_nor_does_such_a_clock_use_up_an_orders_reminder(house: House) -> None:
    house.do("reminder.policy.set", name="All", before_due=["PT1H"])
    due_at = rfc3339(house.now + timedelta(days=1))
    made = house.do("work_order.create", title="Leak", type="corrective", priority="low", due_at=due_at)
    order = {"target": made["target"], "tenant_id": TENANT}
    look_at = (house.db.work_orders.find_one({"tenant_id": TENANT}) or {})["look_at"]
    house.push(seconds=(look_at - house.now).total_seconds() - 1)
    house.hinted.append((TENANT, made["target"]))

    house.look()

    assert house.db.events.count_documents(order | {"type": "work_order.reminded"}) == 1
    assert house.db.notices.count_documents({"about": made["target"]}) == 1


def test_a_lost_hint_is_made_up_for_by_a_command(house: House) -> None:
    [plan] = due_plans(house)
    runner = house.runner()
    assert runner.tick() == 1
    house.hinted.clear()
    house.push(seconds=30)
    assert runner.tick() == 0, "it may be on its way"

    house.push(seconds=ASK_AGAIN.total_seconds())
    assert runner.tick() == 1

    [asked] = looks_at(house, plan)
    assert asked["state"] == "accepted"
    house.drain()
    assert len(house.orders(plan)) == 1


def test_one_that_fails_is_a_command_with_its_attempts_and_its_plan_is_quarantined_when_it_dies(
    house: House,
) -> None:
    [plan] = due_plans(house)
    runner = house.runner()
    runner.tick()
    house.look(failing)
    [failed] = looks_at(house, plan)
    assert (failed["state"], failed["attempts"], failed["active"]) == ("retrying", 1, True)
    assert failed["next_at"] > house.now
    died = {"$set": {"state": "dead"}, "$unset": {"active": 1, "next_at": 1, "hint_at": 1}}
    house.db.commands.update_one({"_id": failed["_id"]}, died)

    house.hinted.append((TENANT, f"plan:{plan}"))
    again = house.look()
    assert (again.verdicts, again.failure) == ([], None), "asked for already"
    house.push(seconds=ASK_AGAIN.total_seconds())
    runner.tick()
    house.drain()

    assert house.stored(plan)["state"] == "quarantined"


@pytest.mark.parametrize("neighbours", [0, 3])
def test_one_that_cannot_be_written_is_to_blame_for_itself_alone(house: House, neighbours: int) -> None:
    [bad] = due_plans(house)
    others = [house.seeds.accept("asset.create", name=f"{n}", criticality="low") for n in range(neighbours)]
    house.hinted += [(TENANT, f"plan:{bad}"), *((TENANT, one["target"]) for one in others)]

    while house.hinted:
        house.hinted += house.look(unwritable).again

    [judged] = looks_at(house, bad)
    assert (judged["state"], judged["error"]["code"], judged["attempts"]) == ("retrying", "internal_error", 1)
    assert [house.seeds.state(one) for one in others] == ["applied"] * neighbours
