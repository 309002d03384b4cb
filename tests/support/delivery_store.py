"""One database for all tests of delivery, emptied before each: making its indexes takes longest of all."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from tests.servers import Servers
from tests.support.delivery_desk import Desk


@pytest.fixture(scope="package")
def delivery_store(servers: Servers) -> Iterator[Database[Any]]:
    with mongo.client(servers.mongo_uri) as client:
        db = client[f"delivery_{uuid4().hex[:12]}"]
        indexes.create(db)
        yield db
        client.drop_database(db.name)


@pytest.fixture
def desk(delivery_store: Database[Any]) -> Desk:
    for name in ("users", "preferences", "work_orders", "notices", "deliveries"):
        delivery_store[name].delete_many({})
    return Desk(delivery_store)
