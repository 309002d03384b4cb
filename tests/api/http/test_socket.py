"""What only a real server and a real socket show: chunks, hang-ups, and an end that leaves nobody waiting."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from litestar import Litestar
from pymongo.database import Database

from api.__main__ import as_served
from tests.api.people import People, Person
from tests.support.patience import eventually

ROUTE = "/api/commands/work_order.create"
ORDER = json.dumps({"title": "Replace the bearing", "type": "corrective", "priority": "high"}).encode()


@asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[int]:
    """A uvicorn in this loop, as `python -m api` runs it; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, **as_served(app.state.house.settings))
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve(sockets=[listener]))
        await asyncio.to_thread(lambda: eventually(lambda: server.started, within_s=10))
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def port(app: Litestar) -> AsyncIterator[int]:
    async with serving(app) as found:
        yield found


def head(person: Person, *extra: str) -> bytes:
    lines = [f"POST {ROUTE} HTTP/1.1", "Host: millwright", *extra]
    lines += [f"{name}: {value}" for name, value in person.sends().items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def status(reader: asyncio.StreamReader) -> int:
    line = await asyncio.wait_for(reader.readline(), 10)
    return int(line.split()[1])


async def test_a_body_in_chunks_is_accepted_and_one_without_end_is_cut_at_256_kib(
    port: int, people: People
) -> None:
    planner = people.add("planner")
    for chunks, expected in (([ORDER[:20], ORDER[20:], b""], 202), ([b" " * 10_000] * 40, 413)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(planner, "Transfer-Encoding: chunked"))
        for chunk in chunks:
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

        assert await status(reader) == expected
        writer.close()


async def test_clients_that_hang_up_stall_nobody_and_lose_no_accepted_command(
    port: int, people: People, store: Database[Any]
) -> None:
    planner = people.add("planner")
    length = f"Content-Length: {len(ORDER)}"
    for _ in range(30):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(planner, length) + ORDER)
        await writer.drain()
        writer.transport.abort()
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(planner, length) + ORDER[:10])
        await writer.drain()
        writer.transport.abort()

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(planner, length) + ORDER)

    assert await status(reader) == 202
    writer.close()
    titles = store["commands"].distinct("payload.title", {"tenant_id": planner.tenant_id})
    assert titles == ["Replace the bearing"]
