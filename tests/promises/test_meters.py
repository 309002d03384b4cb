"""Readings through the real door and a real drain: counted once, in order, down to the order they bring."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from domain.time.instants import rfc3339
from tasks.catalogue import catalogue
from tests.support.drains import Drains
from tests.support.seeds import Seeds, new_id

HOUR = timedelta(hours=1)


class Plant:
    """An asset with a meter, and what has become of it."""

    def __init__(self, house: MongoClient[Any], shared: Database[Any], tenant: str) -> None:
        self.seed = Seeds(shared, catalogue(), tenant)
        self.drains = Drains(house, shared.name, catalogue())
        self.asset, self.meter, self.plan = new_id(), new_id(), new_id()
        self.began = SystemClock().now() - 1000 * HOUR
        self.ask("asset.create", id=self.asset, name="Press", criticality="high")
        self.ask("meter.create", id=self.meter, asset_id=self.asset, name="Hours", unit="h")

    def accept(self, type: str, /, **payload: Any) -> tuple[str, str]:
        command = self.seed.accept(type, **payload)
        return command["tenant_id"], command["target"]

    def ask(self, type: str, /, **payload: Any) -> None:
        self.drains.until_dry([self.accept(type, **payload)])

    def reading(self, hour: int, value: int, kind: str = "reading") -> Document:
        at = rfc3339(self.began + hour * HOUR)
        return {"meter_id": self.meter, "value": str(value), "read_at": at, "kind": kind}

    def all(self, collection: str, **where: Any) -> list[Document]:
        query = {"tenant_id": self.seed.tenant_id} | where
        return list(self.seed.db[collection].find(query).sort("_id", 1))


def test_a_reading_sent_thrice_in_one_batch_is_one_row_and_one_order(
    house: MongoClient[Any], shared: Database[Any], tenant: str
) -> None:
    plant = Plant(house, shared, tenant)
    trigger = {"kind": "meter", "meter_id": plant.meter, "every": 250}
    body = {"targets": [{"asset_id": plant.asset}], "template": {"title": "Change the oil"}}
    plant.ask("plan.create", id=plant.plan, name="Oil", trigger=trigger, **body)

    readings = [plant.reading(2, 260), plant.reading(1, 100), plant.reading(2, 260), plant.reading(2, 260)]
    lines = [plant.accept("meter.reading.record", **reading) for reading in readings]
    plant.drains.until_dry(lines)

    [meter] = plant.all("meters")
    assert (meter["total"], meter["plans"]) == (Decimal(260), [plant.plan])
    rows = plant.all("entries", target=f"meter:{plant.meter}")
    assert [(row["value"], row["late"]) for row in rows] == [(Decimal(100), True), (Decimal(260), False)]
    [order] = plant.all("work_orders")
    assert (order["plan"]["occurrence"], order["title"]) == ("meter@250", "Change the oil")
    [plan] = plant.all("plans")
    assert (plan["meter"]["next_at"], plan["generate_at"]) == (Decimal(500), None)
    assert not plant.all("commands", state={"$ne": "applied"})


def test_time_or_meter_in_a_real_store_is_one_order_and_both_begin_anew(
    house: MongoClient[Any], shared: Database[Any], tenant: str
) -> None:
    plant = Plant(house, shared, tenant)
    start = f"{SystemClock().now() + 24 * HOUR:%Y-%m-%dT%H:%M}"
    daily = {"kind": "interval", "every": 7, "unit": "day", "start_local": start, "time_zone": "UTC"}
    meter = {"kind": "meter", "meter_id": plant.meter, "every": "250"}
    trigger = {"kind": "first_of", "time": daily | {"basis": "floating"}, "meter": meter}
    body = {"targets": [{"asset_id": plant.asset}], "template": {"title": "Change the oil"}}
    plant.ask("plan.create", id=plant.plan, name="Oil", trigger=trigger, **body)

    plant.ask("meter.reading.record", **plant.reading(1, 300))
    [order] = plant.all("work_orders")
    for verb in ("start", "complete"):
        plant.ask(f"work_order.{verb}", work_order_id=order["id"])

    [plan] = plant.all("plans")
    assert (plan["state"], plan["open_orders"]) == ("active", [])
    assert plan["meter"]["next_at"] == Decimal(550)
    assert plan["next_due_at"] > SystemClock().now() + 6 * 24 * HOUR


def test_a_downtime_and_its_end_in_one_batch_are_one_row(
    house: MongoClient[Any], shared: Database[Any], tenant: str
) -> None:
    plant = Plant(house, shared, tenant)
    since = {"asset_id": plant.asset, "from": rfc3339(plant.began), "cause": "bearing"}

    lines = [
        plant.accept("asset.downtime.set", **since),
        plant.accept("asset.downtime.set", **since, to=rfc3339(plant.began + HOUR)),
    ]
    plant.drains.until_dry(lines)
    plant.ask("asset.downtime.set", **since, to=rfc3339(plant.began + 2 * HOUR))

    [row] = plant.all("entries", target=f"asset:{plant.asset}")
    assert row["until"] - row["since"] == 2 * HOUR
    [asset] = plant.all("assets")
    assert asset["down_since"] is None
