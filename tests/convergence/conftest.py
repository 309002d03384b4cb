"""The real application in a thread of its own, asked by clients that block as a device's does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo.database import Database

from adapters.mongo import client as mongo
from adapters.mongo import indexes
from adapters.settings.table import Settings
from api.app import create_app
from bench.device.wire import Answer, Request, Send
from tasks.catalogue import catalogue
from tests.api.asking import running
from tests.servers import Servers
from tests.support.drains import Drains

Sender = Callable[[str], Send]
"""By token."""


@pytest.fixture(scope="module")
def store(servers: Servers) -> Iterator[Database[Any]]:
    with mongo.client(servers.mongo_uri) as client:
        name = f"converge_{uuid4().hex[:12]}"
        indexes.create(client[name])
        yield client[name]
        client.drop_database(name)


@pytest.fixture(scope="module")
def settings(servers: Servers, store: Database[Any], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    start, _, options = servers.mongo_uri.partition("?")
    told = {
        "MONGO_URI": f"{start.rstrip('/')}/{store.name}?{options}",
        "REDIS_URL": servers.redis_url,
        "JWT_SECRET": "s" * 40,
        "RATE_LIMIT_MAX": "100000000",
    }
    directory: Path = tmp_path_factory.mktemp("app")
    return Settings.load(told, directory)


@pytest.fixture
def drains(store: Database[Any]) -> Drains:
    return Drains(store.client, store.name, catalogue())


@pytest.fixture(scope="module")
def sender(settings: Settings) -> Iterator[Sender]:
    with _asked(settings) as ask:
        yield ask


@contextmanager
def _asked(settings: Settings) -> Iterator[Sender]:
    loop = asyncio.new_event_loop()
    ready: asyncio.Future[httpx.AsyncClient] = loop.create_future()
    stop = asyncio.Event()

    async def live() -> None:
        async with running(create_app(settings)) as client:
            ready.set_result(client)
            await stop.wait()

    life = asyncio.run_coroutine_threadsafe(live(), loop)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    web = asyncio.run_coroutine_threadsafe(asyncio.wait_for(ready, 30), loop).result()

    def sends_as(token: str) -> Send:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        def send(request: Request) -> Answer:
            asked = web.request(request.method, request.path, content=request.body, headers=headers)
            answer = asyncio.run_coroutine_threadsafe(asked, loop).result()
            return Answer(status=answer.status_code, body=answer.content)

        return send

    try:
        yield sends_as
    finally:
        loop.call_soon_threadsafe(stop.set)
        life.result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
