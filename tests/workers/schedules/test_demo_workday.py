"""The demo's technician: what lies on the phone after the first start."""

from __future__ import annotations

from cli.demo import tenants as demo
from cli.demo import workday
from cli.demo.first_start import user_of
from tests.support.scheduling import House


def test_the_technician_of_the_demo_has_work_that_is_late_for_today_and_for_later(house: House) -> None:
    demo.seed(house.db, house.told, house.drains.clock)
    assert workday.seed(house.db, house.drains.clock)
    house.drain()

    now = house.drains.clock.now()
    technician = user_of(house.db, workday.TECHNICIAN)["id"]
    orders = list(house.db.work_orders.find({"assignee_ids": technician}))
    days = {(order["due_at"] - now).days for order in orders}
    assert len(orders) == len(workday.ORDERS)
    assert min(days) < 0 < max(days)
    assert 0 in days
    assert not house.db.commands.count_documents({"state": {"$nin": ["applied"]}})
    assert not workday.seed(house.db, house.drains.clock)
