"""What every test may ask for: real servers, a fresh database, an empty Valkey."""

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import redis
from pymongo import MongoClient
from pymongo.database import Database

from tests.servers import Servers, running

Document = dict[str, Any]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One mongod (replica set) and one Valkey for the whole run; a missing one fails, it never skips."""
    with running(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture(scope="session")
def mongo_client(servers: Servers) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](servers.mongo_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
def database_name(mongo_client: MongoClient[Document]) -> Iterator[str]:
    """A database that did not exist, dropped afterwards."""
    name = f"test_{uuid4().hex[:16]}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture(scope="session")
def kept_name(mongo_client: MongoClient[Document]) -> Iterator[str]:
    name = f"kept_{uuid4().hex[:16]}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def emptied_name(mongo_client: MongoClient[Document], kept_name: str) -> Iterator[str]:
    """A database in which nothing is left of earlier tests but the indexes, which take a second to make.

    A folder's `database_name` may be this one, where no test changes indexes.
    """
    yield kept_name
    kept = mongo_client[kept_name]
    kept.drop_collection("system.profile")
    for collection in kept.list_collection_names():
        kept[collection].delete_many({})


@pytest.fixture
def database(mongo_client: MongoClient[Document], database_name: str) -> Database[Document]:
    """The fresh database through the synchronous driver."""
    return mongo_client[database_name]


@pytest.fixture
def mongo_uri(servers: Servers, database_name: str) -> str:
    """A URI whose path names the fresh database."""
    start, _, options = servers.mongo_uri.partition("?")
    return f"{start.rstrip('/')}/{database_name}?{options}"


_numbers = count()


@pytest.fixture
def redis_url(servers: Servers, worker_id: str) -> Iterator[str]:
    """One of Valkey's numbered databases, emptied before and after; two runs at once have eight each."""
    first = 8 if worker_id == "gw1" else 0
    url = f"{servers.redis_url.rpartition('/')[0]}/{first + next(_numbers) % 8}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()
