"""Clocks through the real door, drain and store: what is kept survives, what is due is told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from adapters.commands.document import TargetQueue
from adapters.mongo import client as mongo
from adapters.mongo.client import Document
from tasks.catalogue import catalogue
from tests.servers import Servers
from tests.support import seeds
from tests.support.drains import Drains
from tests.support.seeds import Seeds, new_id

TENANT = "t1"
HOUR = timedelta(hours=1)


def line(command: Document) -> TargetQueue:
    return command["tenant_id"], command["target"]


def test_an_order_is_watched_breached_and_told_of_once_in_the_store(
    servers: Servers, db: Database[Any]
) -> None:
    db.users.insert_one(seeds.user(TENANT))
    escalation = {"trigger": "resolve", "offset": "-PT1H", "notify": "assignee", "channels": ["email"]}
    order_id, person = new_id(), new_id()
    client: MongoClient[Any]
    with mongo.client(servers.mongo_uri) as client:
        seed = Seeds(client[db.name], catalogue(), TENANT)
        drains = Drains(client, db.name, catalogue())
        policy = seed.accept(
            "sla.policy.set", name="Gold", resolve="PT4H", pause_on=["parts"], escalations=[escalation]
        )
        drains.until_dry([line(policy)])
        made = seed.accept(
            "work_order.create",
            id=order_id,
            title="Leak",
            type="safety",
            priority="critical",
            assignee_ids=[person],
            due_at="2099-01-01T00:00:00Z",
        )
        for type, more in (("start", {}), ("hold", {"reason": "parts"}), ("resume", {})):
            seed.accept(f"work_order.{type}", work_order_id=order_id, **more)
        drains.until_dry([line(made)])
        born = client[db.name].work_orders.find_one({"id": order_id}) or {}

        drains.clock.push(5 * HOUR)
        for _ in range(2):
            seed.accept("work_order.look", work_order_id=order_id, at="2026-03-02T12:00:00Z")
        drains.until_dry([line(made)])

        order = client[db.name].work_orders.find_one({"id": order_id}) or {}

    assert born["look_at"] < born["created_at"] + 4 * HOUR
    assert [hold["reason"] for hold in born["watch"]["holds"]] == ["parts"]
    assert order["look_at"] is None
    clock = order["watch"]["sla"]["resolve"]
    assert clock["breached_at"] == clock["deadline"] > born["created_at"]
    assert (order["watch"]["sla"]["policy"]["name"], order["version"]) == ("Gold", born["version"] + 1)
    told = [event["type"] for event in db.events.find({"type": {"$regex": "sla_"}}).sort("_id", 1)]
    assert told == ["policies.sla_policy_set", "work_order.sla_breached", "work_order.sla_escalated"]
    [notice] = db.notices.find()
    assert notice["audience"] == {"user_ids": [], "assignee_ids": [person], "roles": []}
    assert (notice["critical"], notice["template"]) == (True, "sla_resolve")
    assert db.commands.count_documents({"active": True}) == 0
