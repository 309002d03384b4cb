"""The demo's plans: within a minute of the first start they have brought orders."""

from __future__ import annotations

from cli.demo import plans as demo_plans
from cli.demo import tenants as demo
from cli.demo.first_start import id_of
from cli.demo.plans import SOON
from tests.support.scheduling import House


def test_within_a_minute_each_plan_of_the_demo_has_brought_its_orders(house: House) -> None:
    demo.seed(house.db, house.told, house.drains.clock)
    assert demo_plans.seed(house.db, house.drains.clock)
    house.drain()
    assert {plan["state"] for plan in house.db.plans.find()} == {"active"}

    house.push(seconds=SOON.total_seconds() + 10)
    house.runner("plans").tick()
    house.drain()

    orders = list(house.db.work_orders.find({"tenant_id": "demo"}))
    plans = ("walk-round", "grease", "filters", "service")
    assert {order["plan"]["id"] for order in orders} == set(map(id_of, plans))
    assert all(order["look_at"] for order in orders)
    assert not house.db.commands.count_documents({"state": {"$nin": ["applied"]}})


def test_a_second_start_asks_for_nothing_again(house: House) -> None:
    demo.seed(house.db, house.told, house.drains.clock)
    demo_plans.seed(house.db, house.drains.clock)
    asked = house.db.commands.count_documents({})

    assert not demo_plans.seed(house.db, house.drains.clock)
    assert house.db.commands.count_documents({}) == asked
