"""What a device did to something that was not there goes on when that has come, in the device's order."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from adapters.mongo import indexes
from adapters.mongo.client import Document
from tasks.catalogue import catalogue
from tests.support import seeds
from tests.support.drains import Drains
from tests.support.outbox import Device
from tests.support.seeds import Seeds, new_id
from workers.duties import arrivals
from workers.duties.arrivals import Arrivals


@pytest.fixture
def house(mongo_client: Any, database: Database[Document]) -> tuple[Seeds, Drains]:
    indexes.create(database)
    database.users.insert_one(seeds.user("t1"))
    return Seeds(database, catalogue(), "t1"), Drains(mongo_client, database.name, catalogue())


def creates(device: Device, id: str) -> Document:
    return device.sends("work_order.create", id=id, title="Oil leak", type="corrective", priority="low")


def test_what_waits_goes_on_once_the_create_of_another_device_has_come(house: tuple[Seeds, Drains]) -> None:
    seed, drains = house
    id = new_id()
    line = ("t1", f"work_order:{id}")
    early = Device(seed, device_id="d1")
    day = [
        early.sends("work_order.start", work_order_id=id),
        early.sends("work_order.comment.add", work_order_id=id, text="begun"),
        early.sends("work_order.complete", work_order_id=id),
    ]
    drains.until_dry([line])
    assert [seed.state(command) for command in day] == ["parked"] * 3
    sweep = Arrivals(seed.db)
    assert sweep.tick() == 0

    creates(Device(seed, device_id="d2"), id)
    drains.until_dry([line])
    released = sweep.tick()
    drains.until_dry([line])

    assert released == 2, "the third waits for the first"
    assert [seed.state(command) for command in day] == ["applied"] * 3
    order = seed.db.work_orders.find_one({"_id": f"t1/{id}"})
    assert order is not None
    assert order["status"] == "completed"


def test_what_never_comes_holds_up_nobody(
    house: tuple[Seeds, Drains], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, drains = house
    monkeypatch.setattr(arrivals, "PAGE", 2)
    device = Device(seed)
    ids = [new_id() for _ in range(5)]
    for id in ids:
        device.sends("work_order.comment.add", work_order_id=id, text="hello")
    drains.until_dry([("t1", f"work_order:{id}") for id in ids])
    creates(Device(seed, device_id="d2"), max(ids))
    drains.until_dry([("t1", f"work_order:{max(ids)}")])

    sweep = Arrivals(seed.db)

    assert sum(sweep.tick() for _ in range(3)) == 1


def test_what_waits_for_a_kind_of_a_newer_release_holds_up_nobody(house: tuple[Seeds, Drains]) -> None:
    seed, drains = house
    id = new_id()
    device = Device(seed)
    newer, mine = (device.sends("work_order.comment.add", work_order_id=id, text=text) for text in "ab")
    drains.until_dry([("t1", f"work_order:{id}")])
    seed.db.commands.update_one({"_id": newer["_id"]}, {"$set": {"waits_for": "crane:1"}})
    creates(Device(seed, device_id="d2"), id)
    drains.until_dry([("t1", f"work_order:{id}")])

    assert Arrivals(seed.db).tick() == 1
    assert (seed.state(newer), seed.state(mine)) == ("parked", "accepted")
