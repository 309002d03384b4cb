"""The real application over the real stores, asked in-process; one tenant for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.settings.table import Settings
from api.app import create_app
from tasks.catalogue import catalogue
from tests.api.asking import running
from tests.api.documented import Documented
from tests.api.people import People
from tests.servers import Servers
from tests.support.drains import Drains


@pytest.fixture(scope="session")
def api_store(servers: Servers) -> Iterator[Database[Any]]:
    with mongo.client(servers.mongo_uri) as client:
        name = f"api_{uuid4().hex[:12]}"
        indexes.create(client[name])
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def store(api_store: Database[Any]) -> Database[Any]:
    return api_store


@pytest.fixture
def settings(servers: Servers, store: Database[Any], redis_url: str, tmp_path: Path) -> Settings:
    start, _, options = servers.mongo_uri.partition("?")
    uri = f"{start.rstrip('/')}/{store.name}?{options}"
    return Settings.load({"MONGO_URI": uri, "REDIS_URL": redis_url, "JWT_SECRET": "s" * 40}, tmp_path)


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings)


@pytest.fixture(scope="session")
def documented() -> Documented:
    with TemporaryDirectory() as place:
        given = {"MONGO_URI": "mongodb://nowhere", "REDIS_URL": "redis://nowhere", "JWT_SECRET": "s" * 40}
        return Documented(create_app(Settings.load(given, Path(place))).openapi_schema.to_schema())


@pytest.fixture
async def web(app: Litestar, documented: Documented) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the running application; refuses to hide its exceptions, or answers that are not documented."""
    async with running(app) as client:
        client.event_hooks = {"response": [documented.check]}
        yield client


@pytest.fixture
def people(store: Database[Any], settings: Settings) -> People:
    return People(store, settings)


@pytest.fixture
def apply(settings: Settings, store: Database[Any], people: People) -> Callable[[], None]:
    """Applies everything of the tenant that is due."""

    def run() -> None:
        with mongo.client(settings.mongo_uri) as client:
            drains = Drains(client, store.name, catalogue())
            active = {"tenant_id": people.tenant_id, "active": True}
            drains.until_dry([(people.tenant_id, t) for t in store.commands.distinct("target", active)])

    return run
