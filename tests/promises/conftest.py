"""One database for all promises, one tenant for each test: indexes are made once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from tests.servers import Servers
from tests.support import seeds, trial
from tests.support.drains import Drains
from tests.support.failing import FailingMongo, failing_mongo
from tests.support.seeds import Seeds


@pytest.fixture(scope="session")
def house(servers: Servers) -> Iterator[MongoClient[Any]]:
    """The client that the house itself makes."""
    with mongo.client(servers.mongo_uri) as client:
        yield client


@pytest.fixture(scope="session")
def shared(house: MongoClient[Any]) -> Iterator[Database[Any]]:
    name = f"promises_{uuid4().hex[:12]}"
    indexes.create(house[name])
    yield house[name]
    house.drop_database(name)


@pytest.fixture
def tenant(shared: Database[Any]) -> str:
    tenant_id = f"t{uuid4().hex[:10]}"
    shared.users.insert_one(seeds.user(tenant_id))
    return tenant_id


@pytest.fixture
def seed(shared: Database[Any], tenant: str) -> Seeds:
    return Seeds(shared, trial.trial_catalogue(), tenant)


@pytest.fixture
def drains(house: MongoClient[Any], shared: Database[Any]) -> Drains:
    return Drains(house, shared.name, trial.trial_catalogue())


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailingMongo]:
    """A mongod with failpoints."""
    with failing_mongo(tmp_path_factory.mktemp("faulty")) as found:
        indexes.create(found.admin["faulty"])
        yield found


@pytest.fixture
def faulty_tenant(faulty: FailingMongo) -> str:
    tenant_id = f"t{uuid4().hex[:10]}"
    faulty.admin["faulty"].users.insert_one(seeds.user(tenant_id))
    return tenant_id
