"""A real Chromium before a real system: `make test-browser`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Playwright, sync_playwright
from pymongo import MongoClient

from adapters.mongo import client as mongo
from tests.browser.network import Network
from tests.browser.phone import CHROMIUM, Phone
from tests.browser.system import System
from tests.servers import Servers
from tests.support.processes import uri_of

NewPhone = Callable[..., Phone]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    assert Path(CHROMIUM).exists(), f"there is no {CHROMIUM}: apt-get install chromium"
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def running_system(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    name = f"browser_{uuid4().hex[:12]}"
    uri = uri_of(servers.mongo_uri, name)
    with mongo.client(uri) as client:
        started = System(
            client[name], uri, f"{servers.redis_url.rpartition('/')[0]}/9", tmp_path_factory.mktemp("system")
        )
        started.start()
        yield started
        started.end()
        MongoClient[Any].drop_database(client, name)


@pytest.fixture
def system(running_system: System) -> System:
    """The demo's morning."""
    running_system.renew()
    return running_system


@pytest.fixture
def network(system: System) -> Iterator[Network]:
    between = Network(system.url)
    yield between
    between.close()


@pytest.fixture
def new_phone(playwright: Playwright, network: Network, tmp_path: Path) -> Iterator[NewPhone]:
    """Starts a phone; the same `name` again is the same phone, switched on again."""
    started: list[Phone] = []

    def start(name: str = "phone", **options: Any) -> Phone:
        phone = Phone(playwright, network.url, tmp_path / name, **options)
        started.append(phone)
        return phone

    yield start
    for phone in started:
        assert not phone.errors, phone.errors
        phone.close()


@pytest.fixture
def phone(new_phone: NewPhone) -> Phone:
    """Signed in as the demo's technician, ready to go underground."""
    phone = new_phone()
    phone.sign_in()
    phone.ready_offline()
    return phone
