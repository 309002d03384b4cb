"""A background task that falls says so, starts anew, and takes nothing with it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar
from pymongo import monitoring
from pymongo.database import Database

from adapters.commands.acceptance import BATCH_BYTES, Intake
from adapters.mongo import client as mongo
from adapters.process.background_task import Supervised
from adapters.settings.table import Settings
from api.app import House
from tests.api.commands.test_tracking import ORDER, ROUTE
from tests.api.people import People, new_id


async def test_a_task_that_falls_starts_anew_and_is_not_well_for_a_while() -> None:
    starts, lives = 0, asyncio.Event()

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise RuntimeError("a fault of ours")
        if starts == 2:
            raise asyncio.CancelledError  # a stray one: nobody has cancelled us
        lives.set()
        await asyncio.Event().wait()

    task = Supervised("fragile", work)
    seen = [task.is_well]
    task.start()
    seen.append(task.is_well)
    async with asyncio.timeout(5):
        await lives.wait()

    seen.append(task.is_well)
    await task.stop()
    assert seen == [False, True, False]
    assert starts == 3


async def test_a_fault_in_the_accept_batcher_costs_one_write_and_shows_in_readiness(
    web: httpx.AsyncClient, app: Litestar, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    house: House = app.state.house
    planner = people.add("planner")
    headers = planner.sends()

    async def faulty(_: Any) -> dict[int, int]:
        monkeypatch.undo()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(house.intake, "_insert", faulty)
    before = await web.get("/api/health/ready")
    failed = await web.post(ROUTE, json=ORDER, headers=headers)
    after = await web.get("/api/health/ready")
    again = await web.post(ROUTE, json=ORDER, headers=headers)

    assert (before.status_code, failed.status_code, again.status_code) == (200, 503, 202)
    assert (after.status_code, after.json()["failing"]) == (503, ["accept batcher"])


class Writes(monitoring.CommandListener):
    """The sizes of the inserts that are sent, in bytes of documents."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "insert":
            self.sizes.append(sum(len(document.raw) for document in event.command["documents"]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


async def test_one_write_is_bounded_by_bytes(settings: Settings, store: Database[Any]) -> None:
    writes = Writes()
    async with (
        mongo.async_client(settings.mongo_uri, event_listeners=[writes]) as client,
        Intake(client[store.name]["commands"]) as intake,
    ):
        await asyncio.gather(*(intake.accept(large(store.name)) for _ in range(40)))

    assert sum(writes.sizes) > 2 * BATCH_BYTES
    assert max(writes.sizes) <= BATCH_BYTES
    assert len(writes.sizes) <= 5


def large(tenant_id: str) -> dict[str, Any]:
    id = new_id()
    key = {"scope": "test", "key": id, "fingerprint": ""}
    return {"_id": id, "tenant_id": tenant_id, "idempotency": key, "payload": {"text": "x" * 250_000}}
