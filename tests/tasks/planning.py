"""A world with plans in it: commands through their payload types, follow-ups through to the last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from adapters.commands.document import MAX_DEPTH
from domain.assets.asset import Asset
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from domain.plan.model import Plan
from domain.time.instants import rfc3339
from domain.work_order.model import WorkOrder
from tasks.catalogue import catalogue
from tests.tasks.fake_work import NOON, FakeWork, World, ident

BOSS = Actor(tenant_id="demo", user_id=ident(2), roles=("admin",), granted=granted(("admin",)))
PLANNER = Actor(tenant_id="demo", user_id=ident(1), roles=("planner",), granted=granted(("planner",)))
SYSTEM = Actor(tenant_id="demo", user_id=None)
PUMP, FAN, PLAN, CALENDAR = ident(301), ident(302), ident(400), ident(500)

DAILY = {
    "kind": "interval",
    "every": 1,
    "unit": "day",
    "start_local": "2026-03-02T14:00",
    "time_zone": "Europe/Berlin",
}
"""One hour after NOON for the first time: Berlin is an hour ahead."""


def plant() -> World:
    world = World()
    for id, name in ((PUMP, "Pump"), (FAN, "Fan")):
        world.put(Asset(id=id, name=name, created_at=NOON))
    return world


def ask(world: World, type: str, actor: Actor = PLANNER, /, **payload: Any) -> FakeWork:
    """One command by the permission that it needs; its follow-ups wait in the world."""
    spec = catalogue()[type]
    assert spec.permission is None or actor.can(spec.permission)
    return world.run(spec.handler, msgspec.convert(payload, spec.payload), actor=actor)


def settle(world: World) -> None:
    """Run all follow-ups of orders and plans, and theirs."""
    for _ in range(MAX_DEPTH):
        waiting, world.follow_ups = world.follow_ups, []
        for type, payload, _ in waiting:
            ask(world, type, SYSTEM, **msgspec.to_builtins(payload))
    assert not world.follow_ups


def planned(world: World, **rules: Any) -> Plan:
    body: dict[str, Any] = {
        "id": PLAN,
        "name": "Daily round",
        "trigger": DAILY,
        "targets": [{"asset_id": PUMP}],
        "template": {"title": "Look after it"},
    }
    ask(world, "plan.create", **{**body, **rules})
    return plan(world)


def plan(world: World) -> Plan:
    return world.get(Plan, PLAN)


def orders(world: World) -> list[WorkOrder]:
    found = [one for one in world.entities.values() if isinstance(one, WorkOrder)]
    return sorted(found, key=lambda one: one.number)


def look(world: World, now: datetime) -> FakeWork:
    """What the schedule asks for once the plan is due, with all that follows."""
    world.now = now
    at = plan(world).generate_at or now
    done = ask(world, "plan.generate", SYSTEM, plan_id=PLAN, at=rfc3339(at))
    settle(world)
    return done


def names(done: FakeWork) -> list[str]:
    return [name.removeprefix("plan.") for name, _ in done.events]
