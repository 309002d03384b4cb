"""A database with two tenants, a Valkey that may fail without anybody else noticing, and a crew on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from cli.embedded import servers as embedded
from cli.embedded.servers import Embedded
from tests.servers import Servers
from tests.support import seeds
from tests.support.processes import Processes, processes
from tests.torture.orders import TENANTS


@pytest.fixture
def own_valkey(servers: Servers, tmp_path: Path) -> Iterator[Embedded]:
    (tmp_path / "own-valkey").mkdir()
    with embedded.running(tmp_path / "own-valkey", mongo_uri=servers.mongo_uri) as running:
        yield running


@pytest.fixture
def db(mongo_uri: str, database_name: str) -> Iterator[Database[Any]]:
    with mongo.client(mongo_uri) as client:
        made = client[database_name]
        indexes.create(made)
        made.users.insert_many(seeds.user(tenant) for tenant in TENANTS)
        yield made
        # What killed workers left open would hold up the database's end until it expires.
        client.admin.command("killAllSessions", [])


@pytest.fixture
def crew(db: Database[Any], mongo_uri: str, own_valkey: Embedded, tmp_path: Path) -> Iterator[Processes]:
    with processes(db, mongo_uri, own_valkey.redis_url, tmp_path) as made:
        yield made
